"""Weights and tiles -> detections: the network as a `Detector`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from detection.calibration import calibrate_scores
from detection.detector import DetectorInfo
from detection.model import InferenceLimits, build_model, pick_device
from detection.weights import load_into, read_weights
from groundplan.errors import WeightsError
from groundplan.labels import LABEL_IDS
from groundplan.records import Detections


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
    ) -> None:
        weights = read_weights(path)
        record = weights.record
        if threads is not None:
            torch.set_num_threads(threads)
        self.device = pick_device(device)
        self._model = build_model(weights.spec, limits=limits)
        if len(record.labels) != weights.spec.n_labels:
            raise WeightsError(
                f"{path} names {len(record.labels)} labels for {weights.spec.n_labels} outputs; it is damaged"
            )
        load_into(self._model, weights)
        self._model.to(self.device, memory_format=torch.channels_last).eval()
        self._names, self._calibration = record.labels, record.calibration
        self._ids = np.array([0] + [LABEL_IDS[label] for label in record.labels], np.int64)
        self._learned = np.array([False] + [label in record.min_score for label in record.labels])
        self.info = DetectorInfo(
            name=record.name,
            sha256=weights.sha256,
            labels=tuple(label for label in record.labels if label in record.min_score),
            gsd_m=record.gsd_m,
            min_score=dict(record.min_score),
            coarse_labels=record.coarse_labels,
            coarse_factor=record.coarse_factor,
            calibrated=bool(record.calibration),
        )

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Return one `Detections` per image, best score first.

        Parameters
        ----------
        images : sequence of ndarray of shape (3, H, W), dtype uint8
            RGB at the weights' ground sample distance.

        Returns
        -------
        list of Detections
            Masks are 28 x 28 grids over their boxes, never pasted. Boxes are clipped to the image; labels the
            weights never learned are left out.
        """
        if not images:
            return []
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(images)).to(self.device).float().div_(255)
            batch = batch.contiguous(memory_format=torch.channels_last)
            results = self._model(list(batch))
        return [self._record(result) for result in results]

    def _record(self, result: dict[str, torch.Tensor]) -> Detections:
        labels = result["labels"].cpu().numpy()
        boxes = result["boxes"].cpu().numpy().astype(np.float32)
        keep = self._learned[labels] & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        masks = result["masks"][:, 0].cpu().numpy().astype(np.float32)
        scores = calibrate_scores(
            result["scores"].cpu().numpy().astype(np.float32), labels, names=self._names, table=self._calibration
        )
        # Labels have slopes of their own, so calibrated scores come in another order.
        order = np.argsort(-scores, kind="stable")
        order = order[keep[order]]
        return Detections(
            boxes=boxes[order],
            labels=self._ids[labels[order]],
            scores=scores[order],
            masks=tuple(masks[order]),
        )
