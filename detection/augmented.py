"""A detector -> one that looks at each tile flipped and turned, and averages what it finds by instance."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detector import BoxFilter, Detector, DetectorInfo, only_wanted
from groundplan.errors import ConfigError
from groundplan.records import Detections

VIEWS: Final[dict[int, tuple[tuple[bool, int], ...]]] = {
    1: ((False, 0),),
    2: ((False, 0), (True, 0)),
    4: tuple((False, turns) for turns in range(4)),
    8: tuple((flipped, turns) for flipped in (False, True) for turns in range(4)),
}
"""Number of views -> mirrored left to right first or not, then so many quarter turns."""

SAME_IOU: Final = 0.5
"""Boxes of one label in two views are one instance from this IoU on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One detection of one view, back in the tile's own frame."""

    view: int
    label: int
    score: float
    box: NDArray[np.float64]
    mask: NDArray[np.float32]


class AugmentedDetector:
    """Averages boxes, masks and scores over views; what some views miss loses their share of its score.

    Costs as many times the detector's own time as there are views. Everything is turned back before it is
    compared, so the order of the views does not matter.

    Parameters
    ----------
    detector : Detector
    views : int
        1, 2 (mirrored), 4 (quarter turns) or 8 (both).

    Raises
    ------
    ConfigError
        Another number of views.
    """

    def __init__(self, detector: Detector, *, views: int) -> None:
        self.info = augmented_info(detector.info, views=views)
        self._detector, self._views = detector, VIEWS[views]
        self.batch_tiles = detector.batch_tiles

    def detect(
        self, images: Sequence[NDArray[np.uint8]], wanted: Sequence[BoxFilter] | None = None
    ) -> list[Detections]:
        """Return one `Detections` per image, best score first; see `detection.detector.Detector`."""
        seen: list[list[_Seen]] = [[] for _ in images]
        for number, (flipped, turns) in enumerate(self._views):
            turned = [turn_image(image, flipped=flipped, turns=turns) for image in images]
            for own, view, found in zip(seen, turned, self._detector.detect(turned), strict=True):
                own += _back(found, view.shape[1:], number=number, flipped=flipped, turns=turns)
        return only_wanted([_merged(own, n_views=len(self._views)) for own in seen], wanted)


def augmented_info(info: DetectorInfo, *, views: int) -> DetectorInfo:
    """Return what a detector says of itself that looks so often; its parts are not those of another number.

    Raises
    ------
    ConfigError
        Another number of views than there are.
    """
    if views not in VIEWS:
        raise ConfigError(f"views = {views}; choose one of {', '.join(map(str, VIEWS))}")
    return dataclasses.replace(info, sha256=info.sha256 + (f"-views{views}" if views > 1 else ""))


def turn_image(image: NDArray[np.uint8], *, flipped: bool, turns: int) -> NDArray[np.uint8]:
    """Return an image of shape (3, H, W) mirrored left to right, then turned anticlockwise by quarter turns."""
    mirrored = image[:, :, ::-1] if flipped else image
    return np.ascontiguousarray(np.rot90(mirrored, turns, axes=(1, 2)))


def _back(found: Detections, shape: tuple[int, ...], *, number: int, flipped: bool, turns: int) -> list[_Seen]:
    """Return a view's detections in the frame of the image that it was made of."""
    boxes = found.boxes.astype(np.float64)
    height, width = shape
    for _ in range(turns):
        x1, y1, x2, y2 = boxes.T
        boxes = np.column_stack((height - y2, x1, height - y1, x2))
        height, width = width, height
    if flipped:
        x1, y1, x2, y2 = boxes.T
        boxes = np.column_stack((width - x2, y1, width - x1, y2))
    masks = [np.rot90(mask, -turns) for mask in found.masks]
    return [
        _Seen(
            view=number,
            label=int(label),
            score=float(score),
            box=box,
            mask=np.ascontiguousarray(mask[:, ::-1] if flipped else mask),
        )
        for label, score, box, mask in zip(found.labels, found.scores, boxes, masks, strict=True)
    ]


def _merged(seen: Sequence[_Seen], *, n_views: int) -> Detections:
    ordered = sorted(seen, key=lambda each: (-each.score, each.label, *each.box.tolist(), each.view))
    groups: list[list[_Seen]] = []
    seeds = np.empty((len(ordered), 4))
    labels = np.empty(len(ordered), np.int64)
    for each in ordered:
        count = len(groups)
        overlap = np.where(labels[:count] == each.label, _ious(each.box, seeds[:count]), 0.0)
        near = [int(place) for place in np.argsort(-overlap, kind="stable") if overlap[place] >= SAME_IOU]
        free = [place for place in near if all(other.view != each.view for other in groups[place])]
        if free:
            groups[free[0]].append(each)
        else:
            seeds[count], labels[count] = each.box, each.label
            groups.append([each])
    averaged = sorted((_average(group, n_views) for group in groups), key=lambda each: -each.score)
    return Detections(
        boxes=np.array([each.box for each in averaged], np.float32).reshape(-1, 4),
        labels=np.array([each.label for each in averaged], np.int64),
        scores=np.array([each.score for each in averaged], np.float32),
        masks=tuple(each.mask for each in averaged),
    )


def _ious(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    area, areas = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    return np.asarray(shared / (area + areas - shared))


def _average(group: Sequence[_Seen], n_views: int) -> _Seen:
    weight = np.array([each.score for each in group])
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(len(group), 1 / len(group))
    if len(group) == 1:
        box, mask = group[0].box, group[0].mask
    else:
        box = np.sum([w * each.box for w, each in zip(weight, group, strict=True)], axis=0)
        shape = max((each.mask.shape for each in group), key=lambda each: each[0] * each[1])
        mask = np.sum(
            [w * resample_grid(each.mask, each.box, box, shape) for w, each in zip(weight, group, strict=True)],
            axis=0,
            dtype=np.float32,
        )
    return _Seen(
        view=0, label=group[0].label, score=sum(each.score for each in group) / n_views, box=box, mask=mask
    )


def resample_grid(
    mask: NDArray[np.float32], box: NDArray[np.float64], target: NDArray[np.float64], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return a mask grid over another box, by linear interpolation between cell centres; 0 outside its own box.

    Parameters
    ----------
    mask : ndarray of shape (h, w)
        Spans `box`.
    box, target : ndarray of shape (4,)
        x1, y1, x2, y2.
    shape : tuple of int
        Rows and columns of the result.
    """
    rows = _weights(mask.shape[0], (box[1], box[3]), shape[0], (target[1], target[3]))
    cols = _weights(mask.shape[1], (box[0], box[2]), shape[1], (target[0], target[2]))
    return np.asarray(rows @ mask @ cols.T, np.float32)


def _weights(n: int, span: tuple[float, float], count: int, target: tuple[float, float]) -> NDArray[np.float64]:
    """Return the matrix (count, n) that interpolates n cells over `span` at the centres of cells over `target`."""
    centres = target[0] + (np.arange(count) + 0.5) / count * (target[1] - target[0])
    place = (centres - span[0]) / (span[1] - span[0]) * n - 0.5
    low = np.clip(np.floor(place), 0, n - 1).astype(int)
    high = np.clip(low + 1, 0, n - 1)
    share = np.clip(place - low, 0, 1)
    out = np.zeros((count, n))
    at = np.arange(count)
    out[at, low] += 1 - share
    out[at, high] += share
    out[(place < -0.5) | (place > n - 0.5)] = 0
    return out
