"""Outlines of running tracks -> two straights and two half circles, outside and, for a ring, inside."""

from typing import Any, Final

import numpy as np
import shapely

from postprocess.fitting import Array, fit_models, placed, ring_points, slopes, turned
from postprocess.polygonal import Geometries
from postprocess.regulations import SIZE_SIGMA_M, TRACK_RADIUS_M, nearest_size

_QUARTER_SEGMENTS: Final = 8
"""Edges of a quarter circle: 0.2 m off at the 36.5 m radius of a 400 m track, with 36 nodes a ring."""

_POINTS: Final = 120
"""Points on either edge of a ring."""

_LEAST_INFIELD: Final = 0.25
"""A hole is the infield from this share of the outer ring's area on."""


def fit_stadiums(polygons: Geometries) -> Geometries:
    """Return the stadiums, or rings of two with one axis, nearest to polygons by robust least squares.

    The largest hole is taken for the infield when it fills a quarter of the outer ring or more. Radii that may
    well be those of a standard track are drawn to them, as far as the outline leaves them open.

    Parameters
    ----------
    polygons : ndarray of Polygon, shape (B,)
        Not empty.

    Returns
    -------
    ndarray of Polygon or None, shape (B,)
    """
    out = np.full(len(polygons), None, dtype=object)
    infield = [_infield(polygon) for polygon in polygons]
    frames = shapely.oriented_envelope(polygons)
    proper = shapely.get_type_id(frames) == shapely.GeometryType.POLYGON
    for is_ring in (True, False):
        rows = [n for n, hole in enumerate(infield) if (hole is not None) == is_ring and proper[n]]
        if rows:
            out[rows] = _fitted(polygons[rows], [infield[n] for n in rows], frames[rows])
    return out


def _infield(polygon: Any) -> Any:
    areas = shapely.area(shapely.polygons(np.array(polygon.interiors, dtype=object)))
    if len(areas) == 0 or areas.max() < _LEAST_INFIELD * shapely.Polygon(polygon.exterior).area:
        return None
    return polygon.interiors[int(areas.argmax())]


def _fitted(polygons: Geometries, infield: list[Any], frames: Geometries) -> Geometries:
    rings = shapely.get_exterior_ring(polygons)
    points = np.stack([ring_points(ring, count=_POINTS) for ring in rings])
    length_m = np.asarray(shapely.length(rings))
    corners = shapely.get_coordinates(frames).reshape(len(polygons), 5, 2)
    centre = corners[:, :4].mean(axis=1)
    sides = np.diff(corners[:, :3], axis=1)
    size = np.hypot(sides[:, :, 0], sides[:, :, 1])
    long = sides[np.arange(len(size)), size.argmax(axis=1)]
    radius = size.min(axis=1) / 2
    straight = np.maximum(size.max(axis=1) / 2 - radius, 0.1)
    columns = [*np.zeros((2, len(size))), np.arctan2(long[:, 1], long[:, 0]), straight, radius]
    if infield[0] is not None:
        points = np.concatenate((points, [ring_points(hole, count=_POINTS) for hole in infield]), axis=1)
        inside_m = np.asarray(shapely.length(np.array(infield, dtype=object)))
        # Both edges of a band of one width are its mean length long.
        width = (shapely.area(shapely.polygons(rings)) - shapely.area(shapely.polygons(infield))) * 2
        columns.append(radius - width / (length_m + inside_m))
        length_m = length_m + inside_m
    start = np.column_stack(columns)
    fits = fit_models(_distance, start, points - centre[:, None], length_m=length_m)
    if infield[0] is not None:
        target = np.full(start.shape, np.nan)
        variance = fits.covariance[:, [5, 4], [5, 4]]
        target[:, [5, 4]] = nearest_size(fits.params[:, [5, 4]], variance, np.array([TRACK_RADIUS_M]))
        fits = fits.drawn_to(target, sigma=np.full(start.shape[1], SIZE_SIGMA_M))
    params = fits.params
    good = np.isfinite(fits.cost) & (params[:, 3:5] > 0).all(axis=1)
    if infield[0] is not None:
        good &= (params[:, 5] > 0) & (params[:, 5] < params[:, 4])
    out = np.full(len(polygons), None, dtype=object)
    ends = np.zeros((int(good.sum()), 2, 2))
    ends[:, :, 0] = params[good, 3, None] * [-1, 1]
    axes = shapely.linestrings(placed(ends, params[good]) + centre[good, None])
    out[good] = shapely.buffer(axes, params[good, 4], quad_segs=_QUARTER_SEGMENTS)
    if infield[0] is not None:
        out[good] = shapely.difference(
            out[good], shapely.buffer(axes, params[good, 5], quad_segs=_QUARTER_SEGMENTS)
        )
    return out


def _distance(params: Array, points: Array) -> tuple[Array, Array]:
    """Parameters: centre x, y, angle, half length of the straights, outer radius and, for rings, inner radius.

    The first `_POINTS` points lie on the outer edge, the rest on the inner.
    """
    u, v = turned(points, params)
    half = params[:, 3, None]
    off = u - np.clip(u, -half, half)
    far = np.maximum(np.hypot(off, v), 1e-9)
    nu, nv = off / far, v / far
    outside = np.broadcast_to(np.arange(points.shape[1]) < _POINTS, u.shape)
    own = [-nu * np.sign(u), -outside.astype(np.float64), outside.astype(np.float64) - 1.0][: params.shape[1] - 3]
    radius = np.where(outside, params[:, 4, None], params[:, -1, None])
    return far - radius, np.stack((*slopes(params, u, v, nu, nv), *own), axis=1)
