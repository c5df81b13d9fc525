"""Outlines of baseball infields -> quarter circles with their corner at home plate."""

from typing import Final

import numpy as np
import shapely

from postprocess.fitting import Array, fit_models, placed, rings_points, slopes, turned
from postprocess.polygonal import Geometries, geometry_array

_DIRECTIONS: Final = 16
"""First guesses at where the field opens to; a step of 22 degrees is well inside the fit's reach."""

_ARC_EDGES: Final = 12
"""Edges of the arc: 6 cm off at a radius of 29 m."""


def fit_wedges(polygons: Geometries) -> Geometries:
    """Return the 90 degree wedges nearest to polygons' outer rings by robust least squares.

    The first vertex of a result is home plate, and the field opens along the line from there to the middle of
    the arc.

    Parameters
    ----------
    polygons : ndarray of Polygon, shape (B,)
        Not empty.

    Returns
    -------
    ndarray of Polygon or None, shape (B,)
    """
    out = np.full(len(polygons), None, dtype=object)
    if len(polygons) == 0:
        return out
    rings = shapely.get_exterior_ring(polygons)
    length_m = np.asarray(shapely.length(rings))
    centre = shapely.get_coordinates(shapely.centroid(polygons))[:, None]
    points = rings_points(rings) - centre
    radius = np.sqrt(4 * np.asarray(shapely.area(shapely.polygons(rings))) / np.pi)
    cost = np.empty((len(points), _DIRECTIONS))
    starts = np.empty((len(points), _DIRECTIONS, 4))
    for number, angle in enumerate(np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)):
        # The centroid of a quarter circle lies 4 sqrt(2) / (3 pi) = 0.600 of its radius from the corner.
        home = -0.6002 * radius[:, None] * [np.cos(angle), np.sin(angle)]
        starts[:, number] = np.column_stack((home, np.full(len(points), angle), radius))
        cost[:, number] = np.abs(_distance(starts[:, number], points)[0]).mean(axis=1)
    best = np.argsort(cost, axis=1, kind="stable")
    every = np.arange(len(points))
    first, second = (
        fit_models(_distance, starts[every, best[:, place]], points, length_m=length_m) for place in (0, 1)
    )
    fits = first.best_of(second)
    good = np.isfinite(fits.cost) & (fits.params[:, 3] > 0)
    arc = np.linspace(-np.pi / 4, np.pi / 4, _ARC_EDGES + 1)
    # Chords run inside the circle; a radius larger by this much keeps the area.
    reach = fits.params[good, 3] / np.sqrt(np.sinc((arc[1] - arc[0]) / np.pi))
    local = np.vstack(([0.0, 0.0], np.column_stack((np.cos(arc), np.sin(arc))))) * reach[:, None, None]
    out[good] = geometry_array(shapely.polygons(placed(local, fits.params[good]) + centre[good]))
    return out


def _distance(params: Array, points: Array) -> tuple[Array, Array]:
    """Parameters: home x, y, direction, radius; the distance is that to the nearest of two lines and the arc."""
    u, v = turned(points, params)
    far = np.maximum(np.hypot(u, v), 1e-9)
    root = np.sqrt(0.5)
    sides = np.stack((-(u + v) * root, (v - u) * root, far - params[:, 3, None]))
    nearest = sides.argmax(axis=0)
    by_arc = nearest == 2
    nu = np.where(by_arc, u / far, -root)
    nv = np.where(by_arc, v / far, np.where(nearest == 1, root, -root))
    return sides.max(axis=0), np.stack((*slopes(params, u, v, nu, nv), -by_arc.astype(np.float64)), axis=1)
