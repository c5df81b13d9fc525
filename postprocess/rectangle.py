"""Outlines of courts, pitches and plain houses -> the rectangles that fit them best."""

import numpy as np
import shapely

from postprocess.fitting import SAMPLES, Array, Fits, fit_models, main_angles, placed, rings_points, slopes, turned
from postprocess.polygonal import Geometries, geometry_array
from postprocess.regulations import SIZE_SIGMA_M, nearest_size

_CORNER_M = 0.6
"""Bends below this are smoothed away before the first guess at the direction."""

_SAME_DEG = 3.0
"""First guesses nearer than this are one."""


def fit_rectangles(polygons: Geometries, *, sizes_m: Array | None = None, samples: int = SAMPLES) -> Geometries:
    """Return the rectangles nearest to polygons' outer rings by robust least squares.

    Two first guesses are refined, along the outline's main direction and the smallest rectangle around it; the
    cheaper result is taken.

    Parameters
    ----------
    polygons : ndarray of Polygon, shape (B,)
        Not empty.
    sizes_m : ndarray of shape (S, 2), optional
        Lengths and widths that such things are built with: a rectangle that may well have the nearest is drawn
        towards it, as far as the outline leaves its size open.
    samples : int
        Points on each outline that it is fitted to; the time grows with them.

    Returns
    -------
    ndarray of Polygon or None, shape (B,)
    """
    out = np.full(len(polygons), None, dtype=object)
    frames = shapely.oriented_envelope(polygons)
    rows = np.flatnonzero(shapely.get_type_id(frames) == shapely.GeometryType.POLYGON)
    if len(rows) == 0:
        return out
    rings = shapely.get_exterior_ring(polygons[rows])
    length_m = np.asarray(shapely.length(rings))
    points = rings_points(rings, count=samples)
    origin = points.mean(axis=1, keepdims=True)
    points = points - origin
    corners = shapely.get_coordinates(frames[rows]).reshape(len(rows), 5, 2)
    along = corners[:, 1] - corners[:, 0]
    framed = np.arctan2(along[:, 1], along[:, 0]) % (np.pi / 2)
    main = main_angles(shapely.simplify(rings, _CORNER_M))
    fits = fit_models(_distance, _start(points, main), points, length_m=length_m)
    apart = np.abs((main - framed + np.pi / 4) % (np.pi / 2) - np.pi / 4) >= np.radians(_SAME_DEG)
    again = np.flatnonzero(apart)
    if len(again):
        other = fit_models(
            _distance, _start(points[again], framed[again]), points[again], length_m=length_m[again]
        )
        better = Fits(params=fits.params[again], cost=fits.cost[again], covariance=fits.covariance[again]).best_of(
            other
        )
        fits.params[again], fits.cost[again] = better.params, better.cost
        fits.covariance[again] = better.covariance
    if sizes_m is not None:
        target = np.full(fits.params.shape, np.nan)
        target[:, 3:] = nearest_size(fits.params[:, 3:] * 2, fits.covariance[:, [3, 4], [3, 4]] * 4, sizes_m) / 2
        fits = fits.drawn_to(target, sigma=np.array([1.0, 1.0, 1.0, SIZE_SIGMA_M / 2, SIZE_SIGMA_M / 2]))
    good = np.isfinite(fits.cost) & (fits.params[:, 3:] > 0).all(axis=1)
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    made = placed(signs * fits.params[good, None, 3:], fits.params[good]) + origin[good]
    out[rows[good]] = geometry_array(shapely.polygons(made))
    return out


def _start(points: Array, angle: Array) -> Array:
    frame = np.zeros((len(points), 3))
    frame[:, 2] = angle
    # Quantiles instead of extremes: a spike must not set the size.
    local = np.sort(np.stack(turned(points, frame)), axis=2)
    count = points.shape[1]
    low, high = local[:, :, round(0.03 * count)], local[:, :, -1 - round(0.03 * count)]
    centre = placed(((low + high) / 2).T[:, None], frame)[:, 0]
    return np.column_stack((centre, angle, ((high - low) / 2).T))


def _distance(params: Array, points: Array) -> tuple[Array, Array]:
    """Parameters: centre x, y, angle, half sides; the distance is that to the nearer side's line."""
    u, v = turned(points, params)
    du, dv = np.abs(u) - params[:, 3, None], np.abs(v) - params[:, 4, None]
    by_u = du > dv
    nu, nv = np.where(by_u, np.sign(u), 0.0), np.where(by_u, 0.0, np.sign(v))
    sides = [-by_u.astype(np.float64), by_u.astype(np.float64) - 1.0]
    return np.where(by_u, du, dv), np.stack((*slopes(params, u, v, nu, nv), *sides), axis=1)
