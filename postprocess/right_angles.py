"""The outline of a building -> walls at right or half right angles to one main direction, or a circle."""

from typing import Any, Final, Literal

import numpy as np
import shapely

from postprocess.fitting import main_angles
from postprocess.options import ShapeOptions
from postprocess.polygonal import Geometries
from postprocess.walls import Trace, built, traced, walls_of

_QUARTER_SEGMENTS: Final = 8
"""Edges of a quarter of a round building."""


def trace_buildings(polygons: Geometries, *, options: ShapeOptions) -> list[Trace | None]:
    """Return outlines' stretches in frames of most of their walls; None where no bends are left of one."""
    out: list[Trace | None] = [None] * len(polygons)
    bends = shapely.simplify(polygons, options.corner_m)
    is_polygon = shapely.get_type_id(bends) == shapely.GeometryType.POLYGON
    rows = np.flatnonzero(is_polygon & ~shapely.is_empty(bends))
    origins = shapely.get_coordinates(shapely.centroid(polygons[rows]))
    angles = main_angles(shapely.get_exterior_ring(bends[rows])).tolist()
    for row, origin, angle in zip(rows.tolist(), origins, angles, strict=True):
        out[row] = traced(polygons[row], origin, angle, options=options)
    return out


def fit_right_angles(
    trace: Trace | None, *, options: ShapeOptions, angles: Literal["right", "half_right"] = "right"
) -> Any:
    """Return the polygon with every wall along one of a few axes, or None.

    Parameters
    ----------
    trace : Trace
        From `trace_buildings`. Holes follow the same direction; those smaller than a few steps vanish.
    options : ShapeOptions
        `step_m` matters here.
    angles : {"right", "half_right"}
        Two axes square to each other, or also the two between them: then None when nothing runs along these.
    """
    if trace is None or (angles == "half_right" and not trace.has_diagonals):
        return None
    walls = walls_of(trace, angles=angles, options=options)
    return None if walls is None else built(walls, trace.origin, trace.angle)


def fit_circle(polygon: Any) -> Any:
    """Return the circle with the polygon's centroid and area, for round houses; None with a courtyard."""
    if len(polygon.interiors):
        return None
    # The chords' polygon has the area that is asked for.
    quarter = np.pi / 2 / _QUARTER_SEGMENTS
    radius = float(np.sqrt(polygon.area / (2 * _QUARTER_SEGMENTS * np.sin(quarter))))
    return polygon.centroid.buffer(radius, quad_segs=_QUARTER_SEGMENTS)
