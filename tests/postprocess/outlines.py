"""Outlines as masks give them, and what tests of fitted shapes ask of these."""

import numpy as np
import shapely
from shapely import affinity

from postprocess.options import ShapeOptions
from postprocess.polygonal import geometry_array
from postprocess.shapes import fit_outlines

FAR = (500_000.0, 5_000_000.0)
L_HOUSE = shapely.Polygon([(0, 0), (16, 0), (16, 8), (8, 8), (8, 15), (0, 15)])
OPTIONS = ShapeOptions()


def one(fit, polygon):
    return fit(geometry_array([polygon]))[0]


def fit_shape(polygon, label):
    shapes, kinds, residuals_m = fit_outlines(geometry_array([polygon]), label, options=OPTIONS)
    return shapes[0], kinds[0], residuals_m[0]


def at_home(shape, angle_deg):
    return affinity.translate(affinity.rotate(shape, angle_deg, origin=(0, 0)), *FAR)


def jittered(polygon, *, sigma_m, missing=0.0, seed=0, spacing_m=1.0):
    """The outline sampled each metre, every point moved, a stretch of the outer ring left out."""
    rng = np.random.default_rng(seed)

    def ring(line, share):
        count = int(line.length / spacing_m)
        at = np.arange(count) * (line.length / count)
        xy = shapely.get_coordinates(shapely.line_interpolate_point(line, at)) + rng.normal(0, sigma_m, (count, 2))
        return np.roll(xy, -int(rng.integers(count)), axis=0)[: round(count * (1 - share))]

    made = shapely.Polygon(ring(polygon.exterior, missing), [ring(hole, 0.0) for hole in polygon.interiors])
    pieces = shapely.get_parts(shapely.make_valid(made, method="structure", keep_collapsed=False))
    return max(pieces, key=lambda piece: piece.area)


def iou(a, b):
    shared = a.intersection(b).area
    return shared / (a.area + b.area - shared)


def lean_deg(polygon, angle_deg):
    """Angle between a polygon's first edge and the nearest of the four directions at angle_deg."""
    (x0, y0), (x1, y1) = polygon.exterior.coords[:2]
    return abs((np.degrees(np.arctan2(y1 - y0, x1 - x0)) - angle_deg + 45) % 90 - 45)
