"""What was accepted before, and what is seen today -> only acceptances that still speak of the same thing."""

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.shown import shown_as
from osm.decided import Decided
from osm.options import DiffOptions
from osm.rivals import overlain
from osm.surroundings import Surroundings

OF_THE_DETECTION: Final = (
    "no_candidate",
    "low_score",
    "size_shape",
    "edge",
    "outline_needed",
    "offset_doubtful",
    "self_overlap",
)
"""Reasons that say nothing of what OSM has: with these a person has seen all there is to see."""


def hold_back(
    decided: Decided,
    *,
    labels: NDArray[np.object_],
    scores: NDArray[np.float64],
    near: Surroundings,
    options: DiffOptions,
) -> None:
    """Take back acceptances of something else than is seen today; they wait for a person again.

    OSM may have got an object where there was none when the person accepted: what then overlaps it was accepted
    without knowing. So where OSM speaks against a detection, its acceptance holds only if the person saw the same
    reason and the same elements. And of two accepted outlines on one ground only the better one is proposed.

    Parameters
    ----------
    decided : Decided
        Changed in place; outlines in the metric CRS are still there.
    labels, scores : ndarray of shape (N,)
    near : Surroundings
        The OSM rows that the decisions speak of.
    options : DiffOptions
    """
    index = np.flatnonzero(decided.is_open & (decided.memory == "accepted"))
    lapsed = np.zeros(len(index), bool)
    for place, at in enumerate(index.tolist()):
        if decided.reason[at] in OF_THE_DETECTION:
            continue
        elements = [f"{each['type']}/{each['id']}" for each in near.records(decided.evidence(at))]
        lapsed[place] = decided.shown[at] != shown_as([decided.reason[at]], elements)
    left = index[~lapsed]
    outlines = np.asarray(shapely.from_wkb(decided.metric[left]), dtype=object)
    beaten = overlain(labels[left], outlines, scores[left], np.zeros(len(left), bool), options)
    taken_back = np.r_[index[lapsed], left[beaten]]
    decided.memory[taken_back], decided.lapsed[taken_back] = "", True
