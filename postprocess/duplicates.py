"""Polygons of objects that may overlap -> which of them only repeat better ones."""

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.options import PolygonOptions
from postprocess.overlaps import edges_of, shared_areas
from postprocess.polygonal import Geometries, covers_m2


def duplicates(
    geometries: Geometries,
    score: NDArray[np.float64],
    *,
    candidates: NDArray[np.intp],
    alive: NDArray[np.bool_],
    options: PolygonOptions,
) -> NDArray[np.bool_]:
    """Return which objects are repetitions: better ones overlap them by IoU, or together cover them.

    Parameters
    ----------
    geometries : ndarray of geometry, shape (N,)
    score : ndarray of shape (N,)
        The better score wins, then the larger area.
    candidates : ndarray of shape (K, 2)
        Pairs of places that are compared; others are taken to be apart.
    alive : ndarray of bool, shape (N,)
        Objects that count at all.
    options : PolygonOptions
        `duplicate_iou` and `duplicate_cover` matter here.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    repeated = np.zeros(len(geometries), dtype=bool)
    candidates = candidates[alive[candidates].all(axis=1)] if len(candidates) else candidates
    if len(candidates) == 0:
        return repeated
    left, right = candidates.T
    places, back = np.unique(candidates, return_inverse=True)
    shared = shared_areas(edges_of(geometries[places]), *back.reshape(-1, 2).T)
    area = np.asarray(shapely.area(geometries))
    overlaps: dict[int, list[tuple[int, float]]] = {}
    for a, b, shared_m2 in zip(left.tolist(), right.tolist(), shared.tolist(), strict=True):
        overlaps.setdefault(a, []).append((b, shared_m2))
        overlaps.setdefault(b, []).append((a, shared_m2))
    judged: set[int] = set()
    for place in sorted(overlaps, key=lambda place: (-score[place], -area[place], place)):
        under = [(other, m2) for other, m2 in overlaps[place] if other in judged and not repeated[other]]
        covered = covers_m2(geometries, place, dict(under), least_m2=options.duplicate_cover * area[place])
        same = any(m2 > options.duplicate_iou * (area[place] + area[other] - m2) for other, m2 in under)
        repeated[place] = covered or same
        judged.add(place)
    return repeated
