"""The outline of a court or a plain house -> the rectangle that fits it best."""

from typing import Any

import numpy as np
import shapely

from postprocess.fitting import Array, fit_model, main_angle, placed, ring_points, slopes, turned

_CORNER_M = 0.6
"""Bends below this are smoothed away before the first guess at the direction."""


def fit_rectangle(polygon: Any) -> Any:
    """Return the rectangle nearest to a polygon's outer ring by robust least squares, or None.

    Two first guesses are refined, along the outline's main direction and the smallest rectangle around it; the
    cheaper result is taken. A few milliseconds.
    """
    ring = polygon.exterior
    points = ring_points(ring)
    origin = points.mean(axis=0)
    points = points - origin
    frame = shapely.get_coordinates(shapely.minimum_rotated_rectangle(polygon))
    if len(frame) < 4:
        return None
    along = frame[1] - frame[0]
    angles = [main_angle(shapely.simplify(ring, _CORNER_M)), float(np.arctan2(along[1], along[0]) % (np.pi / 2))]
    if abs((angles[0] - angles[1] + np.pi / 4) % (np.pi / 2) - np.pi / 4) < np.radians(3):
        angles = angles[:1]
    fits = [fit for angle in angles if (fit := fit_model(_distance, _start(points, angle), points)) is not None]
    if not fits:
        return None
    params = min(fits, key=lambda fit: fit[1])[0]
    half_u, half_v = params[3:]
    if min(half_u, half_v) <= 0:
        return None
    local = np.array([(-half_u, -half_v), (half_u, -half_v), (half_u, half_v), (-half_u, half_v)])
    return shapely.Polygon(placed(local, params) + origin)


def _start(points: Array, angle: float) -> Array:
    u, v = turned(points, np.array([0.0, 0.0, angle]))
    # Quantiles instead of extremes: a spike must not set the size.
    (u0, u1), (v0, v1) = np.quantile(u, (0.03, 0.97)), np.quantile(v, (0.03, 0.97))
    centre = placed(np.array([[(u0 + u1) / 2, (v0 + v1) / 2]]), np.array([0.0, 0.0, angle]))[0]
    return np.array([*centre, angle, (u1 - u0) / 2, (v1 - v0) / 2])


def _distance(params: Array, points: Array) -> tuple[Array, Array]:
    """Parameters: centre x, y, angle, half sides; the distance is that to the nearer side's line."""
    u, v = turned(points, params)
    du, dv = np.abs(u) - params[3], np.abs(v) - params[4]
    by_u = du > dv
    nu, nv = np.where(by_u, np.sign(u), 0.0), np.where(by_u, 0.0, np.sign(v))
    sides = np.column_stack((-by_u.astype(float), by_u.astype(float) - 1.0))
    return np.where(by_u, du, dv), np.hstack((slopes(params, u, v, nu, nv), sides))
