"""One tile's detections -> its rows of the PARTS frame: polygons that know which tile saw them."""

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine

from groundplan.crs import check_metric
from groundplan.errors import ConfigError
from groundplan.labels import LABELS
from groundplan.records import Detections
from groundplan.schema import PARTS, empty_frame
from postprocess.options import PolygonOptions
from postprocess.outline import outlines


def tile_parts(
    detections: Detections, *, transform: Affine, tile_px: int, crs: Any, options: PolygonOptions | None = None
) -> gpd.GeoDataFrame:
    """Return the footprints of one tile's detections as PARTS.

    Nothing is filtered by size here: a small part may be the end of a large object.

    Parameters
    ----------
    detections : Detections
        One tile's.
    transform : Affine
        Tile pixel corner -> CRS; north up.
    tile_px : int
        Side of the tile.
    crs : any
        Metric CRS of the region.
    options : PolygonOptions, optional
        See `postprocess.outline.outlines`.

    Returns
    -------
    GeoDataFrame
        PARTS, one row per detection whose mask reaches the threshold, in their order.

    Raises
    ------
    ConfigError
        The transform is rotated.
    CRSError
        The CRS does not measure in metres.
    """
    metric = check_metric(crs)
    if transform.b != 0 or transform.d != 0:
        raise ConfigError(f"tile transform {tuple(transform)[:6]} is rotated; tiles are read on a north-up grid")
    if len(detections) == 0:
        return empty_frame(PARTS, crs=metric)
    polygons = outlines(detections, transform=transform, tile_px=tile_px, options=options)
    found = ~shapely.is_missing(polygons)
    x, y = (transform.c, transform.c + transform.a * tile_px), (transform.f, transform.f + transform.e * tile_px)
    count = int(found.sum())
    columns = {
        "label": [LABELS[number - 1] for number in detections.labels[found]],
        "score": detections.scores[found].astype(np.float64),
        "tile_left": np.full(count, min(x)),
        "tile_bottom": np.full(count, min(y)),
        "tile_right": np.full(count, max(x)),
        "tile_top": np.full(count, max(y)),
    }
    return gpd.GeoDataFrame(columns, geometry=polygons[found], crs=metric)
