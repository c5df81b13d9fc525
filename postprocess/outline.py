"""Probability grids in their boxes -> polygons in the CRS, sub-pixel, without pasting a mask."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from groundplan.records import Detections
from postprocess.contours import contours, framed
from postprocess.options import PolygonOptions
from postprocess.polygonal import Geometries, geometry_array, polygonal
from postprocess.simplified import simplified

_HARD_SIMPLIFY_PX = 0.1
"""Most by which the outline of a hard mask is simplified: 0.27 px already moves the area by 1 % at 25 px."""

_CELLS_AT_ONCE: Final = 1 << 16
"""Cells of grids that are drawn together: a tile's 60 of a network, and no gigabytes of hard masks."""


def outlines(
    detections: Detections, *, transform: Affine, tile_px: int, options: PolygonOptions | None = None
) -> Geometries:
    """Draw the outline of every instance at the threshold of its probability grid.

    Grid values are cell centres, so an outline runs through cells, not around them; a grid of exact zeros and ones
    at the tile's resolution is smoothed just enough to lose its stairs. Where the box ends at the tile's border
    the grid is continued beyond it and the outline cut there, so that parts meet exactly at the border.

    Parameters
    ----------
    detections : Detections
        One tile's; boxes in tile pixels.
    transform : Affine
        Tile pixel corner -> CRS.
    tile_px : int
        Side of the tile.
    options : PolygonOptions, optional
        `threshold`, `simplify_m`, `min_component_share` and `min_hole_m2` matter here.

    Returns
    -------
    ndarray of Polygon, MultiPolygon or None, shape (N,)
        None where the grid nowhere reaches the threshold. Valid, with courtyards; simplified by at most
        `simplify_m`, but never at the tile's border.

    Notes
    -----
    About 0.1 ms an instance for 28 x 28 grids; the work grows with the number of cells.
    """
    options = options or PolygonOptions()
    gsd_m = float(np.sqrt(abs(transform.determinant)))
    slack_px = 1.0 + options.simplify_m / gsd_m
    out = np.full(len(detections), None, dtype=object)
    simplify_px = np.full(len(detections), options.simplify_m / gsd_m)
    boxes = detections.boxes.astype(np.float64)
    for places, hard in _alike(detections, boxes):
        grids = np.stack([detections.masks[place] for place in places]).astype(np.float64)
        z, x, y = framed(grids, boxes[places], hard=hard, tile_px=tile_px, slack_px=slack_px)
        out[places] = contours(
            z,
            x,
            y,
            threshold=options.threshold,
            tile_px=tile_px,
            min_share=options.min_component_share,
            min_hole_px2=options.min_hole_m2 / gsd_m**2,
        )
        if hard:
            simplify_px[places] = np.minimum(simplify_px[places], _HARD_SIMPLIFY_PX)
    if options.simplify_m > 0:
        out = simplified(out, simplify_px)
    out = polygonal(out)
    # Simplified first and cut afterwards: the straight cut at the border is then exact.
    beyond = (shapely.bounds(out) * [-1, -1, 1, 1] > [0, 0, tile_px, tile_px]).any(axis=1)
    if beyond.any():
        out[beyond] = shapely.intersection(out[beyond], shapely.box(0, 0, tile_px, tile_px))
        out = polygonal(out)

    t = transform

    def to_crs(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = xy[:, 0], xy[:, 1]
        return np.column_stack((t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f))

    return geometry_array(shapely.transform(out, to_crs))


def _alike(detections: Detections, boxes: NDArray[np.float64]) -> Iterator[tuple[list[int], bool]]:
    """Yield the places of grids of one shape that are hard or are not, a few at once, and whether they are."""
    groups: dict[tuple[tuple[int, ...], bool], list[int]] = {}
    for place, (grid, box) in enumerate(zip(detections.masks, boxes, strict=True)):
        groups.setdefault((grid.shape, _is_hard(grid, box)), []).append(place)
    for ((height, width), hard), places in groups.items():
        step = max(1, _CELLS_AT_ONCE // (height * width))
        for first in range(0, len(places), step):
            yield places[first : first + step], hard


def _is_hard(grid: NDArray[np.float32], box: NDArray[np.float64]) -> bool:
    """Return whether a grid is a mask of zeros and ones at the tile's own resolution."""
    height, width = grid.shape
    native = abs(box[2] - box[0] - width) < 1e-3 and abs(box[3] - box[1] - height) < 1e-3
    return bool(native and ((grid == 0) | (grid == 1)).all())
