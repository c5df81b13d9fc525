"""What a detector is: tiles of pixels in, `Detections` out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from groundplan.records import Detections


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorInfo:
    """What the pipeline must know of a detector before it plans a run."""

    name: str
    """Short name for manifests and reports."""
    sha256: str
    """Of the weights file, or of what else decides the result; part names depend on it."""
    labels: tuple[str, ...]
    """Labels the detector can return."""
    gsd_m: float
    """Ground sample distance it was made for, in metres; 0 = any (native pixels)."""
    min_score: dict[str, float]
    """Recommended threshold per label, 0..1."""
    coarse_labels: tuple[str, ...] = ()
    """Labels too large for a tile: found in a second pass over coarser, and so wider, tiles, and only there."""
    large_from_m2: dict[str, float] = field(default_factory=dict)
    """Labels that are looked for in both passes -> area in m2 from which on objects of the coarse one count."""
    large_min_score: dict[str, float] = field(default_factory=dict)
    """Recommended threshold of those in the coarse pass, where it is higher than `min_score`."""
    coarse_factor: float = 3.0
    """How many times coarser that pass is."""
    filled_labels: tuple[str, ...] = ()
    """Labels whose masks cover what the objects enclose as well: a running track's whole oval."""
    calibrated: bool = False
    """Whether scores are probabilities measured on data that was not trained on."""
    arithmetic: str = ""
    """How the device computes, such as "cpu-8bit", "cpu-32bit" or "cuda-16bit"; part names depend on it. "" = as
    on any other."""


class Detector(Protocol):
    """Finds instances in tiles; loaded once per worker and used for many tiles."""

    info: DetectorInfo
    batch_tiles: int
    """Images that it likes to be given at once; their results do not depend on each other."""

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        """Return one `Detections` per image.

        Parameters
        ----------
        images : sequence of ndarray of shape (3, H, W), dtype uint8
            RGB, all of one size; invalid pixels are 0.
        """
        ...
