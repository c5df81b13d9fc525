"""Outlines of running tracks -> two straights and two half circles, outside and, for a ring, inside."""

from typing import Any, Final

import numpy as np
import shapely

from postprocess.fitting import Array, fit_models, placed, ring_points, slopes, turned
from postprocess.polygonal import Geometries, thickness
from postprocess.regulations import KERB_TO_LAP_M, LANE_M, LAP_M, SIZE_SIGMA_M, TRACK_RADIUS_M, nearest_size

_QUARTER_SEGMENTS: Final = 8
"""Edges of a quarter circle: 0.2 m off at the 36.5 m radius of a 400 m track, with 36 nodes a ring."""

_POINTS: Final = 240
"""Points on all edges together."""

_LEAST_INFIELD: Final = 0.25
"""What a track lacks of its hull is the infield from this share on, whether the ring is closed or not."""


_LANES: Final = (4, 10)
"""Fewest and most lanes that a 400 m track has."""

_LANES_OF_OTHERS: Final = 5


def fit_stadiums(polygons: Geometries) -> Geometries:
    """Return the stadiums, or rings of two with one axis, nearest to polygons by robust least squares.

    A polygon that lacks a quarter of its hull or more is a ring, and may be an open one: a track of which trees or
    a missed tile hide a piece. Radii that may well be those of a standard track are drawn to them, as far as the
    outline leaves them open.

    Parameters
    ----------
    polygons : ndarray of Polygon, shape (B,)
        Not empty.

    Returns
    -------
    ndarray of Polygon or None, shape (B,)
    """
    out = np.full(len(polygons), None, dtype=object)
    frames = shapely.oriented_envelope(polygons)
    proper = shapely.get_type_id(frames) == shapely.GeometryType.POLYGON
    ring = shapely.area(polygons) < (1 - _LEAST_INFIELD) * shapely.area(shapely.convex_hull(polygons))
    for is_ring in (True, False):
        rows = np.flatnonzero(proper & (ring == is_ring))
        if len(rows):
            out[rows] = _fitted(polygons[rows], frames[rows], is_ring=is_ring)
    return out


def without_infield(polygons: Geometries) -> Geometries:
    """Return rings of lanes from the ovals around them.

    The lanes are as wide as makes the lap 400 m long, if that leaves room for four to ten; a width within a lane
    of that of eight is taken for eight. Of other ovals nothing is known but that short tracks have few lanes: they
    get five.

    Parameters
    ----------
    polygons : ndarray of Polygon, shape (B,)
        Stadiums, such as `fit_stadiums` returns. Those with a hole stay as they are.

    Returns
    -------
    ndarray of Polygon, shape (B,)
    """
    out = polygons.copy()
    for row in np.flatnonzero(shapely.get_num_interior_rings(polygons) == 0):
        outer = polygons[row]
        # Moving a convex outline inwards by w takes 2 pi w off its length.
        width_m = (outer.length - LAP_M) / (2 * np.pi) + KERB_TO_LAP_M
        standard_m = TRACK_RADIUS_M[1] - TRACK_RADIUS_M[0]
        if not _LANES[0] * LANE_M <= width_m <= _LANES[1] * LANE_M:
            width_m = _LANES_OF_OTHERS * LANE_M
        elif abs(width_m - standard_m) < LANE_M:
            width_m = standard_m
        inner = shapely.buffer(outer, -width_m, join_style="round", quad_segs=_QUARTER_SEGMENTS)
        if not shapely.is_empty(inner):
            out[row] = shapely.difference(outer, inner)
    return out


def _fitted(polygons: Geometries, frames: Geometries, *, is_ring: bool) -> Geometries:
    edges = polygons if is_ring else shapely.polygons(shapely.get_exterior_ring(polygons))
    length_m = np.asarray(shapely.length(edges))
    points = np.stack([_edge_points(edge) for edge in edges])
    corners = shapely.get_coordinates(frames).reshape(len(polygons), 5, 2)
    centre = corners[:, :4].mean(axis=1)
    sides = np.diff(corners[:, :3], axis=1)
    size = np.hypot(sides[:, :, 0], sides[:, :, 1])
    long = sides[np.arange(len(size)), size.argmax(axis=1)]
    radius = size.min(axis=1) / 2
    straight = np.maximum(size.max(axis=1) / 2 - radius, 0.1)
    columns = [*np.zeros((2, len(size))), np.arctan2(long[:, 1], long[:, 0]), straight, radius]
    if is_ring:
        columns.append(np.maximum(radius - thickness(polygons), 0.1 * radius))
    start = np.column_stack(columns)
    fits = fit_models(_distance, start, points - centre[:, None], length_m=length_m)
    if is_ring:
        target = np.full(start.shape, np.nan)
        variance = fits.covariance[:, [5, 4], [5, 4]]
        target[:, [5, 4]] = nearest_size(fits.params[:, [5, 4]], variance, np.array([TRACK_RADIUS_M]))
        fits = fits.drawn_to(target, sigma=np.full(start.shape[1], SIZE_SIGMA_M))
    params = fits.params
    good = np.isfinite(fits.cost) & (params[:, 3:5] > 0).all(axis=1)
    if is_ring:
        good &= (params[:, 5] > 0) & (params[:, 5] < params[:, 4])
    out = np.full(len(polygons), None, dtype=object)
    ends = np.zeros((int(good.sum()), 2, 2))
    ends[:, :, 0] = params[good, 3, None] * [-1, 1]
    axes = shapely.linestrings(placed(ends, params[good]) + centre[good, None])
    out[good] = shapely.buffer(axes, params[good, 4], quad_segs=_QUARTER_SEGMENTS)
    if is_ring:
        out[good] = shapely.difference(
            out[good], shapely.buffer(axes, params[good, 5], quad_segs=_QUARTER_SEGMENTS)
        )
    return out


def _distance(params: Array, points: Array) -> tuple[Array, Array]:
    """Parameters: centre x, y, angle, half length of the straights, outer radius and, for rings, inner radius.

    The distance is that to the nearer edge.
    """
    u, v = turned(points, params)
    half = params[:, 3, None]
    off = u - np.clip(u, -half, half)
    far = np.maximum(np.hypot(off, v), 1e-9)
    nu, nv = off / far, v / far
    outside = np.abs(far - params[:, 4, None]) <= np.abs(far - params[:, -1, None])
    own = [-nu * np.sign(u), -outside.astype(np.float64), outside.astype(np.float64) - 1.0][: params.shape[1] - 3]
    radius = np.where(outside, params[:, 4, None], params[:, -1, None])
    return far - radius, np.stack((*slopes(params, u, v, nu, nv), *own), axis=1)


def _edge_points(polygon: Any) -> Array:
    """Return `_POINTS` points on all rings, shared out by length."""
    rings = [polygon.exterior, *polygon.interiors]
    share = np.cumsum([0.0] + [ring.length for ring in rings]) / polygon.length * _POINTS
    counts = np.diff(np.round(share).astype(int)).tolist()
    return np.vstack([ring_points(ring, count=count) for ring, count in zip(rings, counts, strict=True) if count])
