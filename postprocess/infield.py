"""Outlines of skinned infields -> foul lines, an arc about the pitcher's plate, a disc at home plate."""

from typing import Final

import numpy as np
import shapely

from postprocess.fitting import Array, fit_models, placed, rings_points, slopes, turned
from postprocess.polygonal import Geometries

_ROOT: Final = np.sqrt(0.5)
_PITCH_SHARE: Final = 0.40
"""Home to the pitcher's plate over home to the grass line: 0.39 with 90 ft bases, 0.42 with 60 ft ones."""
_HOME_SHARE: Final = 0.09
"""Radius of the dirt at home plate over home to the grass line: 13 ft over 155 ft."""
_ARC_SEGMENTS: Final = 8
"""Edges per quarter of a circle: 14 cm off at a radius of 29 m."""


def fit_infields(polygons: Geometries, wedges: Geometries) -> Geometries:
    """Return infields nearest to polygons' outer rings by robust least squares.

    The ring of a result begins behind home plate, and the field opens from there over the ring's middle.

    Parameters
    ----------
    polygons : ndarray of Polygon, shape (B,)
        Not empty.
    wedges : ndarray of Polygon or None, shape (B,)
        What `postprocess.wedge.fit_wedges` made of them: the first guess.

    Returns
    -------
    ndarray of Polygon or None, shape (B,)

    References
    ----------
    Official Baseball Rules 2.01: bases 90 ft, pitcher's plate 60.5 ft from home, grass line 95 ft about it.
    """
    out = np.full(len(polygons), None, dtype=object)
    rows = np.flatnonzero(~shapely.is_missing(wedges))
    if len(rows) == 0:
        return out
    rings = shapely.get_exterior_ring(polygons[rows])
    centre = shapely.get_coordinates(shapely.centroid(polygons[rows]))[:, None]
    points = rings_points(rings) - centre
    corners = np.stack([shapely.get_coordinates(wedge)[:-1] for wedge in wedges[rows]]) - centre
    home, far = corners[:, 0], corners[:, corners.shape[1] // 2]
    reach = np.hypot(*(far - home).T)
    angle = np.arctan2(*(far - home).T[::-1])
    start = np.column_stack(
        (
            home,
            angle,
            _PITCH_SHARE * reach,
            (1 - _PITCH_SHARE) * reach,
            np.full(len(rows), 0.5),
            _HOME_SHARE * reach,
        )
    )
    fits = fit_models(_distance, start, points, length_m=np.asarray(shapely.length(rings)))
    for place in np.flatnonzero(np.isfinite(fits.cost)):
        shape = _outline(*fits.params[place, 3:])
        if shape is not None:
            local = shapely.get_coordinates(shape)[None]
            out[rows[place]] = shapely.Polygon(placed(local, fits.params[place, None])[0] + centre[place])
    return out


def _distance(params: Array, points: Array) -> tuple[Array, Array]:
    """Return distances from the union of a disc cut by two lines and of a smaller disc, and their derivatives.

    Parameters: home x, y, direction; home to the arc's centre, the arc's radius, dirt beyond the foul lines,
    radius of the dirt at home.
    """
    u, v = turned(points, params)
    pitch, radius, margin, at_home = params[:, 3:, None].transpose(1, 0, 2)
    far, near = np.maximum(np.hypot(u - pitch, v), 1e-9), np.maximum(np.hypot(u, v), 1e-9)
    sides = np.stack((-(u + v) * _ROOT - margin, (v - u) * _ROOT - margin, far - radius, near - at_home))
    which = sides[:3].argmax(axis=0)
    which = np.where(sides[3] < np.take_along_axis(sides, which[None], axis=0)[0], 3, which)
    distance = np.take_along_axis(sides, which[None], axis=0)[0]
    gradient_u = np.stack((np.full_like(u, -_ROOT), np.full_like(u, -_ROOT), (u - pitch) / far, u / near))
    gradient_v = np.stack((np.full_like(u, -_ROOT), np.full_like(u, _ROOT), v / far, v / near))
    nu = np.take_along_axis(gradient_u, which[None], axis=0)[0]
    nv = np.take_along_axis(gradient_v, which[None], axis=0)[0]
    by_arc = which == 2
    own = (
        np.where(by_arc, -nu, 0.0),
        -by_arc.astype(float),
        -(which < 2).astype(float),
        -(which == 3).astype(float),
    )
    return distance, np.stack((*slopes(params, u, v, nu, nv), *own), axis=1)


def _outline(pitch_m: float, radius_m: float, margin_m: float, home_m: float) -> shapely.Polygon | None:
    """Return the infield with home plate at the origin, open towards +x; None where the sizes make no sense."""
    reach = pitch_m + radius_m
    if not (0 < pitch_m < radius_m and 0 < home_m < 0.3 * reach and -0.2 * reach < margin_m < 0.2 * reach):
        return None
    corner, far = -margin_m / _ROOT, 3 * reach
    quarter = shapely.Polygon([(corner, 0), (corner + far, -far), (corner + far, far)])
    disc = shapely.Point(pitch_m, 0).buffer(radius_m, quad_segs=_ARC_SEGMENTS)
    home = shapely.Point(0, 0).buffer(home_m, quad_segs=_ARC_SEGMENTS)
    whole = quarter.intersection(disc).union(home)
    if whole.geom_type != "Polygon":
        return None
    ring = shapely.get_coordinates(shapely.orient_polygons(shapely.Polygon(whole.exterior)))[:-1]
    behind = int(np.argmin(np.hypot(ring[:, 0] + max(home_m, margin_m / _ROOT), ring[:, 1])))
    return shapely.Polygon(np.roll(ring, -behind, axis=0))
