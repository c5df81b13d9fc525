"""A detector and chips -> what it found and what is there, as run-length masks, for each of its passes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle
from torchvision.models.detection.roi_heads import paste_masks_in_image

from detection.detector import Detector
from groundplan.errors import DataError
from groundplan.labels import LABEL_IDS, LABELS
from tiling.region import COARSER_SLACK
from training.chips import Chip, read_pixels
from training.rings import rasterise, taught_rings

MAX_COARSER_CHIP = 2.0
"""Chips that are coarser than a pass by more are left to the coarser pass: they take long and show little."""

RunLengths = dict[str, Any]
"""A mask as pycocotools encodes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One chip as the detector saw it in one pass."""

    chip: Chip = field(repr=False)
    height_px: int
    """At the resolution of the pass."""
    width_px: int
    """At the resolution of the pass."""
    truth: tuple[tuple[int, bool, RunLengths], ...] = field(repr=False)
    """Label id, whether to ignore it, mask."""
    found: tuple[tuple[int, float, RunLengths], ...] = field(repr=False)
    """Label id, score, mask; every label of the pass at any score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """All chips at one resolution, and the labels that are looked for at it."""

    gsd_m: float
    labels: tuple[str, ...]
    looks: tuple[Look, ...]


def look_at_chips(
    detector: Detector,
    chips: Sequence[Chip],
    *,
    gsd_m: float,
    degraded_gsd_m: float | None = None,
    on_chip: Callable[[], None] | None = None,
) -> list[Pass]:
    """Return what the detector finds in chips, once per pass that it makes over a region.

    Parameters
    ----------
    detector : Detector
    chips : sequence of Chip
    gsd_m : float
        The detector's ground sample distance; chips are resampled to it, in metres.
    degraded_gsd_m : float, optional
        Pass the chips through this resolution first, to see what coarser imagery costs.
    on_chip : callable, optional
        Called once for each chip that a pass looks at.

    Raises
    ------
    DataError
        There are no chips.
    """
    if not chips:
        raise DataError("no chips to evaluate; give folders with chips of the wanted split")
    info = detector.info
    known = [label for label in LABELS if label in info.min_score]
    fine = tuple(label for label in known if label not in info.coarse_labels)
    coarse = tuple(label for label in known if label in info.coarse_labels)
    out = []
    seen: set[Path] = set()
    for labels, size_m in ((fine, gsd_m), (coarse, gsd_m * info.coarse_factor)):
        if not labels:
            continue
        looks = []
        for chip in chips:
            # A pass is worth its time only where its labels are known.
            if not chip.complete & frozenset(labels) or chip.gsd_m > MAX_COARSER_CHIP * COARSER_SLACK * size_m:
                continue
            looks.append(_look(detector, chip, labels, gsd_m=size_m, degraded_gsd_m=degraded_gsd_m))
            if on_chip is not None and chip.path not in seen:
                on_chip()
            seen.add(chip.path)
        out.append(Pass(gsd_m=size_m, labels=labels, looks=tuple(looks)))
    return out


def _look(
    detector: Detector, chip: Chip, labels: tuple[str, ...], *, gsd_m: float, degraded_gsd_m: float | None
) -> Look:
    image, scale = resampled(chip, gsd_m=gsd_m, degraded_gsd_m=degraded_gsd_m)
    height, width = image.shape[:2]
    truth = tuple(
        (
            LABEL_IDS[each.label],
            each.ignore,
            encode(
                rasterise(
                    tuple(ring * scale for ring in taught_rings(each.label, each.rings)),
                    height=height,
                    width=width,
                )
            ),
        )
        for each in chip.instances
        if each.label in labels
    )
    wanted = {LABEL_IDS[label] for label in labels}
    found = tuple(each for each in detect_masks(detector, image) if each[0] in wanted)
    return Look(chip=chip, height_px=height, width_px=width, truth=truth, found=found)


def resampled(
    chip: Chip, *, gsd_m: float, degraded_gsd_m: float | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return a chip's image at another resolution, and what its x and y are to be multiplied with."""
    picture = Image.fromarray(read_pixels(chip))
    if degraded_gsd_m is not None and degraded_gsd_m > chip.gsd_m:
        factor = chip.gsd_m / degraded_gsd_m
        small = (max(1, round(chip.width * factor)), max(1, round(chip.height * factor)))
        picture = picture.resize(small, Image.Resampling.BOX)
    scale = chip.gsd_m / gsd_m
    size = (max(1, round(chip.width * scale)), max(1, round(chip.height * scale)))
    if size != picture.size:
        shrinks = size[0] < picture.width
        picture = picture.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.BICUBIC)
    return np.asarray(picture), np.array([size[0] / chip.width, size[1] / chip.height])


def detect_masks(detector: Detector, image: NDArray[np.uint8]) -> list[tuple[int, float, RunLengths]]:
    """Return label id, score and mask of everything found in an image of shape (H, W, 3)."""
    height, width = image.shape[:2]
    (result,) = detector.detect([np.ascontiguousarray(image.transpose(2, 0, 1))])
    if len(result) == 0:
        return []
    grids = [torch.from_numpy(np.ascontiguousarray(mask))[None, None] for mask in result.masks]
    boxes = torch.from_numpy(result.boxes)
    if len({grid.shape for grid in grids}) == 1:
        pasted = paste_masks_in_image(torch.cat(grids), boxes, (height, width))[:, 0]
        masks = list((pasted > 0.5).numpy())
    else:
        masks = [
            _paste(grid[0, 0].numpy(), box, height=height, width=width)
            for grid, box in zip(grids, result.boxes, strict=True)
        ]
    return [
        (int(label), float(score), encode(mask))
        for label, score, mask in zip(result.labels, result.scores, masks, strict=True)
    ]


def _paste(grid: NDArray[np.float32], box: NDArray[np.float32], *, height: int, width: int) -> NDArray[np.bool_]:
    """Return a mask from a grid of any shape: each pixel takes the cell that its centre lies in."""
    left, top, right, bottom = box
    rows = np.floor((np.arange(height) + 0.5 - top) / (bottom - top) * grid.shape[0]).astype(int)
    cols = np.floor((np.arange(width) + 0.5 - left) / (right - left) * grid.shape[1]).astype(int)
    in_rows, in_cols = (rows >= 0) & (rows < grid.shape[0]), (cols >= 0) & (cols < grid.shape[1])
    out = np.zeros((height, width), bool)
    out[np.ix_(in_rows, in_cols)] = grid[np.ix_(rows[in_rows], cols[in_cols])] > 0.5
    return out


def encode(mask: NDArray[np.bool_]) -> RunLengths:
    """Return a mask as run lengths."""
    encoded: RunLengths = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
    return encoded
