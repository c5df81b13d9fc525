"""Features -> the part of the globe in which OSM matters to them."""

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from osm.options import REACH_M

Window = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

NOWHERE: Window = (np.inf, np.inf, -np.inf, -np.inf)
"""A window that nothing meets."""


def window_around(features: gpd.GeoDataFrame) -> Window:
    """Return where OSM matters to features in a metric CRS: `REACH_M` around them; nowhere for none."""
    if len(features) == 0:
        return NOWHERE
    left, bottom, right, top = features.total_bounds
    # Points all over, not corners alone: the box of a wide region has curved sides on the globe.
    x, y = (np.linspace(low - REACH_M, high + REACH_M, 9) for low, high in ((left, right), (bottom, top)))
    points = shapely.multipoints(np.stack(np.meshgrid(x, y), axis=2).reshape(-1, 2))
    west, south, east, north = transform_geometries([points], source=features.crs, target=LON_LAT)[0].bounds
    # Beside the 180th meridian some points are on the other side of the globe's map.
    return (-180.0, -90.0, 180.0, 90.0) if east - west >= 180.0 else (west, south, east, north)


def meets(bounds: NDArray[np.float64], window: Window) -> NDArray[np.bool_]:
    """Return which of N bounds, (N, 4) in degrees, meet a window."""
    west, south, east, north = window
    across = (bounds[:, 0] <= east) & (bounds[:, 2] >= west)
    return np.asarray(across & (bounds[:, 1] <= north) & (bounds[:, 3] >= south))
