"""Outlines of buildings -> rectangles, right angles, diagonals or circles, with the walls that touch shared."""

from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.fitness import in_turns, ious, residuals_m
from postprocess.fitting import SAMPLES, Array
from postprocess.options import ShapeOptions
from postprocess.polygonal import Geometries, geometry_array
from postprocess.rectangle import fit_rectangles
from postprocess.right_angles import fit_circle, fit_right_angles, trace_buildings
from postprocess.terraces import kept_apart, near_pairs, shared_walls
from postprocess.walls import Trace

_HOUSE_M: Final = 80.0
_HOUSE_SAMPLES: Final = 80
"""Points on outlines up to so long, a metre apart at most: twice as many move a corner by 4 mm (median) and take
twice the time."""
_FOR_THE_ROW: Final = 0.04
"""IoU that a building gives up at most for walls that fit its neighbours'."""


def fit_buildings(polygons: Geometries, *, options: ShapeOptions) -> tuple[Geometries, NDArray[np.object_], Array]:
    """Return the shapes of buildings, their kinds and residuals in metres; the outline itself where none fits.

    Every building is fitted alone first. Those that touch are then squared together, in one direction and with one
    wall where two face each other, and what still overlaps goes to the one that fits its outline better. Only
    those whose outlines are less than a metre apart are compared, as `pipeline.gather` promises to keep together;
    for shapes that reach over more than that see `postprocess.apart`.

    Parameters
    ----------
    polygons : ndarray of Polygon, shape (B,)
        All buildings of a region: neighbours have to be seen together.
    options : ShapeOptions
    """
    if len(polygons) == 0:
        return polygons.copy(), np.zeros(0, dtype=object), np.zeros(0)
    shapes, kinds = np.full(len(polygons), None, dtype=object), np.full(len(polygons), "free", dtype=object)
    iou = np.zeros(len(polygons))
    for some in in_turns(len(polygons)):
        shapes[some], kinds[some], iou[some] = _alone(polygons[some], options=options)
    row = shared_walls(polygons, options=options)
    row_iou = ious(row, polygons)
    use = (row_iou >= options.min_iou) & (row_iou >= iou - _FOR_THE_ROW) & ~np.isin(kinds, ("diagonals", "circle"))
    shapes[use], iou[use] = row[use], row_iou[use]
    corners = shapely.get_num_coordinates(shapes)
    kinds[use] = np.where(corners[use] == 5, "rectangle", "right_angles")
    free = iou < options.min_iou
    shapes[free], kinds[free], iou[free] = polygons[free], "free", 1.0

    def spares(place: int, rest: Any) -> bool:
        # Of outlines that overlap that much one is wrong: which, a mapper has to see.
        return bool(ious(geometry_array([rest]), polygons[place : place + 1])[0] >= options.min_iou)

    # Areas are known to 1e-9: what that decides would be another thing beside other buildings.
    rank = np.round(1.0 - np.where(free, 0.0, iou), 6)
    shapes, lost = kept_apart(shapes, rank, pairs=near_pairs(polygons), spares=spares)
    kinds[lost & ~free] = "clipped"
    residual = np.zeros(len(polygons))
    residual[~free] = residuals_m(shapes[~free], polygons[~free])
    return shapes, kinds, residual


def _alone(polygons: Geometries, *, options: ShapeOptions) -> tuple[Geometries, NDArray[np.object_], Array]:
    """Return for each outline the simplest shape that no other beats by more than `simpler_iou`."""
    shapes = np.full(len(polygons), None, dtype=object)
    plain = shapely.get_num_interior_rings(polygons) == 0
    small = shapely.length(polygons) <= _HOUSE_M
    for some, samples in ((plain & small, _HOUSE_SAMPLES), (plain & ~small, SAMPLES)):
        shapes[some] = fit_rectangles(polygons[some], samples=samples)
    kinds, iou = np.full(len(polygons), "rectangle", dtype=object), ious(shapes, polygons)
    rows = np.flatnonzero(iou < 1 - options.simpler_iou)  # nothing can beat what is better
    traces = dict(zip(rows.tolist(), trace_buildings(polygons[rows], options=options), strict=True))
    for kind in ("right_angles", "diagonals", "circle"):
        tries = geometry_array(
            _building(polygons[row], traces[row], kind, options=options) for row in rows.tolist()
        )
        value = ious(tries, polygons[rows])
        better = value > iou[rows] + (options.simpler_iou if kind != "circle" else 0.0)
        if kind != "right_angles":
            better &= value >= (1 + options.min_iou) / 2  # the evidence has to be clear
        shapes[rows[better]], kinds[rows[better]], iou[rows[better]] = tries[better], kind, value[better]
        rows = np.flatnonzero(iou < 1 - options.simpler_iou)
    return shapes, kinds, iou


def _building(polygon: Any, trace: Trace | None, kind: str, *, options: ShapeOptions) -> Any:
    if kind == "circle":
        return fit_circle(polygon)
    return fit_right_angles(trace, options=options, angles="right" if kind == "right_angles" else "half_right")
