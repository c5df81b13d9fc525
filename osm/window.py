"""Features -> the part of the globe in which OSM matters to them, exactly or roughly."""

from typing import Final

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


_ROUGH_DEG: Final = 2 * REACH_M / 111_000
"""Twice `REACH_M` in degrees of latitude."""


def rough_window(features: gpd.GeoDataFrame) -> Window | None:
    """Return a window, not much too large, that holds where OSM matters to features; None where they do not say.

    Parameters
    ----------
    features : GeoDataFrame
        In any CRS and not checked yet, as somebody's GeoJSON is.
    """
    if len(features) == 0:
        return NOWHERE
    if features.crs is None or not np.isfinite(features.total_bounds).all():
        return None
    west, south, east, north = _lon_lat_bounds(features)
    furthest = max(abs(south), abs(north)) + _ROUGH_DEG
    if not (furthest < 89.0 and east - west < 180.0):  # also where a projection gave no numbers
        return None
    across = _ROUGH_DEG / np.cos(np.radians(furthest))
    return (west - across, south - _ROUGH_DEG, east + across, north + _ROUGH_DEG)


def window_around(features: gpd.GeoDataFrame) -> Window:
    """Return where OSM matters to features in a metric CRS: `REACH_M` around them; nowhere for none."""
    if len(features) == 0:
        return NOWHERE
    west, south, east, north = _lon_lat_bounds(features, around_m=REACH_M)
    return (-180.0, -90.0, 180.0, 90.0) if east - west >= 180.0 else (west, south, east, north)


def _lon_lat_bounds(features: gpd.GeoDataFrame, *, around_m: float = 0.0) -> Window:
    left, bottom, right, top = features.total_bounds
    # Points all over, not corners alone: the box of a wide region has curved sides on the globe.
    x, y = (np.linspace(low - around_m, high + around_m, 9) for low, high in ((left, right), (bottom, top)))
    points = shapely.multipoints(np.stack(np.meshgrid(x, y), axis=2).reshape(-1, 2))
    west, south, east, north = transform_geometries([points], source=features.crs, target=LON_LAT)[0].bounds
    return west, south, east, north


def meets(bounds: NDArray[np.float64], window: Window) -> NDArray[np.bool_]:
    """Return which of N bounds, (N, 4) in degrees, meet a window."""
    west, south, east, north = window
    across = (bounds[:, 0] <= east) & (bounds[:, 2] >= west)
    return np.asarray(across & (bounds[:, 1] <= north) & (bounds[:, 3] >= south))
