"""Probability grids in their boxes -> polygons in the CRS, sub-pixel, without pasting a mask."""

from typing import Any, cast

import contourpy
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray

from groundplan.records import Detections
from postprocess.options import PolygonOptions
from postprocess.polygonal import Geometries, geometry_array, polygonal

_Filled = tuple[list[NDArray[np.float64]], list[NDArray[np.uint32]]]
"""What contourpy gives for FillType.OuterOffset: points of each piece, and where its rings begin."""

_SOFT_BORDER_PX = 1.5
"""A network's box that ends this near the tile's border was cut by it: regression misses by a pixel or so."""

_SMOOTH = 0.15
"""Weight of either neighbour when a hard mask is smoothed before its contour is drawn.

Measured on painted rectangles of 20 to 122 px at random angles: up to 1/6 every pixel centre keeps its side of the
outline and the area stays within 0.5 %, while the IoU with the true rectangle rises (20 px: from 0.965 to 0.973);
1/4 gains no more and rounds corners by 0.65 % of the area.
"""

_HARD_SIMPLIFY_PX = 0.1
"""Most by which the outline of a hard mask is simplified: 0.27 px already moves the area by 1 % at 25 px."""

_MIN_BORDER_PIECE_PX2 = 2.0
"""Pieces of a mask at the tile's border survive from this area on, whatever their share of the largest."""


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
    About 0.5 ms an instance for 28 x 28 grids; the work grows with the number of cells.
    """
    options = options or PolygonOptions()
    gsd_m = float(np.sqrt(abs(transform.determinant)))
    slack_px = 1.0 + options.simplify_m / gsd_m
    out = np.full(len(detections), None, dtype=object)
    simplify_px = np.full(len(detections), options.simplify_m / gsd_m)
    for place, (grid, box) in enumerate(zip(detections.masks, detections.boxes.astype(np.float64), strict=True)):
        hard = _is_hard(grid, box)
        z, x, y = _framed(grid.astype(np.float64), box, hard=hard, tile_px=tile_px, slack_px=slack_px)
        out[place] = _contour(z, x, y, tile_px=tile_px, gsd_m=gsd_m, options=options)
        if hard:
            simplify_px[place] = min(simplify_px[place], _HARD_SIMPLIFY_PX)
    if options.simplify_m > 0:
        out = geometry_array(shapely.simplify(out, simplify_px, preserve_topology=True))
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


def _is_hard(grid: NDArray[np.float32], box: NDArray[np.float64]) -> bool:
    """Return whether a grid is a mask of zeros and ones at the tile's own resolution."""
    height, width = grid.shape
    native = abs(box[2] - box[0] - width) < 1e-3 and abs(box[3] - box[1] - height) < 1e-3
    return bool(native and ((grid == 0) | (grid == 1)).all())


def _framed(
    grid: NDArray[np.float64], box: NDArray[np.float64], *, hard: bool, tile_px: int, slack_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the grid with two rings around it and the pixel coordinates of its columns and rows.

    The outer ring is zero, so every contour closes. The inner ring is zero too, except at the tile's border, where
    it repeats the grid's edge and lies far enough outside that the contour crosses the border straight.
    """
    height, width = grid.shape
    x1, y1, x2, y2 = box
    near_px = 1e-3 if hard else _SOFT_BORDER_PX
    west, north, east, south = x1 <= near_px, y1 <= near_px, x2 >= tile_px - near_px, y2 >= tile_px - near_px
    z = np.zeros((height + 4, width + 4))
    z[2:-2, 2:-2] = grid
    for side, ring, outer, edge in (
        (north, np.s_[1, :], np.s_[0, :], np.s_[2, :]),
        (south, np.s_[-2, :], np.s_[-1, :], np.s_[-3, :]),
        (west, np.s_[:, 1], np.s_[:, 0], np.s_[:, 2]),
        (east, np.s_[:, -2], np.s_[:, -1], np.s_[:, -3]),
    ):
        if side:
            z[ring] = z[edge]
            z[outer] = z[edge]
    if hard:
        z[1:-1] = _SMOOTH * (z[:-2] + z[2:]) + (1 - 2 * _SMOOTH) * z[1:-1]
        z[:, 1:-1] = _SMOOTH * (z[:, :-2] + z[:, 2:]) + (1 - 2 * _SMOOTH) * z[:, 1:-1]
    z[0] = z[-1] = z[:, 0] = z[:, -1] = 0.0
    x = _centres(x1, x2, width, low=west, high=east, tile_px=tile_px, slack_px=slack_px)
    y = _centres(y1, y2, height, low=north, high=south, tile_px=tile_px, slack_px=slack_px)
    return z, x, y


def _centres(
    start: float, end: float, count: int, *, low: bool, high: bool, tile_px: int, slack_px: float
) -> NDArray[np.float64]:
    cell = (end - start) / count
    centres = start + (np.arange(-2, count + 2) + 0.5) * cell
    if low:
        centres[1] = min(centres[1], -slack_px)
        centres[0] = centres[1] - cell
    if high:
        centres[-2] = max(centres[-2], tile_px + slack_px)
        centres[-1] = centres[-2] + cell
    return np.asarray(centres, dtype=np.float64)


def _contour(
    z: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    tile_px: int,
    gsd_m: float,
    options: PolygonOptions,
) -> Any:
    """Return the polygons above the threshold in tile pixels, without small pieces and holes; None without any."""
    # Not contour_generator: that looks for masked and missing values first, which takes as long as all the rest.
    generator = contourpy.SerialContourGenerator(
        *np.meshgrid(x, y),
        z,
        None,  # type: ignore[arg-type]
        corner_mask=False,
        line_type=contourpy.LineType.Separate,
        fill_type=contourpy.FillType.OuterOffset,
        quad_as_tri=False,
        z_interp=contourpy.ZInterp.Linear,
    )
    pieces, offsets = cast(_Filled, generator.filled(options.threshold, np.inf))
    if not pieces:
        return None
    if len(pieces) == 1 and len(offsets[0]) == 2:  # one ring, as most are
        return shapely.polygons(pieces[0])
    rings = [np.split(points, ends[1:-1].astype(int)) for points, ends in zip(pieces, offsets, strict=True)]
    areas = np.array([abs(_signed_area(piece[0])) for piece in rings])
    at_border = np.array([bool((p[0].min() <= 0) or (p[0].max() >= tile_px)) for p in rings])
    keep = (areas >= options.min_component_share * areas.max()) | (at_border & (areas >= _MIN_BORDER_PIECE_PX2))
    min_hole_px2 = options.min_hole_m2 / gsd_m**2
    polygons = [
        shapely.Polygon(piece[0], [hole for hole in piece[1:] if abs(_signed_area(hole)) >= min_hole_px2])
        for piece, kept in zip(rings, keep, strict=True)
        if kept
    ]
    return polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons)


def _signed_area(ring: NDArray[np.float64]) -> float:
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2
