"""A detector and labelled chips -> those chips in which it claims something that is not there."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from pycocotools import mask as rle

from detection.detector import Detector
from groundplan.errors import DataError
from groundplan.labels import LABEL_IDS
from training.chips import Chip, ChipWriter
from training.looks import Look, look_at_chips

TOUCHES_IOU: Final = 0.1
"""A finding that overlaps an object of its label, or a region to ignore, this much is badly drawn, not made up."""


def write_hard_chips(
    detector: Detector,
    chips: Sequence[Chip],
    writer: ChipWriter,
    *,
    source: str,
    score: float | None = None,
    on_chip: Callable[[], None] | None = None,
) -> dict[str, int]:
    """Write the training chips whose background the detector takes for an object: hard negatives.

    Given a share of its own in the training file, such a folder shows the network more often what it gets wrong.

    Parameters
    ----------
    detector : Detector
    chips : sequence of Chip
        Only labels that are complete in a chip are judged; validation chips are left out.
    writer : ChipWriter
        Gets the chips as they are; the caller closes it.
    source : str
        Source named in the chips.
    score : float, optional
        Least score of a claim; None = the threshold that the detector recommends for its label.

    Returns
    -------
    dict
        Counts of ``chips`` looked at, of those ``hard``, and of wrong ``claims``.

    Raises
    ------
    DataError
        There are no training chips.

    References
    ----------
    Shrivastava et al. 2016, online hard example mining, https://doi.org/10.1109/CVPR.2016.89.
    """
    known = [chip for chip in chips if chip.split == "train" and chip.complete]
    if not known:
        raise DataError("no training chip has a label that is complete in it; give chips that have some")
    claims = dict.fromkeys((chip.path for chip in known), 0)
    for every in look_at_chips(detector, known, gsd_m=detector.info.gsd_m, on_chip=on_chip):
        for look in every.looks:
            claims[look.chip.path] += sum(
                wrong_claims(look, label, score=detector.info.min_score[label] if score is None else score)
                for label in every.labels
                if label in look.chip.complete
            )
    hard = [chip for chip in known if claims[chip.path]]
    for chip in hard:
        writer.add_copy(replace(chip, source=source))
    return {"chips": len(known), "hard": len(hard), "claims": sum(claims.values())}


def wrong_claims(look: Look, label: str, *, score: float) -> int:
    """Return how many findings of a label, from a score on, touch no object of it."""
    number = LABEL_IDS[label]
    found = [mask for own, sure, mask in look.found if own == number and sure >= score]
    # A region to ignore may lie around many objects: what counts is how much of the finding is inside.
    truth = [(mask, int(ignore)) for own, ignore, mask in look.truth if own == number]
    if not found or not truth:
        return len(found)
    overlap = rle.iou(found, [mask for mask, _ in truth], [crowd for _, crowd in truth])
    return int((overlap.max(axis=1) < TOUCHES_IOU).sum())
