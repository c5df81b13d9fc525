"""Shapes and the outlines they stand for -> IoU and residual of each."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.fitting import Array, rings_points
from postprocess.overlaps import edges_of, shared_areas
from postprocess.polygonal import Geometries

_AT_ONCE: Final = 256
"""Outlines fitted together: enough to share the cost of calling numpy; 64 take a sixth longer, 384 no less."""

_RESIDUAL_POINTS: Final = 96
"""Points on each ring that residuals are taken at."""


def in_turns(count: int) -> Iterator[NDArray[np.intp]]:
    """Yield the places 0 to `count` in batches of the size that is fitted fastest."""
    for start in range(0, count, _AT_ONCE):
        yield np.arange(start, min(start + _AT_ONCE, count))


def ious(shapes: Geometries, polygons: Geometries) -> Array:
    """Return the IoU of each shape with its outline; 0 for a shape that is missing or invalid."""
    iou = np.zeros(len(shapes))
    rows = np.flatnonzero(shapely.is_valid(shapes) & ~shapely.is_empty(shapes))
    if len(rows):
        edges = edges_of(np.concatenate((shapes[rows], polygons[rows])))
        shared = shared_areas(edges, np.arange(len(rows)), np.arange(len(rows)) + len(rows))
        iou[rows] = shared / (shapely.area(shapes[rows]) + shapely.area(polygons[rows]) - shared)
    return iou


def residuals_m(shapes: Geometries, polygons: Geometries) -> Array:
    """Return the root mean square distances, in metres, of polygons' rings from those of their shapes."""
    out = np.zeros(len(shapes))
    for some in in_turns(len(shapes)):
        rings, owner = shapely.get_rings(polygons[some], return_index=True)
        squares = _distances(rings_points(rings, count=_RESIDUAL_POINTS), shapes[some][owner]) ** 2
        n_rings = np.bincount(owner)
        for count in np.unique(n_rings):
            rows = np.flatnonzero(n_rings == count)
            each = squares[np.isin(owner, rows)].reshape(len(rows), -1)
            out[some[rows]] = np.sqrt(each.mean(axis=1))
    return out


def _distances(points: Array, polygons: Geometries) -> Array:
    """Return the distances of points (R, N, 2) from the rings of R polygons, one for each row.

    By the formula of GEOS, to the bit: there every point would have to be an object first.
    """
    out = np.full(points.shape[:2], np.inf)
    rings, owner = shapely.get_rings(polygons, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    first = np.flatnonzero(ring[1:] == ring[:-1])
    edges = np.concatenate((xy[first], xy[first + 1]), axis=1)
    owner = owner[ring[first]]
    n_edges = np.bincount(owner, minlength=len(polygons))
    for count in np.unique(n_edges):
        rows = np.flatnonzero(n_edges == count)
        px, py = points[rows, :, 0], points[rows, :, 1]
        for edge in edges[np.isin(owner, rows)].reshape(len(rows), count, 4).swapaxes(0, 1):
            ax, ay, bx, by = edge.T[:, :, None]
            run, rise = bx - ax, by - ay
            squared = run**2 + rise**2
            squared[squared == 0] = 1.0  # an edge without length: its end is as near
            dx, dy = px - ax, py - ay
            share = (dx * run + dy * rise) / squared
            beside = np.abs(dx * rise - dy * run) / squared * np.sqrt(squared)
            to_end = np.where(share <= 0, np.sqrt(dx**2 + dy**2), np.sqrt((px - bx) ** 2 + (py - by) ** 2))
            out[rows] = np.minimum(out[rows], np.where((share <= 0) | (share >= 1), to_end, beside))
    return out
