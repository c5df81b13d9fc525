"""A detector and labelled chips -> COCO mask AP per label, counting only labels that are complete in a chip."""

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detection.detector import Detector
from groundplan.labels import LABEL_IDS
from training.chips import Chip
from training.looks import Look, Pass, look_at_chips

MAX_FOUND = 400
"""Detections of a label per chip that count; a dense town shows 180 houses in a tile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was found of one label, each judged at IoU 0.5; ignored regions are left out."""

    score: NDArray[np.float64]
    """(N,): as the detector gave it."""
    correct: NDArray[np.bool_]
    """(N,): it is the best match of a true object."""
    n_truth: int
    """True objects, found or not."""


def evaluate(
    detector: Detector,
    chips: Sequence[Chip],
    *,
    gsd_m: float,
    degraded_gsd_m: float | None = None,
    on_chip: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Return mask AP, AP50, AP75 per label, and false detections per km2 where a label is known to be absent.

    Parameters
    ----------
    detector : Detector
    chips : sequence of Chip
        Not trained on.
    gsd_m, degraded_gsd_m, on_chip
        As in `training.looks.look_at_chips`.

    Returns
    -------
    dict
        As `figures`.

    Raises
    ------
    DataError
        There are no chips.
    """
    passes = look_at_chips(detector, chips, gsd_m=gsd_m, degraded_gsd_m=degraded_gsd_m, on_chip=on_chip)
    return figures(passes, detector.info.min_score)


def figures(passes: Sequence[Pass], min_score: dict[str, float]) -> dict[str, Any]:
    """Return the figures of every label that is complete in some chip.

    Returns
    -------
    dict
        label -> ``ap``, ``ap50``, ``ap75`` (None without instances), ``n_truth``, ``n_chips``, and at the
        threshold ``precision50``, ``recall50`` (IoU 0.5) and ``false_per_km2`` over chips without the label.
    """
    return {
        label: _label_figures(label, every, min_score[label])
        for every in passes
        for label in every.labels
        if any(label in look.chip.complete for look in every.looks)
    }


def evidence(passes: Sequence[Pass], label: str) -> Evidence:
    """Return everything found of a label in chips where it is complete, judged at IoU 0.5."""
    scores: list[float] = []
    correct: list[bool] = []
    n_truth = 0
    for every in passes:
        looks = _complete(every, label)
        if label not in every.labels or not looks:
            continue
        true, found = _records(looks, LABEL_IDS[label])
        n_truth += sum(not entry["iscrowd"] for entry in true)
        if not found:
            continue
        for each in _coco_eval(looks, true, found, LABEL_IDS[label]).evalImgs:
            if each is None or each["aRng"] != ALL_SIZES:
                continue
            counted = ~each["dtIgnore"][0].astype(bool)
            scores += np.asarray(each["dtScores"])[counted].tolist()
            correct += (each["dtMatches"][0] > 0)[counted].tolist()
    return Evidence(score=np.array(scores, np.float64), correct=np.array(correct, bool), n_truth=n_truth)


ALL_SIZES = [0, 1e10]
"""The first of COCO's four ranges of object sizes, in px2."""


def _complete(every: Pass, label: str) -> list[Look]:
    return [look for look in every.looks if label in look.chip.complete]


def _records(looks: Sequence[Look], number: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the truth and the detections of a label as COCO has them; image ids are positions in `looks`."""
    true: list[dict[str, Any]] = [
        {
            "image_id": index,
            "category_id": number,
            "segmentation": mask,
            "iscrowd": int(ignore),
            "area": float(rle.area(mask)),
            "bbox": rle.toBbox(mask).tolist(),
        }
        for index, look in enumerate(looks)
        for label_id, ignore, mask in look.truth
        if label_id == number and rle.area(mask) > 0
    ]
    for count, entry in enumerate(true, start=1):
        entry["id"] = count
    found: list[dict[str, Any]] = [
        {"image_id": index, "category_id": number, "segmentation": mask, "score": score}
        for index, look in enumerate(looks)
        for label_id, score, mask in look.found
        if label_id == number
    ]
    return true, found


def _label_figures(label: str, every: Pass, threshold: float) -> dict[str, Any]:
    number, looks = LABEL_IDS[label], _complete(every, label)
    true, found = _records(looks, number)
    n_truth = sum(not entry["iscrowd"] for entry in true)
    empty = [look for look in looks if not any(label_id == number for label_id, _, _ in look.truth)]
    area_km2 = sum(look.height_px * look.width_px for look in empty) * every.gsd_m**2 / 1e6
    wrong = sum(label_id == number and score >= threshold for look in empty for label_id, score, _ in look.found)
    out: dict[str, Any] = {
        "n_truth": n_truth,
        "n_chips": len(looks),
        "threshold": threshold,
        "false_per_km2": round(wrong / area_km2, 3) if area_km2 else None,
        "empty_km2": round(area_km2, 3),
    }
    if not n_truth or not found:
        return out | dict.fromkeys(("ap", "ap50", "ap75"), 0.0 if n_truth else None)
    out |= _average_precision(looks, true, found, number)
    strong = [entry for entry in found if entry["score"] >= threshold]
    return out | _at_threshold(looks, true, strong, number)


def _coco_eval(
    looks: Sequence[Look], true: list[dict[str, Any]], found: list[dict[str, Any]], number: int
) -> COCOeval:
    coco = COCO()
    coco.dataset = {
        "info": {},
        "images": [
            {"id": index, "height": look.height_px, "width": look.width_px} for index, look in enumerate(looks)
        ],
        "annotations": true,
        "categories": [{"id": number, "name": "label"}],
    }
    # pycocotools reports to stdout, where our own results go.
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        # loadRes changes the records it is given.
        judged = COCOeval(coco, coco.loadRes([dict(each) for each in found]), "segm")
        judged.params.maxDets = [1, 10, MAX_FOUND]
        judged.evaluate()
        judged.accumulate()
    return judged


def _average_precision(
    looks: Sequence[Look], true: list[dict[str, Any]], found: list[dict[str, Any]], number: int
) -> dict[str, Any]:
    precision = _coco_eval(looks, true, found, number).eval["precision"][:, :, 0, 0, -1]
    return {
        "ap": round(float(precision.mean()), 4),
        "ap50": round(float(precision[0].mean()), 4),
        "ap75": round(float(precision[5].mean()), 4),
    }


def _at_threshold(
    looks: Sequence[Look], true: list[dict[str, Any]], found: list[dict[str, Any]], number: int
) -> dict[str, Any]:
    n_truth = sum(not entry["iscrowd"] for entry in true)
    if not found:
        return {"precision50": None, "recall50": 0.0}
    hits = wrong = 0
    for each in _coco_eval(looks, true, found, number).evalImgs:
        if each is None or each["aRng"] != ALL_SIZES:
            continue
        matched, ignored = each["dtMatches"][0] > 0, each["dtIgnore"][0].astype(bool)
        hits += int((matched & ~ignored).sum())
        wrong += int((~matched & ~ignored).sum())
    return {
        "precision50": round(hits / (hits + wrong), 4) if hits + wrong else None,
        "recall50": round(hits / n_truth, 4),
    }
