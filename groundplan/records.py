"""The records that cross package borders: imagery provenance and one tile's detections."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Imagery:
    """Where the pixels come from; proposals are written only when this is known."""

    id: str
    """Name of the imagery as OSM editors know it, or any stable name."""
    date: dt.date | None = None
    """Day the imagery was taken; None means unknown, which switches the freshness rule off."""
    licence: str = ""
    """SPDX identifier or name; empty means unknown."""
    attribution: str = ""
    """Credit line to carry along; empty means none is asked for."""
    osm_permitted: bool | None = None
    """The user's word that tracing for OpenStreetMap is allowed; None means nothing was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """What a detector found in one tile, in the tile's pixels; N may be 0."""

    boxes: NDArray[np.float32]
    """(N, 4): x1, y1, x2, y2 in tile pixels, 0 <= x1 < x2 <= tile_px; pixel corners are integers."""
    labels: NDArray[np.int64]
    """(N,): ids as in `groundplan.labels.LABEL_IDS`."""
    scores: NDArray[np.float32]
    """(N,): 0..1."""
    masks: tuple[NDArray[np.float32], ...]
    """N probability grids (h_i, w_i), 0..1, each spanning its own box; cell (0, 0) touches the corner x1, y1."""

    def __len__(self) -> int:
        return len(self.scores)

    def only(self, keep: NDArray[np.bool_]) -> "Detections":
        """Return some of the instances, shape (N,) of bool, in their order."""
        return Detections(
            boxes=self.boxes[keep],
            labels=self.labels[keep],
            scores=self.scores[keep],
            masks=tuple(mask for mask, kept in zip(self.masks, keep, strict=True) if kept),
        )
