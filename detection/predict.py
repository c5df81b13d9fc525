"""Weights and tiles -> detections: the network as a `Detector`."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from detection.calibration import calibrate_scores
from detection.detector import BoxFilter, DetectorInfo
from detection.engines import Engine, Found, arithmetic, eight_bit_layers
from detection.kept_memory import keep_memory
from detection.model import InferenceLimits, build_model, pick_device
from detection.neighbours import REACH_M, neighbour_lift
from detection.repeats import may_be_repeated, without_repeats
from detection.weights import Weights, load_into, read_weights
from groundplan.errors import WeightsError
from groundplan.labels import LABEL_IDS
from groundplan.records import Detections

GPU_BATCH_TILES = 8
"""Tiles that a GPU is given at once. A CPU gains nothing by more than one, and its cache loses."""


class MaskRcnnDetector:
    """Mask R-CNN with loaded weights; not safe to use from several threads at once.

    Parameters
    ----------
    path : Path
        Weights file.
    device : {"auto", "cpu", "cuda"}
    threads : int, optional
        CPU threads per forward pass; None leaves torch's choice.
    limits : InferenceLimits, optional
        How much the heads may do per tile.
    min_score : mapping, optional
        Label -> score from which it is wanted; the rest gets no mask and is left out. None gives all that
        `limits` lets through.

    Raises
    ------
    WeightsError
        The file cannot be used, or the device is not there.
    """

    def __init__(
        self,
        path: Path,
        *,
        device: str = "auto",
        threads: int | None = None,
        limits: InferenceLimits | None = None,
        min_score: Mapping[str, float] | None = None,
    ) -> None:
        keep_memory()
        weights = read_weights(path)
        record = weights.record
        self._threads = threads
        self._set_threads()
        self.device = pick_device(device)
        self.batch_tiles = GPU_BATCH_TILES if self.device.type == "cuda" else 1
        self.info = _info(weights, self.device)
        model = build_model(weights.spec, limits=limits)
        _load(model, weights, path)
        self._engine = Engine(model, self.device, ranges=record.ranges)
        self._names, self._calibration, self._neighbours = record.labels, record.calibration, record.neighbours
        self._ids = np.array([0] + [LABEL_IDS[label] for label in record.labels], np.int64)
        # A label that was never learned is never wanted.
        wanted = dict.fromkeys(record.labels, 0.0) if min_score is None else min_score
        self._least = np.array(
            [np.inf]
            + [wanted.get(label, np.inf) if label in record.min_score else np.inf for label in record.labels]
        )

    def detect(
        self, images: Sequence[NDArray[np.uint8]], wanted: Sequence[BoxFilter] | None = None
    ) -> list[Detections]:
        """Return one `Detections` per image, best score first.

        Parameters
        ----------
        images : sequence of ndarray of shape (3, H, W), dtype uint8
            RGB at the weights' ground sample distance.
        wanted : sequence of callable, optional
            See `detection.detector.Detector`.

        Returns
        -------
        list of Detections
            Masks are 28 x 28 grids over their boxes, never pasted. Boxes are clipped to the image; labels the
            weights never learned are left out.
        """
        if not images:
            return []
        self._set_threads()
        with torch.inference_mode():
            pyramid, found = self._engine.find(self._on_device(images).float().div_(255))
            filters = [None] * len(images) if wanted is None else wanted
            kept = [self._kept(*each) for each in zip(found, images, filters, strict=True)]
            masks = self._engine.masks(pyramid, [each for each, _ in kept])
        return [self._record(*each, own) for each, own in zip(kept, masks, strict=True)]

    def _set_threads(self) -> None:
        # Of what runs the products each thread of a process has a setting of its own.
        if self._threads is not None:
            torch.set_num_threads(self._threads)

    def _on_device(self, images: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        batch = torch.from_numpy(np.stack(images))
        if self.device.type == "cpu":
            return batch
        # As bytes, and from memory that is not paged out, a GPU fetches them by itself.
        return batch.pin_memory().to(self.device, non_blocking=True)

    def _kept(
        self, found: Found, image: NDArray[np.uint8], wanted: BoxFilter | None
    ) -> tuple[Found, NDArray[np.bool_]]:
        """Return the boxes that get masks, with calibrated scores, best first, and which of them are wanted.

        The others are better than a wanted one that they overlap, which may repeat them.
        """
        labels, boxes = found.labels.cpu().numpy(), found.boxes.cpu().numpy()
        scores = found.scores.cpu().numpy().astype(np.float32)
        lift = neighbour_lift(
            boxes,
            scores,
            labels,
            names=self._names,
            weights=self._neighbours,
            reach_px=REACH_M / self.info.gsd_m,
            seen=np.asarray(image.any(axis=0)),
        )
        scores = calibrate_scores(scores, labels, names=self._names, table=self._calibration, lift=lift)
        keep = (scores >= self._least[labels]) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        # Labels have slopes of their own, so calibrated scores come in another order.
        order = np.argsort(-scores, kind="stable")
        order = order[keep[order]]
        # Only now: what is left to a neighbour has spoken for those beside it.
        own = np.ones(len(order), bool) if wanted is None else wanted(boxes[order])
        drawn = own | may_be_repeated(boxes[order], labels[order], by=own)
        at = torch.from_numpy(order[drawn]).to(found.boxes.device)
        kept = dataclasses.replace(
            found,
            boxes=found.boxes[at],
            labels=found.labels[at],
            scores=torch.from_numpy(scores).to(found.boxes.device)[at],
        )
        return kept, own[drawn]

    def _record(self, found: Found, wanted: NDArray[np.bool_], masks: torch.Tensor) -> Detections:
        boxes, grids = found.boxes.cpu().numpy().astype(np.float32), masks.cpu().numpy().astype(np.float32)
        labels = self._ids[found.labels.cpu().numpy()]
        keep = without_repeats(boxes, labels, grids)
        keep = keep[wanted[keep]]
        return Detections(
            boxes=boxes[keep],
            labels=labels[keep],
            scores=found.scores.cpu().numpy()[keep],
            masks=tuple(grids[keep]),
        )


def describe_weights(path: Path, *, device: str = "auto") -> DetectorInfo:
    """Return what a `MaskRcnnDetector` of a weights file would say of itself, without building it.

    The network is made of shapes only. Names and shapes of the file's tensors are compared with it as they are
    when it is loaded; only the numbers are not looked at.

    Raises
    ------
    WeightsError
        The file cannot be used, or the device is not there.
    """
    weights = read_weights(path, device="meta")
    picked = pick_device(device)
    with torch.device("meta"):
        _load(build_model(weights.spec), weights, path)
    return _info(weights, picked)


def _load(model: GeneralizedRCNN, weights: Weights, path: Path) -> None:
    n_labels = len(weights.record.labels)
    if n_labels != weights.spec.n_labels:
        raise WeightsError(f"{path} names {n_labels} labels for {weights.spec.n_labels} outputs; it is damaged")
    layers = eight_bit_layers(model)
    for part, ranges in weights.record.ranges.items():
        has = layers.get(part, "unknown")
        if len(ranges) != has:
            raise WeightsError(
                f"{path} has {len(ranges)} ranges for the {has} layers of its {part}; it is damaged"
            )
    odd = sorted(set(weights.record.neighbours) - set(weights.record.labels))
    if odd:
        raise WeightsError(f"{path} weighs neighbours of {', '.join(odd)}, which it does not know; it is damaged")
    load_into(model, weights)


def _info(weights: Weights, device: torch.device) -> DetectorInfo:
    record = weights.record
    return DetectorInfo(
        name=record.name,
        sha256=weights.sha256,
        labels=tuple(label for label in record.labels if label in record.min_score),
        gsd_m=record.gsd_m,
        min_score=dict(record.min_score),
        coarse_labels=record.coarse_labels,
        large_from_m2=dict(record.large_from_m2),
        large_min_score=dict(record.large_min_score),
        coarse_factor=record.coarse_factor,
        filled_labels=record.filled_labels,
        calibrated=bool(record.calibration),
        arithmetic=arithmetic(device, ranges=record.ranges, backbone=weights.spec.backbone),
    )
