"""The outline of a running track -> two straights and two half circles, outside and, for a ring, inside."""

from typing import Any

import numpy as np
import shapely

from postprocess.fitting import Array, fit_model, placed, ring_points, slopes, turned

_QUARTER_SEGMENTS = 8
"""Edges of a quarter circle: 0.2 m off at the 36.5 m radius of a 400 m track, with 36 nodes a ring."""


def fit_stadium(polygon: Any) -> Any:
    """Return the stadium, or ring of two with one axis, nearest to a polygon by robust least squares, or None.

    The largest hole is taken for the infield when it fills a quarter of the outer ring or more.
    """
    outer = ring_points(polygon.exterior)
    origin = outer.mean(axis=0)
    frame = shapely.get_coordinates(shapely.minimum_rotated_rectangle(polygon)) - origin
    if len(frame) < 4:
        return None
    sides = np.diff(frame[:3], axis=0)
    lengths = np.hypot(*sides.T)
    long = sides[lengths.argmax()]
    radius = lengths.min() / 2
    centre = frame[:4].mean(axis=0)
    inner = max(polygon.interiors, key=lambda hole: shapely.Polygon(hole).area, default=None)
    full = shapely.Polygon(polygon.exterior).area
    ring = inner is not None and shapely.Polygon(inner).area >= 0.25 * full
    count = len(outer)
    points = np.vstack((outer, ring_points(inner))) - origin if ring else outer - origin
    width = (full - shapely.Polygon(inner).area) / polygon.exterior.length if ring else 0.0

    def distance(params: Array, at: Array) -> tuple[Array, Array]:
        """Parameters: centre x, y, angle, half length of the straights, outer and inner radius."""
        u, v = turned(at, params)
        off = u - np.clip(u, -params[3], params[3])
        far = np.maximum(np.hypot(off, v), 1e-9)
        nu, nv = off / far, v / far
        outside = np.arange(len(at)) < count
        own = np.column_stack((-nu * np.sign(u), -outside.astype(float), outside.astype(float) - 1.0))
        jacobian = np.hstack((slopes(params, u, v, nu, nv), own))
        return far - np.where(outside, params[4], params[5]), jacobian[:, : len(params)] if ring else jacobian

    start = np.array([*centre, np.arctan2(long[1], long[0]), max(lengths.max() / 2 - radius, 0.1), radius, radius])
    start[5] -= width
    fit = fit_model(distance, start, points)
    if fit is None:
        return None
    half, radius, inside = fit[0][3:]
    if half <= 0 or radius <= 0 or (ring and not 0 < inside < radius):
        return None
    axis = shapely.LineString(placed(np.array([(-half, 0.0), (half, 0.0)]), fit[0]) + origin)
    shape = axis.buffer(radius, quad_segs=_QUARTER_SEGMENTS)
    return shape.difference(axis.buffer(inside, quad_segs=_QUARTER_SEGMENTS)) if ring else shape
