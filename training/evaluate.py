"""A detector and labelled chips -> COCO mask AP per label, counting only labels that are complete in a chip."""

import contextlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.models.detection.roi_heads import paste_masks_in_image

from detection.detector import Detector
from groundplan.errors import DataError
from groundplan.labels import LABEL_IDS, LABELS
from training.chips import Chip, read_pixels
from training.rings import rasterise

Found = tuple[int, float, dict[str, Any]]
"""Label id, score, RLE mask."""


def evaluate(
    detector: Detector,
    chips: Sequence[Chip],
    *,
    gsd_m: float,
    coarse_gsd_m: float | None = None,
    on_chip: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Return mask AP, AP50, AP75 per label, and false detections per km2 where a label is known to be absent.

    Parameters
    ----------
    detector : Detector
    chips : sequence of Chip
        Not trained on.
    gsd_m : float
        The detector's ground sample distance; chips are resampled to it, in metres.
    coarse_gsd_m : float, optional
        Pass the chips through this resolution first, to see what coarser imagery costs.
    on_chip : callable, optional
        Called after each chip.

    Returns
    -------
    dict
        label -> ``ap``, ``ap50``, ``ap75`` (None without instances), ``n_truth``, ``n_chips``, and at the
        detector's own thresholds ``precision50``, ``recall50`` (IoU 0.5) and ``false_per_km2`` over chips without
        the label.

    Raises
    ------
    DataError
        There are no chips.
    """
    if not chips:
        raise DataError("no chips to evaluate; give folders with chips of the wanted split")
    truths: list[list[tuple[int, bool, dict[str, Any]]]] = []
    founds: list[list[Found]] = []
    sizes: list[tuple[int, int]] = []
    for chip in chips:
        image, scale = _resampled(chip, gsd_m=gsd_m, coarse_gsd_m=coarse_gsd_m)
        height, width = image.shape[:2]
        sizes.append((height, width))
        truths.append(
            [
                (
                    LABEL_IDS[each.label],
                    each.ignore,
                    _encode(rasterise(tuple(r * scale for r in each.rings), height=height, width=width)),
                )
                for each in chip.instances
            ]
        )
        founds.append(_detect(detector, image))
        if on_chip is not None:
            on_chip()
    return {
        label: _label_figures(
            label, chips, truths, founds, sizes, threshold=detector.info.min_score[label], gsd_m=gsd_m
        )
        for label in LABELS
        if label in detector.info.min_score and any(label in chip.complete for chip in chips)
    }


def _resampled(chip: Chip, *, gsd_m: float, coarse_gsd_m: float | None) -> tuple[NDArray[np.uint8], float]:
    picture = Image.fromarray(read_pixels(chip))
    if coarse_gsd_m is not None and coarse_gsd_m > chip.gsd_m:
        factor = chip.gsd_m / coarse_gsd_m
        picture = picture.resize((round(chip.width * factor), round(chip.height * factor)), Image.Resampling.BOX)
    scale = chip.gsd_m / gsd_m
    size = (round(chip.width * scale), round(chip.height * scale))
    if size != picture.size:
        shrinks = size[0] < picture.width
        picture = picture.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC)
    return np.asarray(picture), scale


def _detect(detector: Detector, image: NDArray[np.uint8]) -> list[Found]:
    height, width = image.shape[:2]
    (result,) = detector.detect([np.ascontiguousarray(image.transpose(2, 0, 1))])
    if len(result) == 0:
        return []
    grids = torch.from_numpy(np.stack(result.masks))[:, None]
    pasted = paste_masks_in_image(grids, torch.from_numpy(result.boxes), (height, width))[:, 0] > 0.5
    return [
        (int(label), float(score), _encode(mask))
        for label, score, mask in zip(result.labels, result.scores, pasted.numpy(), strict=True)
    ]


def _encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    encoded: dict[str, Any] = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    return encoded


def _label_figures(
    label: str,
    chips: Sequence[Chip],
    truths: Sequence[Sequence[tuple[int, bool, dict[str, Any]]]],
    founds: Sequence[Sequence[Found]],
    sizes: Sequence[tuple[int, int]],
    *,
    threshold: float,
    gsd_m: float,
) -> dict[str, Any]:
    number = LABEL_IDS[label]
    used = [index for index, chip in enumerate(chips) if label in chip.complete]
    images = [{"id": index, "height": sizes[index][0], "width": sizes[index][1]} for index in used]
    true: list[dict[str, Any]] = [
        {
            "image_id": index,
            "category_id": number,
            "segmentation": mask,
            "iscrowd": int(ignore),
            "area": float(rle.area(mask)),
            "bbox": rle.toBbox(mask).tolist(),
        }
        for index in used
        for label_id, ignore, mask in truths[index]
        if label_id == number and rle.area(mask) > 0
    ]
    for count, entry in enumerate(true, start=1):
        entry["id"] = count
    found: list[dict[str, Any]] = [
        {"image_id": index, "category_id": number, "segmentation": mask, "score": score}
        for index in used
        for label_id, score, mask in founds[index]
        if label_id == number
    ]
    n_truth = sum(not entry["iscrowd"] for entry in true)
    empty = [index for index in used if not any(label_id == number for label_id, _, _ in truths[index])]
    area_km2 = sum(sizes[index][0] * sizes[index][1] for index in empty) * gsd_m**2 / 1e6
    wrong = sum(
        label_id == number and score >= threshold for index in empty for label_id, score, _ in founds[index]
    )
    out: dict[str, Any] = {
        "n_truth": n_truth,
        "n_chips": len(used),
        "threshold": threshold,
        "false_per_km2": round(wrong / area_km2, 3) if area_km2 else None,
        "empty_km2": round(area_km2, 3),
    }
    if not n_truth or not found:
        return out | {
            "ap": None if not n_truth else 0.0,
            "ap50": None if not n_truth else 0.0,
            "ap75": None if not n_truth else 0.0,
        }
    out |= _average_precision(images, true, found, number)
    strong = [entry for entry in found if entry["score"] >= threshold]
    return out | _at_threshold(images, true, strong, number)


def _coco_eval(
    images: list[dict[str, Any]], true: list[dict[str, Any]], found: list[dict[str, Any]], number: int
) -> COCOeval:
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": images,
        "annotations": true,
        "categories": [{"id": number, "name": "label"}],
    }
    # pycocotools reports to stdout, where our own results go.
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        # loadRes changes the records it is given.
        judged = COCOeval(coco, coco.loadRes([dict(each) for each in found]), "segm")
        judged.params.maxDets = [1, 10, 300]
        judged.evaluate()
        judged.accumulate()
    return judged


def _average_precision(
    images: list[dict[str, Any]], true: list[dict[str, Any]], found: list[dict[str, Any]], number: int
) -> dict[str, Any]:
    precision = _coco_eval(images, true, found, number).eval["precision"][:, :, 0, 0, -1]
    return {
        "ap": round(float(precision.mean()), 4),
        "ap50": round(float(precision[0].mean()), 4),
        "ap75": round(float(precision[5].mean()), 4),
    }


def _at_threshold(
    images: list[dict[str, Any]], true: list[dict[str, Any]], found: list[dict[str, Any]], number: int
) -> dict[str, Any]:
    n_truth = sum(not entry["iscrowd"] for entry in true)
    if not found:
        return {"precision50": None, "recall50": 0.0}
    hits = wrong = 0
    for each in _coco_eval(images, true, found, number).evalImgs:
        # The first of four object sizes is "all".
        if each is None or each["aRng"] != [0, 1e10]:
            continue
        matched, ignored = each["dtMatches"][0] > 0, each["dtIgnore"][0].astype(bool)
        hits += int((matched & ~ignored).sum())
        wrong += int((~matched & ~ignored).sum())
    return {
        "precision50": round(hits / (hits + wrong), 4) if hits + wrong else None,
        "recall50": round(hits / n_truth, 4),
    }
