"""Chips -> an endless, reproducible stream of training batches; step n is the same batch in every run."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from groundplan.errors import DataError
from groundplan.labels import LABELS
from training.augment import AugmentOptions, Crop, make_crop
from training.chips import Chip
from training.rings import outline_area

log = logging.getLogger(__name__)


SHOWN_FROM = 0.25
"""Of the area from which on objects count as large: smaller ones give the coarse pass no loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOptions:
    """What a batch is made of."""

    share: Mapping[str, float]
    """Relative share of crops per chip source; sources without chips are left out."""
    crop_px: tuple[int, ...] = (256, 384, 512)
    """Sides of crops; every batch has one size."""
    crop_share: tuple[float, ...] = (0.6, 0.25, 0.15)
    """How often each size is drawn."""
    batch_px: int = 4 * 256 * 256
    """Pixels per batch: larger crops come in smaller batches."""
    with_objects: float = 0.75
    """Share of crops taken from chips that hold objects, where a source has both kinds."""
    gsd_m: float = 0.3
    """The model's ground sample distance, in metres."""
    coarse: Mapping[str, float] = field(default_factory=dict)
    """Relative share of crops per chip source at the coarse pass's resolution."""
    coarse_labels: tuple[str, ...] = ()
    """Labels looked for in the coarse pass, and only there."""
    large_from_m2: Mapping[str, float] = field(default_factory=dict)
    """Labels looked for there as well, and from which area on."""
    coarse_factor: float = 3.0
    """How many times coarser that pass is."""
    coarse_share: float = 0.0
    """Share of the crops that are the coarse pass's."""
    seed: int = 1


Pools = dict[str, tuple[list[Chip], list[Chip]]]
"""Source -> its chips with objects, and those without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pass:
    """One resolution, and what is looked for at it."""

    gsd_m: float
    asked: frozenset[str]
    share: Mapping[str, float]
    pools: Pools


class CropStream(IterableDataset[tuple[Tensor, list[dict[str, Tensor]]]]):
    """Batches from step `first` to `last`; each step has its own random numbers."""

    def __init__(
        self,
        chips: Sequence[Chip],
        *,
        first: int,
        last: int,
        options: BatchOptions,
        augment: AugmentOptions,
    ) -> None:
        super().__init__()
        self.steps = range(first, last)
        self.options, self.augment = options, augment
        coarse = frozenset(options.coarse_labels)
        wide = coarse | {*options.large_from_m2}
        self.passes = [
            _Pass(
                gsd_m=options.gsd_m,
                asked=frozenset(LABELS) - coarse,
                share=options.share,
                pools=_pools(chips, options.share, frozenset(LABELS) - coarse),
            )
        ]
        if wide:
            large = [without_small(chip, options.large_from_m2) for chip in chips]
            self.passes.append(
                _Pass(
                    gsd_m=options.gsd_m * options.coarse_factor,
                    asked=wide,
                    share=options.coarse,
                    pools=_pools(large, options.coarse, wide),
                )
            )

    def __iter__(self) -> Iterator[Any]:
        worker = torch.utils.data.get_worker_info()
        own = self.steps if worker is None else self.steps[worker.id :: worker.num_workers]
        for step in own:
            yield self.batch(step)

    def batch(self, step: int) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """Return images, float32 of shape (B, 3, S, S) in 0..1, and their targets."""
        options = self.options
        rng = np.random.default_rng([options.seed, step])
        share = np.asarray(options.crop_share, float)
        size_px = int(options.crop_px[int(rng.choice(len(share), p=share / share.sum()))])
        count = max(1, options.batch_px // size_px**2)
        crops = []
        for _ in range(count):
            one = self.passes[-1 if len(self.passes) > 1 and rng.random() < options.coarse_share else 0]
            weight = np.array([one.share[name] for name in one.pools], float)
            picked = list(one.pools)[int(rng.choice(len(weight), p=weight / weight.sum()))]
            with_objects, without = one.pools[picked]
            wanted = rng.random() < options.with_objects
            pool = (with_objects or without) if wanted else (without or with_objects)
            # Large crops from small chips would be mostly black; take the largest of three draws.
            tries = 1 if size_px <= 256 else 3
            drawn = [pool[int(rng.integers(len(pool)))] for _ in range(tries)]
            chip = max(drawn, key=lambda each: min(each.width, each.height) * each.gsd_m)
            like = _any_chip(one.pools, rng)
            giver = list(one.pools)[int(rng.choice(len(weight), p=weight / weight.sum()))]
            # The coarse pass has fields within fields: a moved track would leave its infield behind.
            givers = one.pools[giver][0] if one is self.passes[0] else []
            crops.append(
                make_crop(
                    chip,
                    size_px=size_px,
                    gsd_m=one.gsd_m,
                    rng=rng,
                    options=self.augment,
                    asked=one.asked,
                    like=like,
                    donor=givers[int(rng.integers(len(givers)))] if givers else None,
                )
            )
        images = torch.from_numpy(np.stack([crop.image for crop in crops])).permute(0, 3, 1, 2).float() / 255
        return images, [to_target(crop) for crop in crops]


def without_small(chip: Chip, large_from_m2: Mapping[str, float]) -> Chip:
    """Return a chip that tells nothing, good or bad, of objects that the coarse pass is too coarse for.

    Those of a quarter of the area are shown all the same: there are more of them to learn from.

    Parameters
    ----------
    chip : Chip
    large_from_m2 : mapping
        Label -> area from which on objects count as large; other labels are left as they are.
    """
    least_px = {label: SHOWN_FROM * m2 / chip.gsd_m**2 for label, m2 in large_from_m2.items()}
    return replace(
        chip,
        instances=tuple(
            replace(each, ignore=True)
            if each.label in least_px and outline_area(each.rings) < least_px[each.label]
            else each
            for each in chip.instances
        ),
    )


def _any_chip(pools: Pools, rng: np.random.Generator) -> Chip:
    """Return a chip of any source, each source as likely: the smallest is a survey of its own too."""
    pool = list(pools.values())[int(rng.integers(len(pools)))]
    chips = pool[int(rng.integers(2))] or pool[0] or pool[1]
    return chips[int(rng.integers(len(chips)))]


def to_target(crop: Crop) -> dict[str, Tensor]:
    """Return a crop's objects as the model takes them; see `training.partial_labels`."""
    return {
        "boxes": torch.from_numpy(crop.boxes),
        "labels": torch.from_numpy(crop.labels),
        "masks": torch.from_numpy(crop.masks),
        "ignore": torch.from_numpy(crop.ignore),
        "complete": torch.from_numpy(crop.complete),
        "asked": torch.from_numpy(crop.asked),
        "unasked": torch.from_numpy(crop.unasked),
    }


def load_batches(stream: CropStream, *, workers: int) -> DataLoader[Any]:
    """Return a loader that makes batches in `workers` other processes, in step order."""
    return DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None)


def _pools(chips: Sequence[Chip], share: Mapping[str, float], asked: frozenset[str]) -> Pools:
    pools: Pools = {}
    for chip in chips:
        if chip.split == "train" and share.get(chip.source, 0) > 0:
            with_objects, without = pools.setdefault(chip.source, ([], []))
            shows = any(not each.ignore and each.label in asked for each in chip.instances)
            (with_objects if shows else without).append(chip)
    missing = sorted(name for name, of in share.items() if of > 0 and name not in pools)
    if missing:
        log.warning("no training chip is of %s, to which shares give crops; others get them", ", ".join(missing))
    if not pools:
        raise DataError(
            f"no training chip belongs to a source of the shares ({', '.join(share)}); add chips or sources"
        )
    return dict(sorted(pools.items()))
