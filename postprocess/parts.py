"""One tile's detections -> footprints on the ground; those of many tiles -> PARTS, which know their tiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from groundplan.crs import check_metric
from groundplan.errors import ConfigError
from groundplan.labels import LABELS
from groundplan.records import Detections
from groundplan.schema import PARTS, empty_frame
from postprocess.imagery_ends import NO_SIDES, imagery_ends
from postprocess.options import PolygonOptions
from postprocess.outline import outlines
from postprocess.polygonal import Geometries


@dataclass(frozen=True, slots=True, kw_only=True)
class TileFootprints:
    """What one tile saw: N footprints."""

    polygons: Geometries
    """(N,): Polygon or MultiPolygon, in the region's CRS."""
    labels: NDArray[np.int64]
    """(N,): ids as in `groundplan.labels.LABEL_IDS`."""
    scores: NDArray[np.float64]
    """(N,): 0..1."""
    bounds: tuple[float, float, float, float]
    """Left, bottom, right, top of the tile."""
    ends: NDArray[np.object_]
    """(N,): sides on which imagery ends at the footprint, some of "nesw"; see `postprocess.imagery_ends`."""

    def __len__(self) -> int:
        return len(self.scores)


def tile_footprints(
    detections: Detections,
    *,
    transform: Affine,
    tile_px: int,
    valid: NDArray[np.bool_] | None = None,
    options: PolygonOptions | None = None,
) -> TileFootprints:
    """Return the footprints of one tile's detections.

    Nothing is filtered by size here: a small one may be the end of a large object.

    Parameters
    ----------
    detections : Detections
        One tile's.
    transform : Affine
        Tile pixel corner -> metric CRS; north up.
    tile_px : int
        Side of the tile.
    valid : ndarray of shape (tile_px, tile_px), dtype bool, optional
        True = the tile has imagery there; None = everywhere.
    options : PolygonOptions, optional
        See `postprocess.outline.outlines`.

    Returns
    -------
    TileFootprints
        One for each detection whose mask reaches the threshold, in their order.

    Raises
    ------
    ConfigError
        The transform is rotated.
    """
    if transform.b != 0 or transform.d != 0:
        raise ConfigError(f"tile transform {tuple(transform)[:6]} is rotated; tiles are read on a north-up grid")
    options = options or PolygonOptions()
    polygons = outlines(detections, transform=transform, tile_px=tile_px, options=options)
    found = ~shapely.is_missing(polygons)
    ends = np.full(len(polygons), NO_SIDES, dtype=object)
    if valid is not None and not valid.all():
        ends = imagery_ends(_in_pixels(polygons, transform), detections, valid, border_px=options.border_px)
    x, y = (transform.c, transform.c + transform.a * tile_px), (transform.f, transform.f + transform.e * tile_px)
    return TileFootprints(
        polygons=polygons[found],
        labels=detections.labels[found],
        scores=detections.scores[found].astype(np.float64),
        bounds=(min(x), min(y), max(x), max(y)),
        ends=ends[found],
    )


def parts_frame(tiles: Sequence[TileFootprints], *, crs: Any) -> gpd.GeoDataFrame:
    """Return the footprints of many tiles as one frame: a frame for each tile would take as long as its outlines.

    Parameters
    ----------
    tiles : sequence of TileFootprints
    crs : any
        Metric CRS of the region.

    Returns
    -------
    GeoDataFrame
        PARTS, one row per footprint, in their order.

    Raises
    ------
    CRSError
        The CRS does not measure in metres.
    """
    metric = check_metric(crs)
    tiles = [tile for tile in tiles if len(tile)]
    if not tiles:
        return empty_frame(PARTS, crs=metric)
    bounds = np.repeat(np.array([tile.bounds for tile in tiles]), [len(tile) for tile in tiles], axis=0)
    columns = {
        "label": np.array(LABELS)[np.concatenate([tile.labels for tile in tiles]) - 1].tolist(),
        "score": np.concatenate([tile.scores for tile in tiles]),
        "tile_left": bounds[:, 0],
        "tile_bottom": bounds[:, 1],
        "tile_right": bounds[:, 2],
        "tile_top": bounds[:, 3],
        "imagery_ends": np.concatenate([tile.ends for tile in tiles]).tolist(),
    }
    return gpd.GeoDataFrame(columns, geometry=np.concatenate([tile.polygons for tile in tiles]), crs=metric)


def _in_pixels(polygons: Geometries, transform: Affine) -> Geometries:
    t = ~transform

    def to_px(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack((t.a * xy[:, 0] + t.c, t.e * xy[:, 1] + t.f))

    return np.asarray(shapely.transform(polygons, to_px), dtype=object)
