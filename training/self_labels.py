"""A detector and chips that lack a label -> the same chips with its own, agreed findings as labels."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import contourpy
import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle

from detection.detector import Detector
from groundplan.errors import DataError
from groundplan.labels import LABEL_IDS
from training.chips import Chip, ChipWriter, Instance, read_pixels
from training.looks import RunLengths, detect_masks, resampled
from training.rings import Rings

SCALES: Final = (1.0, 1.25)
"""Factors on the detector's ground sample distance at which every chip is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfOptions:
    """How sure a finding must be."""

    sure: float = 0.55
    """Scores at both scales from which a finding becomes a label."""
    doubtful: float = 0.15
    """Score at either scale from which a finding that is not sure becomes a region to ignore."""
    same_iou: float = 0.7
    """Mask IoU from which two findings of different scales agree."""
    tolerance_px: float = 0.5
    """How far an outline may be simplified."""
    pool_m2: float = 150.0
    """Buildings smaller than this and of the colour of a swimming pool are background instead."""


def write_self_labels(
    detector: Detector,
    chips: Sequence[Chip],
    writer: ChipWriter,
    *,
    label: str,
    source: str,
    options: SelfOptions | None = None,
    on_chip: Callable[[], None] | None = None,
) -> dict[str, int]:
    """Write the training chips that do not know a label, with what the detector surely finds of it.

    Where the detector doubts, nothing is learned; all the rest becomes background of the label. Validation chips
    are left out: a figure measured on a detector's own labels says nothing.

    Parameters
    ----------
    detector : Detector
        Looks at each chip once per scale; give one of several views, so that flips must agree too.
    chips : sequence of Chip
    writer : ChipWriter
        Gets the chips; the caller closes it.
    label : str
        What is looked for.
    source : str
        Source named in the chips.

    Returns
    -------
    dict
        Counts of ``chips``, ``sure`` and ``doubtful`` objects.

    Raises
    ------
    DataError
        Every chip knows the label already.

    References
    ----------
    Xie et al. 2020, self-training with a noisy student, https://doi.org/10.1109/CVPR42600.2020.01070.
    """
    options = options or SelfOptions()
    unknown = [chip for chip in chips if chip.split == "train" and label not in chip.complete]
    if not unknown:
        raise DataError(f"every training chip knows {label} already; give chips that lack it")
    counts = {"chips": 0, "sure": 0, "doubtful": 0}
    for chip in unknown:
        own = self_labels(detector, chip, label=label, options=options)
        kept = tuple(each for each in chip.instances if each.label != label)
        writer.add_copy(replace(chip, source=source, complete=chip.complete | {label}, instances=(*kept, *own)))
        counts["chips"] += 1
        counts["sure"] += sum(not each.ignore for each in own)
        counts["doubtful"] += sum(each.ignore for each in own)
        if on_chip is not None:
            on_chip()
    return counts


def self_labels(detector: Detector, chip: Chip, *, label: str, options: SelfOptions) -> list[Instance]:
    """Return what is surely of the label in a chip, and where that is in doubt (``ignore``), in chip pixels."""
    first, second = (_found(detector, chip, label=label, factor=factor) for factor in SCALES)
    if label == "building":
        pixels = read_pixels(chip)
        first, second = (
            [each for each in found if not _is_pool(pixels, each[1], chip.gsd_m, options)]
            for found in (first, second)
        )
    overlap = _ious(first, second)
    best = overlap.argmax(axis=1) if overlap.size else np.zeros(len(first), int)
    out = []
    for number, (score, mask) in enumerate(first):
        agreed = overlap.size > 0 and overlap[number, best[number]] >= options.same_iou
        both = min(score, second[best[number]][0]) if agreed else 0.0
        if max(score, both) >= options.doubtful:
            out += _instances(mask, label, ignore=both < options.sure, options=options)
    for number, (score, mask) in enumerate(second):
        lonely = overlap.size == 0 or overlap[:, number].max() < 0.5
        if lonely and score >= options.doubtful:
            out += _instances(mask, label, ignore=True, options=options)
    return out


def _found(detector: Detector, chip: Chip, *, label: str, factor: float) -> list[tuple[float, RunLengths]]:
    """Return score and mask, at the chip's own size, of everything found at one scale."""
    image, _ = resampled(chip, gsd_m=detector.info.gsd_m * factor)
    wanted = LABEL_IDS[label]
    return [
        (score, _at_size(mask, chip)) for number, score, mask in detect_masks(detector, image) if number == wanted
    ]


def _is_pool(pixels: NDArray[np.uint8], mask: RunLengths, gsd_m: float, options: SelfOptions) -> bool:
    """Tell small turquoise things apart: detectors that know blue roofs from elsewhere take pools for them."""
    if float(rle.area(mask)) * gsd_m**2 > options.pool_m2:
        return False
    red, green, blue = pixels[rle.decode(mask).astype(bool)].astype(int).T
    # The mask takes in the paving around the water, too.
    return bool(red.size) and float((np.minimum(green, blue) - red > 20).mean()) > 0.2


def _at_size(mask: RunLengths, chip: Chip) -> RunLengths:
    picture = Image.fromarray(rle.decode(mask) * np.uint8(255))
    shown = np.asarray(picture.resize((chip.width, chip.height), Image.Resampling.BILINEAR)) >= 128
    encoded: RunLengths = rle.encode(np.asfortranarray(shown.astype(np.uint8)))
    return encoded


def _ious(first: Iterable[tuple[float, RunLengths]], second: Iterable[tuple[float, RunLengths]]) -> Any:
    ones, others = [mask for _, mask in first], [mask for _, mask in second]
    if not ones or not others:
        return np.zeros((len(ones), len(others)))
    return rle.iou(ones, others, [0] * len(others))


def _instances(mask: RunLengths, label: str, *, ignore: bool, options: SelfOptions) -> list[Instance]:
    """Return the largest piece of a mask as an outline; nothing where it is too small to be one."""
    rings = _outer_rings(rle.decode(mask), options.tolerance_px)
    one = Instance(label=label, rings=(), ignore=ignore)
    return [replace(one, rings=rings)] if rings else []


def _outer_rings(mask: Any, tolerance_px: float) -> Rings:
    lines = contourpy.contour_generator(z=np.pad(mask, 1).astype(float)).lines(0.5)
    # Contours go through pixel centres of the padded mask: half a pixel in, one pixel of padding off.
    shapes = [shapely.Polygon(np.asarray(line) - 0.5) for line in lines if len(line) >= 4]
    if not shapes:
        return ()
    largest = max(shapes, key=lambda shape: shape.area).simplify(tolerance_px)
    if largest.is_empty or largest.area < 4.0:
        return ()
    return (shapely.get_coordinates(largest.exterior)[:-1],)
