"""Detections that nothing in OSM speaks against -> what is new among them: rows 15 to 17 of the decision table."""

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.match import overlaps
from osm.options import DiffOptions
from osm.world import Detected


def decide_rivals(det: Detected, options: DiffOptions) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return status and reason of each, both of shape (N,).

    Parameters
    ----------
    det : Detected
        All of the region that rows 1 to 14 left undecided: who yields to whom may go through many hands.
    options : DiffOptions
    """
    status, reason = np.full(len(det), "new", dtype=object), np.full(len(det), "no_candidate", dtype=object)
    for code, yields in (("low_score", low_score(det, options)), ("self_overlap", self_overlap(det, options))):
        status[yields], reason[yields] = "review", code
    return status, reason


def self_overlap(det: Detected, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 15: a better new feature has the ground already.

    The best score is kept, among equal scores the larger, then the one first in order. A pitch inside a track
    is normal.
    """
    pairs = overlaps(det.polygon, det.polygon)
    pairs = pairs.where(pairs.det != pairs.osm)
    same = det.label[pairs.det] == det.label[pairs.osm]
    track = (det.label[pairs.det] == "running_track") | (det.label[pairs.osm] == "running_track")
    pairs = pairs.where((pairs.cov > options.overlap_free) & (same | ~track))
    weak = low_score(det, options)
    order = np.lexsort((np.arange(len(det)), -shapely.area(det.polygon), -det.score))
    rank = np.empty(len(det), np.int64)
    rank[order] = np.arange(len(det))
    against: dict[int, list[int]] = {}
    for one, other in zip(pairs.det.tolist(), pairs.osm.tolist(), strict=True):
        against.setdefault(one, []).append(other)
    lost = np.zeros(len(det), bool)
    for index in sorted(against, key=lambda each: int(rank[each])):
        lost[index] = any(
            rank[other] < rank[index] and not lost[other] and not weak[other] for other in against[index]
        )
    return lost


def low_score(det: Detected, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 16: the detector was not sure enough for its label."""
    least = np.array([options.least_score(label) for label in det.label], np.float64)
    return np.asarray(det.score < least)
