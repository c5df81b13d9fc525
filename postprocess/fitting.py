"""Points of many outlines and a distance function -> the parameters of all shapes, by robust least squares."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.polygonal import Geometries, geometry_array

Array = NDArray[np.float64]
Model = Callable[[Array, Array], tuple[Array, Array]]
"""Parameters (B, K) and points (B, N, 2) -> signed distances (B, N) and their derivatives (B, K, N)."""

SAMPLES: Final = 160
"""Points an outline is sampled with: one to two metres apart on a soccer pitch, a decimetre on a small house."""

_STEPS = 25
_WIDE_STEPS = 4
_WIDE_SCALE_M = 2.0
"""Least scale of the first steps: they see all of the outline, and a bump that the first guess took for a side is
left again. Fitted closely from the start, one court in four with bites and bumps was further from the truth than
its outline; now one in sixteen."""
_ENOUGH_M = 1e-3
_LEAST_SCALE_M = 0.02
"""Distances are weighed on at least this scale, else exact outlines would divide by zero."""
_ALIKE_M = 2.0
"""An outline's error is about the same over this length (a few cells of a network's mask): more samples on it
tell nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """B fits of a model with K parameters."""

    params: Array
    """(B, K); not finite where the steps diverged."""
    cost: Array
    """(B,): mean of log-damped squares, for comparing fits to the same points; infinite where they diverged."""
    covariance: Array
    """(B, K, K): of the parameters, as far as the outline's own roughness tells."""

    def best_of(self, other: "Fits") -> "Fits":
        """Return of two tries at the same points the cheaper, one by one."""
        better = other.cost < self.cost
        return Fits(
            params=np.where(better[:, None], other.params, self.params),
            cost=np.where(better, other.cost, self.cost),
            covariance=np.where(better[:, None, None], other.covariance, self.covariance),
        )

    def drawn_to(self, target: Array, *, sigma: Array) -> "Fits":
        """Return the fits after the parameters were also measured as `target`, with a standard error.

        Parameters
        ----------
        target : ndarray of shape (B, K)
            NaN where nothing is known of a parameter.
        sigma : ndarray of shape (K,)

        Notes
        -----
        The update of a Kalman filter: a size that the outline fixes to centimetres hardly moves, one that a hidden
        side leaves open does, and the centre moves along with it.
        """
        params, covariance = self.params.copy(), self.covariance.copy()
        for k in range(params.shape[1]):
            gain = covariance[:, :, k] / (covariance[:, k, k] + sigma[k] ** 2)[:, None]
            gain = np.where(np.isnan(target[:, k])[:, None], 0.0, gain)
            params += gain * np.nan_to_num(target[:, k] - params[:, k])[:, None]
            covariance -= gain[:, :, None] * covariance[:, None, k, :]
        return Fits(params=params, cost=self.cost, covariance=covariance)


def ring_points(ring: Any, *, count: int = SAMPLES) -> Array:
    """Return (count, 2) points at equal distances along a ring, in its CRS."""
    return rings_points(geometry_array([ring]), count=count)[0]


def rings_points(rings: Geometries, *, count: int = SAMPLES) -> Array:
    """Return points at equal distances along each ring, in its CRS.

    Parameters
    ----------
    rings : ndarray of LinearRing, shape (B,)
    count : int
        Points on each.

    Returns
    -------
    ndarray of shape (B, count, 2)
    """
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    n_vertices = np.bincount(ring, minlength=len(rings))
    start = np.cumsum(n_vertices) - n_vertices
    place = np.arange(len(xy)) - start[ring]
    # As a table: along one sum for all rings, the rounding of a ring's lengths would depend on those before it.
    lengths = np.zeros((len(rings), int(n_vertices.max(initial=1))))
    lengths[ring[1:], place[1:]] = np.where(place[1:] == 0, 0.0, np.hypot(*np.diff(xy, axis=0).T))
    along = np.cumsum(lengths, axis=1)
    at = along[ring, place]
    wanted = (np.arange(count) + 0.5) * (along[:, -1:] / count)
    # Complex numbers are ordered by their real parts, here the rings, then by their imaginary ones.
    key = np.arange(len(rings))[:, None] + 1j * wanted
    before = np.searchsorted(ring + 1j * at, key.ravel(), side="right") - 1
    run, off = np.diff(at, append=0.0), wanted.ravel() - at[before]
    out = np.empty((len(rings), count, 2))
    for axis, value in enumerate(xy.T):
        # No edge begins at a ring's last vertex, from which `at` falls back to 0.
        slope = np.divide(np.diff(value, append=0.0), run, out=np.zeros_like(at), where=run > 0)
        out[:, :, axis] = (slope[before] * off + value[before]).reshape(out.shape[:2])
    return out


def fit_models(model: Model, start: Array, points: Array, *, length_m: Array) -> Fits:
    """Minimise the distances of points to shapes; Gauss-Newton with Cauchy weights, many shapes at once.

    The weights let go of pieces of the outline that belong to no side, such as a chord over a hidden corner; of
    none in the first steps.

    Parameters
    ----------
    model : callable
        See `Model`.
    start : ndarray of shape (B, K)
        First guesses.
    points : ndarray of shape (B, N, 2)
        At equal distances on the outlines.
    length_m : ndarray of shape (B,)
        How long the outlines are.

    References
    ----------
    P. W. Holland, R. E. Welsch (1977), Robust regression using iteratively reweighted least-squares,
    doi:10.1080/03610927708827533.
    """
    params = start.copy()
    active = np.arange(len(params))
    with np.errstate(all="ignore"):
        for number in range(_STEPS):
            here, at = params[active], points[active]
            distance, slope = model(here, at)
            wide = number < _WIDE_STEPS
            normal, pull = _normal(distance, slope, least_scale_m=_WIDE_SCALE_M if wide else _LEAST_SCALE_M)
            step = np.linalg.solve(normal, pull[:, :, None])[:, :, 0]
            params[active] = here - step
            largest = np.abs(step).max(axis=1)
            active = active[(wide | (largest >= _ENOUGH_M)) & np.isfinite(largest)]
            if len(active) == 0:
                break
        distance, slope = model(params, points)
        cost = np.log1p((distance / 0.5) ** 2).mean(axis=1)
        good = np.isfinite(cost) & np.isfinite(params).all(axis=1)
        normal = np.where(good[:, None, None], _normal(distance, slope)[0], np.eye(params.shape[1]))
        told = np.maximum(length_m / _ALIKE_M / points.shape[1], 1e-6)  # of each sample, independent of the others
        spread = np.minimum(np.median(np.abs(distance), axis=1) / 0.6745, 1e3) ** 2
        factor = np.where(good, spread / np.minimum(told, 1.0), 0.0)
        covariance = np.asarray(np.linalg.inv(normal) * factor[:, None, None], dtype=np.float64)
    return Fits(params=params, cost=np.where(good, cost, np.inf), covariance=covariance)


def _normal(distance: Array, slope: Array, *, least_scale_m: float = _LEAST_SCALE_M) -> tuple[Array, Array]:
    """Return the weighted normal equations, (B, K, K) and (B, K), made safe to solve."""
    middle = distance.shape[1] // 2
    scale = np.maximum(1.5 * np.partition(np.abs(distance), middle, axis=1)[:, middle], least_scale_m)
    weighted = slope / (1.0 + (distance / scale[:, None]) ** 2)[:, None, :]
    normal = weighted @ slope.transpose(0, 2, 1)
    diagonal = np.einsum("bkk->bk", normal)
    diagonal *= 1.0 + 1e-6
    diagonal += 1e-9
    return normal, (weighted @ distance[:, :, None])[:, :, 0]


def turned(points: Array, params: Array) -> tuple[Array, Array]:
    """Return points (B, N, 2) in the frames of shapes whose first parameters are centre x, centre y and angle."""
    cos, sin = np.cos(params[:, 2, None]), np.sin(params[:, 2, None])
    x, y = points[:, :, 0] - params[:, 0, None], points[:, :, 1] - params[:, 1, None]
    return x * cos + y * sin, y * cos - x * sin


def placed(local: Array, params: Array) -> Array:
    """Return the inverse of `turned`: local (B, N, 2) -> CRS."""
    cos, sin = np.cos(params[:, 2, None]), np.sin(params[:, 2, None])
    u, v = local[:, :, 0], local[:, :, 1]
    return np.stack((params[:, 0, None] + u * cos - v * sin, params[:, 1, None] + u * sin + v * cos), axis=2)


def slopes(params: Array, u: Array, v: Array, nu: Array, nv: Array) -> list[Array]:
    """Return the derivatives of distances by centre x, centre y and angle, given their local gradient (nu, nv)."""
    cos, sin = np.cos(params[:, 2, None]), np.sin(params[:, 2, None])
    return [nv * sin - nu * cos, -nu * sin - nv * cos, nu * v - nv * u]


def main_angles(rings: Geometries) -> Array:
    """Return the angles, 0 to pi/2 radians, that most of each ring's length follows or is square to."""
    out = np.zeros(len(rings))
    n_vertices = shapely.get_num_coordinates(rings)
    for count in np.unique(n_vertices):
        rows = np.flatnonzero(n_vertices == count)
        step = np.diff(shapely.get_coordinates(rings[rows]).reshape(len(rows), count, 2), axis=1)
        length, angle = np.hypot(step[:, :, 0], step[:, :, 1]), np.arctan2(step[:, :, 1], step[:, :, 0])
        # Long edges say more than their length: noise turns an edge by an angle in inverse proportion to it.
        out[rows] = np.angle(np.sum(length**2 * np.exp(4j * angle), axis=1)) / 4 % (np.pi / 2)
    return out
