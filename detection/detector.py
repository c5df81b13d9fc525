"""What a detector is: tiles of pixels in, `Detections` out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from groundplan.records import Detections

BoxFilter = Callable[[NDArray[np.float32]], NDArray[np.bool_]]
"""Boxes (N, 4) in pixels of an image -> which of them are wanted."""


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
    """How the device computes, such as "cpu-8bit-bfloat16", "cpu-8bit", "cpu-32bit" or "cuda-16bit"; part names
    depend on it. "" = as on any other."""


class Detector(Protocol):
    """Finds instances in tiles; loaded once per worker and used for many tiles."""

    info: DetectorInfo
    batch_tiles: int
    """Images that it likes to be given at once; their results do not depend on each other."""

    def detect(
        self, images: Sequence[NDArray[np.uint8]], wanted: Sequence[BoxFilter] | None = None
    ) -> list[Detections]:
        """Return one `Detections` per image.

        Parameters
        ----------
        images : sequence of ndarray of shape (3, H, W), dtype uint8
            RGB, all of one size; invalid pixels are 0.
        wanted : sequence of callable, optional
            One per image; boxes for which it says no are left out, and need no masks.
        """
        ...


def only_wanted(found: Sequence[Detections], wanted: Sequence[BoxFilter] | None) -> list[Detections]:
    """Return each image's detections without those whose boxes are not wanted."""
    if wanted is None:
        return list(found)
    return [each.only(keep(each.boxes)) for each, keep in zip(found, wanted, strict=True)]
