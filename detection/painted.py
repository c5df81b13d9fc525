"""The painted detector: flat colours in, exact instances out; the truth of every end-to-end test."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detection.detector import BoxFilter, DetectorInfo, only_wanted
from groundplan.labels import LABELS
from groundplan.records import Detections


class PaintedDetector:
    """Finds instances painted with flat colours, exactly.

    Red is the label id, green * 256 + blue the instance number (1..65535); black is background. One colour is
    one instance however many pieces a tile shows of it.
    """

    batch_tiles = 1

    def __init__(self) -> None:
        self.info = DetectorInfo(
            name="painted",
            sha256="painted-1",
            labels=LABELS,
            gsd_m=0.0,
            min_score=dict.fromkeys(LABELS, 0.5),
            calibrated=True,
        )

    def detect(
        self, images: Sequence[NDArray[np.uint8]], wanted: Sequence[BoxFilter] | None = None
    ) -> list[Detections]:
        """Return the painted instances of each image, ordered by label and instance number, score 1."""
        return only_wanted([_instances(image) for image in images], wanted)


def _instances(image: NDArray[np.uint8]) -> Detections:
    red, green, blue = (band.astype(np.int64) for band in image)
    known = (red >= 1) & (red <= len(LABELS)) & (green * 256 + blue >= 1)
    code = np.where(known, (red << 16) | (green << 8) | blue, 0)
    boxes, labels, masks = [], [], []
    rows, cols = np.nonzero(code)
    order = np.argsort(code[rows, cols], kind="stable")
    rows, cols = rows[order], cols[order]
    codes, starts = np.unique(code[rows, cols], return_index=True)
    ends = [*starts[1:], len(rows)]
    for value, start, end in zip(codes, starts, ends, strict=False):
        own_rows, own_cols = rows[start:end], cols[start:end]
        top, bottom = own_rows.min(), own_rows.max() + 1
        left, right = own_cols.min(), own_cols.max() + 1
        grid = np.zeros((bottom - top, right - left), np.float32)
        grid[own_rows - top, own_cols - left] = 1.0
        boxes.append((left, top, right, bottom))
        labels.append(value >> 16)
        masks.append(grid)
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        scores=np.ones(len(boxes), np.float32),
        masks=tuple(masks),
    )
