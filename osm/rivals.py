"""Detections that nothing in OSM speaks against -> what is new among them: rows 15 to 17 of the decision table."""

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.labels import FIELD_LABELS
from osm.match import overlaps
from osm.options import DiffOptions


def decide_rivals(
    label: NDArray[np.object_], polygon: NDArray[np.object_], score: NDArray[np.float64], *, options: DiffOptions
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return status and reason of each, both of shape (N,).

    Row 15: of two on one ground the better score is kept, among equal scores the larger, then the one first in
    order; a pitch inside a track is normal. Row 16: the detector was not sure enough for its label. Row 17: new.

    Parameters
    ----------
    label, polygon, score : ndarray of shape (N,)
        Of all in the region that rows 1 to 14 left undecided: who yields to whom may go through many hands.
        Polygons in OSM's frame, metric CRS.
    options : DiffOptions
    """
    least = {each: options.least_score(each) for each in np.unique(label.astype("str")).tolist()}
    weak = score < np.array([least[each] for each in label.tolist()], np.float64)
    status, reason = np.full(len(label), "new", dtype=object), np.full(len(label), "no_candidate", dtype=object)
    for code, yields in (("low_score", weak), ("self_overlap", overlain(label, polygon, score, weak, options))):
        status[yields], reason[yields] = "review", code
    return status, reason


def overlain(
    label: NDArray[np.object_],
    polygon: NDArray[np.object_],
    score: NDArray[np.float64],
    weak: NDArray[np.bool_],
    options: DiffOptions,
) -> NDArray[np.bool_]:
    """Tell whose ground a better one has that is neither weak nor itself overlain."""
    pairs = overlaps(polygon, polygon)
    pairs = pairs.where(pairs.det != pairs.osm)
    is_pitch, is_track = np.isin(label, FIELD_LABELS[:-1]), label == "running_track"
    inside = (is_track[pairs.det] & is_pitch[pairs.osm]) | (is_pitch[pairs.det] & is_track[pairs.osm])
    pairs = pairs.where((pairs.cov > options.overlap_free) & ~inside)
    n = len(label)
    order = np.lexsort((np.arange(n), -shapely.area(polygon), -score))
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    against: dict[int, list[int]] = {}
    for here, there in zip(pairs.det.tolist(), pairs.osm.tolist(), strict=True):
        against.setdefault(here, []).append(there)
    lost = np.zeros(n, bool)
    for index in sorted(against, key=lambda each: int(rank[each])):
        lost[index] = any(
            rank[rival] < rank[index] and not lost[rival] and not weak[rival] for rival in against[index]
        )
    return lost
