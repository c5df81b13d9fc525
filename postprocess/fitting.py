"""Points of an outline and a shape's distance function -> the shape's parameters, by robust least squares."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

Array = NDArray[np.float64]
Model = Callable[[Array, Array], tuple[Array, Array]]
"""Parameters (K,) and points (N, 2) -> signed distances (N,) and their derivatives (N, K)."""

SAMPLES: Final = 160
"""Points an outline is sampled with: one to two metres apart on a soccer pitch, a decimetre on a small house."""

_STEPS = 25
_ENOUGH_M = 1e-3
_LEAST_SCALE_M = 0.02
"""Distances are weighed on at least this scale, else exact outlines would divide by zero."""


def ring_points(ring: Any, *, count: int = SAMPLES) -> Array:
    """Return (count, 2) points at equal distances along a ring, in its CRS."""
    at = (np.arange(count) + 0.5) * (ring.length / count)
    return np.asarray(shapely.get_coordinates(shapely.line_interpolate_point(ring, at)), dtype=np.float64)


def fit_model(model: Model, start: Array, points: Array) -> tuple[Array, float] | None:
    """Minimise the distances of the points to a shape; Gauss-Newton with Cauchy weights.

    The weights let go of pieces of the outline that belong to no side, such as a chord over a hidden corner.

    Parameters
    ----------
    model : callable
        See `Model`.
    start : ndarray of shape (K,)
        First guess.
    points : ndarray of shape (N, 2)

    Returns
    -------
    tuple of ndarray of shape (K,) and float, or None
        Parameters and the cost (mean of log-damped squares, for comparing fits to the same points); None where
        the steps diverge.

    References
    ----------
    P. W. Holland, R. E. Welsch (1977), Robust regression using iteratively reweighted least-squares,
    doi:10.1080/03610927708827533.
    """
    params = start.copy()
    middle = len(points) // 2
    for _ in range(_STEPS):
        distance, slope = model(params, points)
        scale = max(2.0 * float(np.partition(np.abs(distance), middle)[middle]), _LEAST_SCALE_M)
        weight = 1.0 / (1.0 + (distance / scale) ** 2)
        weighted = slope * weight[:, None]
        normal = weighted.T @ slope
        diagonal = normal.reshape(-1)[:: len(normal) + 1]
        diagonal *= 1.0 + 1e-6
        diagonal += 1e-9
        try:
            step = np.linalg.solve(normal, weighted.T @ distance)
        except np.linalg.LinAlgError:
            return None
        params = params - step
        if not np.isfinite(params).all():
            return None
        if np.abs(step).max() < _ENOUGH_M:
            break
    distance = model(params, points)[0]
    return params, float(np.mean(np.log1p((distance / 0.5) ** 2)))


def turned(points: Array, params: Array) -> tuple[Array, Array]:
    """Return points in the frame of a shape whose first parameters are centre x, centre y and angle."""
    cos, sin = np.cos(params[2]), np.sin(params[2])
    x, y = points[:, 0] - params[0], points[:, 1] - params[1]
    return x * cos + y * sin, y * cos - x * sin


def placed(local: Array, params: Array) -> Array:
    """Return the inverse of `turned`: local (N, 2) -> CRS."""
    cos, sin = np.cos(params[2]), np.sin(params[2])
    return np.column_stack(
        (params[0] + local[:, 0] * cos - local[:, 1] * sin, params[1] + local[:, 0] * sin + local[:, 1] * cos)
    )


def slopes(params: Array, u: Array, v: Array, nu: Array, nv: Array) -> Array:
    """Return the derivatives of a distance by centre x, centre y and angle, given its local gradient (nu, nv)."""
    cos, sin = np.cos(params[2]), np.sin(params[2])
    return np.stack((nv * sin - nu * cos, -nu * sin - nv * cos, nu * v - nv * u), axis=1)


def main_angle(ring: Any) -> float:
    """Return the angle, 0 to pi/2 radians, that most of a ring's length follows or is square to."""
    xy = shapely.get_coordinates(ring)
    step = np.diff(xy, axis=0)
    length, angle = np.hypot(*step.T), np.arctan2(step[:, 1], step[:, 0])
    # Long edges say more than their length: noise turns an edge by an angle in inverse proportion to it.
    total = np.sum(length**2 * np.exp(4j * angle))
    return float(np.angle(total) / 4 % (np.pi / 2))
