"""Real background pictures and drawn fields -> chips whose fields are rendered and whose rest is real."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from groundplan.errors import DataError
from groundplan.labels import FIELD_LABELS
from training.chips import Chip, ChipWriter, Instance, read_chips, read_pixels
from training.render_fields import draw_battery, draw_field
from training.render_lookalikes import draw_lookalike
from training.render_paste import paste
from training.render_patch import FieldPatch, any_sun, draw_plan
from training.render_schoolyard import SCHOOLYARD, plan_schoolyard
from training.rings import Rings
from training.visible import lines_show

log = logging.getLogger(__name__)

MOSAIC_PX = 512
"""Side of a background put together from four small chips, so that a football field fits."""
BURIED_SHARE = 0.7
"""A building covered more than this by a pasted patch is gone; one covered less is ignored."""
LINED = frozenset({"soccer_field"})
"""Labels that only their outer lines tell from a lawn; courts of a school yard have nothing else either."""
MAX_TRIES = 12
"""Places tried for a patch before it is given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompositeKind:
    """What composites of one resolution show."""

    source: str
    """Source named in the chips."""
    label_share: Mapping[str, float]
    """How often each label is drawn."""
    background_share: Mapping[str, float]
    """How often a background comes from each source."""
    most_patches: int
    lookalikes: float = 0.3
    """Share of the patches that are no field."""
    schoolyards: float = 0.0
    """Share of the patches that are school yards."""
    gsd_m: float | None = None
    """Resolution of the chips, in metres; None = the background's own."""


FINE = CompositeKind(
    source="rendered_fields",
    label_share={
        "tennis_court": 0.25,
        "basketball_court": 0.3,
        "baseball_diamond": 0.21,
        "soccer_field": 0.1,
        "american_football_field": 0.07,
        "running_track": 0.07,
    },
    # Banepa has few chips, but every building in them is drawn.
    background_share={"fields": 0.46, "naip": 0.27, "banepa": 0.17, "autzen": 0.1},
    most_patches=4,
)
"""At the model's resolution; labels without real examples are drawn more often."""

YARDS = replace(FINE, source="rendered_yards", most_patches=3, schoolyards=0.6)
"""The same, mostly school yards, of which few real ones are labelled."""

COARSE = CompositeKind(
    source="rendered_coarse",
    label_share={
        "tennis_court": 0.05,
        "basketball_court": 0.05,
        "baseball_diamond": 0.15,
        "soccer_field": 0.29,
        "american_football_field": 0.22,
        "running_track": 0.24,
    },
    background_share={"naip": 0.56, "fields": 0.17, "banepa": 0.13, "autzen": 0.14},
    most_patches=6,
    gsd_m=0.9,
)
"""At the coarse pass's resolution, where whole sports grounds fit into a chip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A real picture that holds no field, and its buildings where they are drawn."""

    image: NDArray[np.uint8]
    gsd_m: float
    complete: frozenset[str]
    instances: tuple[Instance, ...]


def write_composites(
    real: Path, out: Path, *, count: int, split: str, seed: int, kind: CompositeKind = FINE
) -> int:
    """Write chips of drawn fields and look-alikes on the real chips' backgrounds of one split.

    Parameters
    ----------
    real : Path
        Chips as `training.prepare.prepare_real_chips` writes them.
    out : Path
        Folder to write.
    count : int
        Number of chips.
    split : str
        ``train`` or ``val``: backgrounds come only from chips of this split, and the chips carry it.
    seed : int
    kind : CompositeKind
        Resolution and contents.

    Raises
    ------
    DataError
        The chips hold no background of that split.
    """
    chips = [chip for chip in read_chips(real) if chip.split == split and _is_background(chip)]
    if not chips:
        raise DataError(f"no chip of split {split!r} in {real} is free of fields; prepare the real chips again")
    writer = ChipWriter(out)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        picked = pick_background(chips, kind=kind, rng=rng)
        image, instances, background = compose(picked, kind=kind, rng=rng)
        writer.add(
            image,
            instances,
            name=f"{kind.source}_{split}_{number:05d}",
            gsd_m=background.gsd_m,
            split=split,
            source=kind.source,
            complete=background.complete,
            quality=int(rng.integers(82, 95)),
        )
        if (number + 1) % 100 == 0:
            log.info("%d of %d composites", number + 1, count)
    writer.close(description="rendered fields and look-alikes on real backgrounds; the fields are not photographs")
    return count


def compose(
    background: Background, *, kind: CompositeKind = FINE, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Instance], Background]:
    """Return the background with some patches pasted over it, and everything labelled in it."""
    image = background.image
    height, width = image.shape[:2]
    taken = np.zeros((height, width), bool)
    instances = list(background.instances)
    wanted = int(rng.integers(1, kind.most_patches + 1))
    for _ in range(wanted):
        patch = _draw(background.gsd_m, kind=kind, rng=rng)
        place = _free_place(patch, taken, rng=rng)
        if place is None:
            continue
        row, col = place
        image, _ = paste(image, patch, row=row, col=col, rng=rng)
        covered = _footprint(patch, row, col, height, width)
        taken |= covered
        instances = _bury(instances, patch, row=row, col=col)
        for label, outline in patch.outlines:
            rings = _rings(shapely.transform(outline, lambda xy: xy + (col, row)))  # noqa: B023
            # Taught as a pitch, one without lines would make every meadow a pitch.
            yard = patch.variant.startswith(SCHOOLYARD)
            doubtful = (yard or label in LINED) and not lines_show(image, rings)
            if doubtful and yard:  # on pale concrete lines are dark
                doubtful = not lines_show(255 - image, rings)
            instances.append(Instance(label=label, rings=rings, ignore=doubtful))
    return image, instances, background


def pick_background(chips: Sequence[Chip], *, kind: CompositeKind = FINE, rng: np.random.Generator) -> Background:
    """Return one chip as it is, or small ones of one source side by side."""
    present = [name for name in kind.background_share if any(chip.source == name for chip in chips)]
    share = np.array([kind.background_share[name] for name in present])
    source = present[int(rng.choice(len(present), p=share / share.sum()))]
    pool = [chip for chip in chips if chip.source == source]
    if kind.gsd_m is not None:
        return _mosaic(pool, gsd_m=kind.gsd_m, rng=rng)
    first = pool[int(rng.integers(len(pool)))]
    small = first.width * first.gsd_m < 100 and first.source == "fields"
    if not small or rng.random() < 0.3:
        return Background(
            image=read_pixels(first), gsd_m=first.gsd_m, complete=first.complete, instances=first.instances
        )
    four = [first] + [pool[int(rng.integers(len(pool)))] for _ in range(3)]
    half = MOSAIC_PX // 2
    image = np.zeros((MOSAIC_PX, MOSAIC_PX, 3), np.uint8)
    instances = []
    for number, chip in enumerate(four):
        row, col = half * (number // 2), half * (number % 2)
        pixels = read_pixels(chip)[:half, :half]
        image[row : row + pixels.shape[0], col : col + pixels.shape[1]] = pixels
        instances += [
            Instance(label=each.label, rings=tuple(ring + (col, row) for ring in each.rings), ignore=each.ignore)
            for each in chip.instances
        ]
    complete = frozenset.intersection(*(chip.complete for chip in four))
    return Background(image=image, gsd_m=first.gsd_m, complete=complete, instances=tuple(instances))


def _mosaic(pool: Sequence[Chip], *, gsd_m: float, rng: np.random.Generator) -> Background:
    """Return a coarse background of `MOSAIC_PX` put together from finer chips; what it shows is not annotated."""
    # Chips taken for up to twice as wide as they are give larger views with fewer seams; houses look large then.
    stretch = float(rng.uniform(1.0, 2.0))
    image = np.zeros((MOSAIC_PX, MOSAIC_PX, 3), np.uint8)
    row = 0
    while row < MOSAIC_PX:
        col, step = 0, MOSAIC_PX
        while col < MOSAIC_PX:
            chip = pool[int(rng.integers(len(pool)))]
            side = max(16, round(min(chip.width, chip.height) * chip.gsd_m / gsd_m * stretch))
            with Image.fromarray(read_pixels(chip)) as picture:
                turned = picture.rotate(90 * int(rng.integers(4)), expand=True)
                pixels = np.asarray(turned.resize((side, side), Image.Resampling.BOX))
            part = pixels[: MOSAIC_PX - row, : MOSAIC_PX - col]
            image[row : row + part.shape[0], col : col + part.shape[1]] = part
            col, step = col + side, min(step, side)
        row += step
    return Background(image=image, gsd_m=gsd_m, complete=frozenset(FIELD_LABELS), instances=())


def _is_background(chip: Chip) -> bool:
    fields = frozenset(FIELD_LABELS)
    return fields <= chip.complete and not any(each.label in fields for each in chip.instances)


def _draw(gsd_m: float, *, kind: CompositeKind, rng: np.random.Generator) -> FieldPatch:
    if kind.schoolyards and rng.random() < kind.schoolyards:
        yard = plan_schoolyard(sun=any_sun(rng), rng=rng)
        return draw_plan(yard, gsd_m=gsd_m, heading_deg=float(rng.uniform(0.0, 360.0)))
    if rng.random() < kind.lookalikes:
        return draw_lookalike(gsd_m=gsd_m, rng=rng)
    label = str(rng.choice(list(kind.label_share), p=list(kind.label_share.values())))
    alone = label in ("running_track", "american_football_field") or rng.random() < 0.55
    return draw_field(label, gsd_m=gsd_m, rng=rng) if alone else draw_battery(label, gsd_m=gsd_m, rng=rng)


def _free_place(
    patch: FieldPatch, taken: NDArray[np.bool_], *, rng: np.random.Generator
) -> tuple[int, int] | None:
    """Return an upper left corner at which the patch covers nothing pasted before; it may reach outside."""
    height, width = taken.shape
    rows, cols = patch.rgba.shape[:2]
    for _ in range(MAX_TRIES):
        # At least 40 % of the patch stays inside the picture along each axis.
        row = int(rng.integers(-int(0.6 * rows), max(1, height - int(0.4 * rows))))
        col = int(rng.integers(-int(0.6 * cols), max(1, width - int(0.4 * cols))))
        if rng.random() < 0.6:
            row = int(np.clip(row, 0, max(0, height - rows)))
            col = int(np.clip(col, 0, max(0, width - cols)))
        if not (taken & _footprint(patch, row, col, height, width)).any():
            return row, col
    return None


def _footprint(patch: FieldPatch, row: int, col: int, height: int, width: int) -> NDArray[np.bool_]:
    out = np.zeros((height, width), bool)
    top, left = max(row, 0), max(col, 0)
    bottom, right = min(row + patch.rgba.shape[0], height), min(col + patch.rgba.shape[1], width)
    if top < bottom and left < right:
        out[top:bottom, left:right] = patch.rgba[top - row : bottom - row, left - col : right - col, 3] > 100
    return out


def _bury(instances: list[Instance], patch: FieldPatch, *, row: int, col: int) -> list[Instance]:
    """Return the objects that are still to be seen under the patch; half covered ones are ignored."""
    alpha = patch.rgba[..., 3] > 100
    kept = []
    for each in instances:
        points = np.vstack(each.rings)
        inside = 0.0
        (left, top), (right, bottom) = points.min(axis=0) - (col, row), points.max(axis=0) - (col, row)
        rows = slice(max(int(top), 0), max(int(np.ceil(bottom)), 0))
        cols = slice(max(int(left), 0), max(int(np.ceil(right)), 0))
        if alpha[rows, cols].size:
            inside = float(alpha[rows, cols].sum()) / max((right - left) * (bottom - top), 1.0)
        if inside <= 0.02:
            kept.append(each)
        elif inside <= BURIED_SHARE:
            kept.append(Instance(label=each.label, rings=each.rings, ignore=True))
    return kept


def _rings(polygon: shapely.Polygon) -> Rings:
    return tuple(shapely.get_coordinates(ring)[:-1] for ring in (polygon.exterior, *polygon.interiors))
