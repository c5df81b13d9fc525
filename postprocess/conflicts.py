"""Objects of different labels on one place -> which of them give way."""

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.labels import LABELS
from postprocess.options import PolygonOptions
from postprocess.overlaps import edges_of, shared_areas
from postprocess.polygonal import Geometries

_INSIDE: Final = frozenset(
    {frozenset({"running_track", "soccer_field"}), frozenset({"running_track", "american_football_field"})}
)
"""Labels that lie on one place as a rule: a pitch in a track, whose infield a detector may have filled."""

_ON_ONE_GROUND: Final = frozenset(
    {
        frozenset({"soccer_field", "american_football_field"}),
        frozenset({"tennis_court", "basketball_court"}),
    }
)
"""Labels whose lines are painted over each other: both count when both are seen clearly."""

_ROOF_SHARE: Final = 0.8
"""A building of which so much lies on a court or pitch is paint or a shadow on it."""


def giving_way(
    geometries: Geometries,
    label: NDArray[np.object_],
    score: NDArray[np.float64],
    *,
    options: PolygonOptions,
) -> NDArray[np.bool_]:
    """Return which objects stand where a better one of another label stands.

    Two objects of different labels are in conflict above `conflict_iou`. Objects are taken by score (then the
    larger, then that of the label that comes first), and one that is in conflict with an object taken before gives
    way. No conflict are a pitch and the running track around it, and two labels that are painted on one ground
    (soccer and American football, tennis and basketball) when both score `coexist_score` or more. A building that
    lies on a better court or pitch gives way as well, but never makes one give way.

    Parameters
    ----------
    geometries : ndarray of Polygon or MultiPolygon, shape (N,)
    label : ndarray of shape (N,)
    score : ndarray of shape (N,)
    options : PolygonOptions
        `conflict_iou` and `coexist_score` matter here.

    Returns
    -------
    ndarray of bool, shape (N,)
        The same objects in any order of the rows.

    Notes
    -----
    Small things at large ones (a clubhouse or a stand on the outline of a pitch, an infield in the corner of a
    soccer field) have a low IoU and stay.
    """
    gone = np.zeros(len(geometries), dtype=bool)
    names, number = np.unique(label.astype(str), return_inverse=True)
    if len(names) < 2:
        return gone
    # Most objects are buildings: the index holds the rest, and only pairs with one of these are asked for.
    fields = np.flatnonzero(label != "building")
    found, other = shapely.STRtree(geometries).query(shapely.box(*shapely.bounds(geometries[fields]).T))
    one = fields[found]
    keep = (number[one] != number[other]) & ((label[other] == "building") | (one < other))
    one, other = one[keep], other[keep]
    if len(one) == 0:
        return gone
    places, back = np.unique(np.column_stack((one, other)), return_inverse=True)
    shared = shared_areas(edges_of(geometries[places]), *back.reshape(-1, 2).T)
    area = np.asarray(shapely.area(geometries))
    conflict = shared > options.conflict_iou * (area[one] + area[other] - shared)
    rivals: dict[int, list[int]] = {}
    for a, b in zip(one[conflict].tolist(), other[conflict].tolist(), strict=True):
        if not _coexist(label[a], label[b], min(score[a], score[b]), options=options):
            rivals.setdefault(a, []).append(b)
            rivals.setdefault(b, []).append(a)
    on_pitch = (
        (label[other] == "building") & (label[one] != "running_track") & (shared > _ROOF_SHARE * area[other])
    )
    for a, b in zip(one[on_pitch & ~conflict].tolist(), other[on_pitch & ~conflict].tolist(), strict=True):
        rivals.setdefault(a, [])
        rivals.setdefault(b, []).append(a)
    taken: set[int] = set()
    for place in sorted(
        rivals, key=lambda place: (-score[place], -area[place], LABELS.index(label[place]), place)
    ):
        if taken.isdisjoint(rivals[place]):
            taken.add(place)
        else:
            gone[place] = True
    return gone


def _coexist(one: str, other: str, lower_score: float, *, options: PolygonOptions) -> bool:
    pair = frozenset({one, other})
    return pair in _INSIDE or (pair in _ON_ONE_GROUND and lower_score >= options.coexist_score)
