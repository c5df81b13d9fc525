"""A chip -> one training crop at the model's resolution: moved, turned, blurred, recoloured, with its masks."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from groundplan.labels import LABEL_IDS, LABELS
from training.chips import Chip, Instance, read_pixels
from training.copy_paste import View, paste_objects
from training.recolour import in_colours_of, recolour
from training.rings import rasterise, taught_rings

MIN_SIDE_PX = 4
MIN_AREA_PX = 24
"""Pieces of objects smaller than this at the crop's border are ignored: neither object nor background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentOptions:
    """How far crops may depart from their chips."""

    size_jitter: float = 0.3
    """Objects are drawn at exp(-x)..exp(x) of their true size."""
    any_angle: float = 0.35
    """Share of crops turned by any angle; the rest by quarter turns, which do not resample."""
    coarse: float = 0.5
    """Share of crops that pass through a coarser resolution first."""
    coarsest_gsd_m: float = 1.2
    """Coarsest resolution they pass through."""
    smeared: float = 0.25
    """Share of these that keep more of one axis than of the other."""
    jpeg: float = 0.3
    """Share of crops that pass through JPEG of quality 35..95."""
    on_object: float = 0.6
    """Share of crops placed over an object, where the chip has any."""
    survey: float = 0.25
    """Share of crops in the colours of another chip."""
    harsh: float = 0.12
    """Share of crops with the contrast of stretched satellite scenes."""
    pasted: float = 0.35
    """Share of crops with objects of another chip in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One training example."""

    image: NDArray[np.uint8]
    """(S, S, 3)."""
    masks: NDArray[np.uint8]
    """(N, S, S), 0 or 1."""
    boxes: NDArray[np.float32]
    """(N, 4) x1, y1, x2, y2: the extent of each mask."""
    labels: NDArray[np.int64]
    """(N,) label ids."""
    ignore: NDArray[np.float32]
    """(K, 4) boxes in which nothing is called background."""
    complete: NDArray[np.bool_]
    """(n_labels + 1,): labels fully annotated here; index 0 is always False."""
    asked: NDArray[np.bool_]
    """(n_labels + 1,): labels that are looked for at this resolution; index 0 is always False."""
    unasked: NDArray[np.float32]
    """(K, 4) boxes of annotated objects whose label is not looked for at this resolution."""


def make_crop(
    chip: Chip,
    *,
    size_px: int,
    gsd_m: float,
    rng: np.random.Generator,
    options: AugmentOptions,
    asked: frozenset[str] = frozenset(LABELS),
    like: Chip | None = None,
    donor: Chip | None = None,
) -> Crop:
    """Return a random crop of a chip.

    Parameters
    ----------
    chip : Chip
        Its pixels are read here.
    size_px : int
        Side of the crop.
    gsd_m : float
        The model's ground sample distance, in metres.
    rng : numpy Generator
        Equal states give equal crops.
    options : AugmentOptions
        Strengths.
    asked : frozenset of str
        Labels that are looked for at this resolution.
    like : Chip, optional
        Another one, whose colours the crop may get.
    donor : Chip, optional
        Another one, whose objects the crop may get. It gives none where it lacks labels that the chip has.
    """
    view = _view(chip, size_px=size_px, gsd_m=gsd_m, rng=rng, options=options, asked=asked)
    told = chip.complete & asked
    if donor is not None and told and told <= donor.complete and rng.random() < options.pasted:
        other = _view(donor, size_px=size_px, gsd_m=gsd_m, rng=rng, options=options, asked=asked)
        view = paste_objects(view, other, labels=told, rng=rng)
    image = _degrade(view.image, gsd_m=gsd_m, rng=rng, options=options)
    if like is not None and rng.random() < options.survey:
        image = in_colours_of(image, read_pixels(like), amount=float(rng.uniform(0.4, 1.0)))
    image = recolour(image, rng=rng, harsh=options.harsh)
    # Blur and JPEG spill over the edge of the data; a mosaic has none there.
    image[~view.seen] = 0
    return crop_targets(image, view.instances, complete=chip.complete, asked=asked, seen=view.seen)


def _view(
    chip: Chip,
    *,
    size_px: int,
    gsd_m: float,
    rng: np.random.Generator,
    options: AugmentOptions,
    asked: frozenset[str],
) -> View:
    """Return a chip moved, turned and scaled at random."""
    scale = chip.gsd_m / gsd_m * float(np.exp(rng.uniform(-options.size_jitter, options.size_jitter)))
    if rng.random() < options.any_angle:
        angle_rad = float(rng.uniform(0, 2 * np.pi))
    else:
        angle_rad = float(rng.integers(4)) * np.pi / 2
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    centre = _centre(chip, size_px / scale, rng=rng, on_object=options.on_object, asked=asked)
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    matrix = scale * np.array([[cos * mirror, -sin], [sin * mirror, cos]])
    offset = size_px / 2 - matrix @ centre
    moved = tuple(
        Instance(
            label=each.label, rings=tuple(ring @ matrix.T + offset for ring in each.rings), ignore=each.ignore
        )
        for each in chip.instances
    )
    corners = np.array([[0, 0], [chip.width, 0], [chip.width, chip.height], [0, chip.height]], float)
    seen = rasterise((corners @ matrix.T + offset,), height=size_px, width=size_px)
    return View(image=_warp(read_pixels(chip), matrix, offset, size_px), instances=moved, seen=seen)


def crop_targets(
    image: NDArray[np.uint8],
    instances: Sequence[Instance],
    *,
    complete: frozenset[str],
    asked: frozenset[str] = frozenset(LABELS),
    seen: NDArray[np.bool_] | None = None,
) -> Crop:
    """Return an image with its objects cut to what it shows; slivers at the border become ignored.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), dtype uint8
    instances : sequence of Instance
        In the image's pixels; they may reach beyond it.
    complete : frozenset of str
        Labels fully annotated.
    asked : frozenset of str
        Labels that are looked for; objects of others are background to them.
    seen : ndarray of shape (H, W), dtype bool, optional
        False where the image has no pixels of the chip.
    """
    height, width = image.shape[:2]
    masks, boxes, labels = [], [], []
    ignore: list[tuple[float, ...]] = []
    unasked: list[tuple[float, ...]] = []
    for each in instances:
        points = np.vstack(each.rings)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        if left >= width or top >= height or right <= 0 or bottom <= 0:
            continue
        if each.ignore or each.label not in asked:
            shown = (max(left, 0), max(top, 0), min(right, width), min(bottom, height))
            (unasked if each.label not in asked else ignore).append(shown)
            continue
        mask = rasterise(taught_rings(each.label, each.rings), height=height, width=width)
        if seen is not None:
            mask &= seen
        rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if len(rows) == 0:
            continue
        box = (cols[0], rows[0], cols[-1] + 1, rows[-1] + 1)
        small = min(box[2] - box[0], box[3] - box[1]) < MIN_SIDE_PX or mask.sum() < MIN_AREA_PX
        if small:
            ignore.append(box)
            continue
        masks.append(mask)
        boxes.append(box)
        labels.append(LABEL_IDS[each.label])
    return Crop(
        image=image,
        masks=np.array(masks, np.uint8).reshape(-1, height, width),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        ignore=np.array(ignore, np.float32).reshape(-1, 4),
        complete=np.array([False] + [label in complete and label in asked for label in LABELS]),
        asked=np.array([False] + [label in asked for label in LABELS]),
        unasked=np.array(unasked, np.float32).reshape(-1, 4),
    )


def _centre(
    chip: Chip, span_px: float, *, rng: np.random.Generator, on_object: float, asked: frozenset[str]
) -> NDArray[np.float64]:
    """Return the chip pixel that becomes the crop's centre: over an object, or anywhere that fills the crop."""
    real = [each for each in chip.instances if not each.ignore and each.label in asked]
    if real and rng.random() < on_object:
        points = np.vstack(real[int(rng.integers(len(real)))].rings)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        aim = middle + rng.uniform(-0.45, 0.45, 2) * span_px
    else:
        aim = rng.uniform(0, 1, 2) * (chip.width, chip.height)
    size = np.array([chip.width, chip.height], float)
    # Keep the crop inside the chip where it fits; otherwise centre it, and the rest is black as nodata would be.
    low = np.minimum(span_px / 2, size / 2)
    return np.clip(aim, low, size - low)


def _warp(
    image: NDArray[np.uint8], matrix: NDArray[np.float64], offset: NDArray[np.float64], size_px: int
) -> NDArray[np.uint8]:
    """Return the crop that `matrix @ xy + offset` makes of the image; smoothed first when it shrinks."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix))))
    source = Image.fromarray(image)
    shrink = np.array([1.0, 1.0])
    if scale < 0.75:
        small = (max(1, round(source.width * scale)), max(1, round(source.height * scale)))
        shrink = np.array([source.width / small[0], source.height / small[1]])
        source = source.resize(small, Image.Resampling.BOX if scale < 0.3 else Image.Resampling.LANCZOS)
    inverse = np.linalg.inv(matrix)
    back = -inverse @ offset
    # Pillow maps output pixels to input pixels and adds the half pixel on both sides itself.
    rows = [(*(inverse[axis] / shrink[axis]), back[axis] / shrink[axis]) for axis in (0, 1)]
    out = source.transform(
        (size_px, size_px), Image.Transform.AFFINE, (*rows[0], *rows[1]), Image.Resampling.BICUBIC
    )
    return np.asarray(out)


def _degrade(
    image: NDArray[np.uint8], *, gsd_m: float, rng: np.random.Generator, options: AugmentOptions
) -> NDArray[np.uint8]:
    picture = Image.fromarray(image)
    size = picture.size
    if rng.random() < options.coarse:
        # By the metre and not by the octave: imagery of 1 m is as common as that of 0.4.
        coarse_gsd_m = float(rng.uniform(gsd_m, max(options.coarsest_gsd_m, 1.5 * gsd_m)))
        kept = np.full(2, gsd_m / coarse_gsd_m)
        if rng.random() < options.smeared:
            # Scanners that move are sharper across their flight than along it.
            kept[int(rng.integers(2))] = min(1.0, float(kept[0] * rng.uniform(1.3, 2.5)))
        small = (max(8, round(size[0] * kept[0])), max(8, round(size[1] * kept[1])))
        down = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.LANCZOS)[int(rng.integers(3))]
        picture = picture.resize(small, down)
        if rng.random() < options.jpeg:
            picture = _through_jpeg(picture, rng)
        up = Image.Resampling.BILINEAR if rng.random() < 0.5 else Image.Resampling.BICUBIC
        picture = picture.resize(size, up)
    elif rng.random() < options.jpeg:
        picture = _through_jpeg(picture, rng)
    out = np.asarray(picture)
    kind = rng.random()
    if kind < 0.2:
        sigma = float(rng.uniform(0.3, 1.1))
        out = ndimage.gaussian_filter(out, (sigma, sigma, 0))
    elif kind < 0.35:
        soft = ndimage.gaussian_filter(out.astype(np.float32), (1.0, 1.0, 0))
        out = np.clip(out + (out - soft) * float(rng.uniform(0.3, 1.2)), 0, 255).astype(np.uint8)
    return out


def _through_jpeg(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(35, 95)))
    with Image.open(buffer) as again:
        return again.convert("RGB")
