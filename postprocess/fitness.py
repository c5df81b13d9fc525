"""Shapes and the outlines they stand for -> IoU and residual of each."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.fitting import Array, ring_points
from postprocess.overlaps import edges_of, shared_areas
from postprocess.polygonal import Geometries

_AT_ONCE: Final = 64
"""Outlines fitted together: enough to share the cost of calling numpy, few enough to stay in the cache."""

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
    boundaries = shapely.boundary(shapes)
    shapely.prepare(boundaries)
    for place, (boundary, polygon) in enumerate(zip(boundaries, polygons, strict=True)):
        rings = (polygon.exterior, *polygon.interiors)
        points = np.vstack([ring_points(ring, count=_RESIDUAL_POINTS) for ring in rings])
        out[place] = np.sqrt(np.mean(shapely.distance(shapely.points(points), boundary) ** 2))
    return out
