"""The outline of a baseball infield -> a quarter circle with its corner at home plate."""

from typing import Any

import numpy as np
import shapely

from postprocess.fitting import Array, fit_model, placed, ring_points, slopes, turned

_DIRECTIONS = 16
"""First guesses at where the field opens to; a step of 22 degrees is well inside the fit's reach."""

_ARC_EDGES = 12
"""Edges of the arc: 6 cm off at a radius of 29 m."""


def fit_wedge(polygon: Any) -> Any:
    """Return the 90 degree wedge nearest to a polygon's outer ring by robust least squares, or None.

    The first vertex of the result is home plate.
    """
    points = ring_points(polygon.exterior)
    centre = np.asarray(shapely.get_coordinates(polygon.centroid)[0], dtype=np.float64)
    points = points - centre
    radius = float(np.sqrt(4 * shapely.Polygon(polygon.exterior).area / np.pi))
    starts = []
    for angle in np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS):
        # The centroid of a quarter circle lies 4 sqrt(2) / (3 pi) = 0.600 of its radius from the corner.
        home = -0.6002 * radius * np.array([np.cos(angle), np.sin(angle)])
        start = np.array([*home, angle, radius])
        starts.append((float(np.abs(_distance(start, points)[0]).mean()), start))
    starts.sort(key=lambda each: each[0])
    fits = [fit for _, start in starts[:2] if (fit := fit_model(_distance, start, points)) is not None]
    if not fits:
        return None
    params = min(fits, key=lambda fit: fit[1])[0]
    if params[3] <= 0:
        return None
    arc = np.linspace(-np.pi / 4, np.pi / 4, _ARC_EDGES + 1)
    # Chords run inside the circle; a radius larger by this much keeps the area.
    reach = params[3] / np.sqrt(np.sinc(arc[1] / np.pi - arc[0] / np.pi))
    local = np.vstack(([0.0, 0.0], reach * np.column_stack((np.cos(arc), np.sin(arc)))))
    return shapely.Polygon(placed(local, params) + centre)


def _distance(params: Array, points: Array) -> tuple[Array, Array]:
    """Parameters: home x, y, direction, radius; the distance is that to the nearest of two lines and the arc."""
    u, v = turned(points, params)
    far = np.maximum(np.hypot(u, v), 1e-9)
    root = np.sqrt(0.5)
    sides = np.stack((-(u + v) * root, (v - u) * root, far - params[3]))
    nearest = sides.argmax(axis=0)
    every = np.arange(len(u))
    nu = np.stack((np.full_like(u, -root), np.full_like(u, -root), u / far))[nearest, every]
    nv = np.stack((np.full_like(u, -root), np.full_like(u, root), v / far))[nearest, every]
    by_radius = -(nearest == 2).astype(float)
    return sides[nearest, every], np.hstack((slopes(params, u, v, nu, nv), by_radius[:, None]))
