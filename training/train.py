"""Chips and options -> trained weights; stops and resumes at any step with the same result."""

import dataclasses
import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from detection.align import RegionAlign
from detection.eight_bits import Range
from detection.model import ModelSpec, build_model, pick_device
from detection.weights import WeightsRecord, read_weights, write_weights, wrong_passes
from groundplan.errors import ConfigError, DataError, WeightsError
from groundplan.labels import LABELS, check_label
from groundplan.tables import read_record
from training.augment import AugmentOptions
from training.batches import BatchOptions, CropStream, load_batches
from training.checkpoint import LOSSES, TrainState, resume, save_checkpoint
from training.chips import Chip, read_chips
from training.partial_labels import PartialLabelRoIHeads, PartialLabelRPN
from training.pretrained import is_feature, load_backbone, load_fitting, load_heads, load_start
from training.ranges import first_images, measure_weights
from training.rings import FILLED_LABELS
from training.splits import check_splits
from training.styles import mix_styles

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """The TRAINING.toml file."""

    name: str
    """Names the weights."""
    chips: tuple[str, ...]
    """Folders of chips, relative to the file."""
    out: str
    """Weights file to write, relative to the file."""
    checkpoint: str
    """Where the run is kept so that it can be resumed; delete it to start over."""
    backbone: str = ""
    """ImageNet weights of the backbone (.pth or .safetensors, see docs/training.md); empty = random."""
    pretrained: str = ""
    """A whole detector's state dict, such as torchvision's COCO weights: every layer that fits is taken."""
    start_from: str = ""
    """Weights file to continue from; empty = the backbone alone."""
    heads_from: str = ""
    """Weights file, of whatever backbone, whose pyramid and heads go under the ImageNet weights of `backbone`."""
    model: dict[str, Any] = field(default_factory=dict)
    """`detection.model.ModelSpec`: backbone, heads, widths; left out = the small network."""
    steps: int = 3000
    learning_rate: float = 4e-4
    backbone_rate: float = 1.0
    """Learning rate of the backbone's features as a share of that of everything else."""
    backbone_frozen: tuple[str, ...] = ()
    """Layers of the backbone that stay as they are, such as its first: edges and colours serve any picture."""
    mixed_styles: tuple[str, ...] = ()
    """Layers of the backbone after which images of a batch exchange their styles (`training.styles`)."""
    warmup_steps: int = 150
    weight_decay: float = 0.02
    ema_decay: float = 0.998
    """Of the averaged weights, which are the ones kept."""
    clip_norm: float = 5.0
    checkpoint_every_s: float = 240.0
    workers: int = 1
    """Processes that make batches."""
    device: str = "auto"
    share: dict[str, float] = field(default_factory=dict)
    """Relative share of crops per chip source."""
    coarse: dict[str, float] = field(default_factory=dict)
    """Relative share of the coarse pass's crops per chip source."""
    coarse_labels: tuple[str, ...] = ()
    """Labels too large for a tile at the model's resolution: looked for in a second, coarser pass."""
    large_from_m2: dict[str, float] = field(default_factory=dict)
    """Labels looked for in both passes, and the area in m2 from which on objects of the coarse one count."""
    large_min_score: dict[str, float] = field(default_factory=dict)
    """Threshold of those in the coarse pass, where it is higher than `min_score`."""
    coarse_factor: float = 3.0
    """How many times coarser that pass is."""
    coarse_share: float = 0.25
    """Share of the crops that are the coarse pass's."""
    batch: dict[str, float] = field(default_factory=dict)
    """`BatchOptions` that are single numbers: batch_px, with_objects, gsd_m, seed."""
    crop_px: tuple[int, ...] = (256, 384, 512)
    crop_share: tuple[float, ...] = (0.6, 0.25, 0.15)
    report_chips: int = 24
    """Validation chips shown and measured in training_report.html beside the weights; 0 = no report."""
    min_score: dict[str, float] = field(default_factory=dict)
    """Thresholds stored with the weights; measured on validation data."""
    neighbours: dict[str, float] = field(default_factory=dict)
    """`WeightsRecord.neighbours`, in log odds of the network's own scores."""
    data: tuple[dict[str, str], ...] = ()
    """Provenance: name, licence, attribution of each source."""

    def __post_init__(self) -> None:
        """Refuse what cannot be right, before hours of training."""
        for label in (
            *self.min_score,
            *self.coarse_labels,
            *self.large_from_m2,
            *self.large_min_score,
            *self.neighbours,
        ):
            check_label(label)
        wrong = wrong_passes(
            self.coarse_labels, self.large_from_m2, self.large_min_score, coarse_factor=self.coarse_factor
        )
        if wrong:
            raise ConfigError(wrong)

    @property
    def spec(self) -> ModelSpec:
        """The network, checked."""
        return read_record(ModelSpec, self.model, where="[model]")


def train(
    options: TrainOptions, *, base: Path, on_step: Callable[[int, dict[str, float]], None] | None = None
) -> Path:
    """Train to `options.steps` and write the weights; continue from the checkpoint when there is one.

    Parameters
    ----------
    options : TrainOptions
        Paths in it are relative to `base`.
    on_step : callable, optional
        Called with the step and its losses.

    Returns
    -------
    Path
        The weights file.

    Raises
    ------
    DataError
        Chips are missing, or a loss is not finite.
    WeightsError
        Backbone or start weights do not fit.
    """
    chips = [chip for folder in options.chips for chip in read_chips(base / folder)]
    check_splits(chips)
    device = pick_device(options.device)
    batch = batch_options(options, chips)
    state = _start(options, base=base, device=device)
    checkpoint = base / options.checkpoint
    if checkpoint.is_file():
        resume(state, checkpoint)
        log.info("resumed at step %d from %s", state.step, checkpoint)
    stream = CropStream(chips, first=state.step, last=options.steps, options=batch, augment=AugmentOptions())
    saved = time.monotonic()
    for images, targets in load_batches(stream, workers=options.workers):
        losses = _step(state, images.to(device), targets, options=options)
        if on_step is not None:
            on_step(state.step, losses)
        if time.monotonic() - saved > options.checkpoint_every_s:
            save_checkpoint(state, checkpoint)
            saved = time.monotonic()
    save_checkpoint(state, checkpoint)
    out = base / options.out
    ranges = measure_weights(state.average, options.spec, first_images(stream))
    write_weights(out, state.average, _record(options, chips, batch, ranges))
    return out


def batch_options(options: TrainOptions, chips: Sequence[Chip]) -> BatchOptions:
    """Return what the batches of a training are made of; without shares, each source's is the same."""
    return BatchOptions(
        share=options.share or dict.fromkeys(sorted({chip.source for chip in chips}), 1.0),
        crop_px=options.crop_px,
        crop_share=options.crop_share,
        batch_px=int(options.batch.get("batch_px", 4 * 256 * 256)),
        with_objects=options.batch.get("with_objects", 0.75),
        gsd_m=options.batch.get("gsd_m", 0.3),
        seed=int(options.batch.get("seed", 1)),
        coarse=options.coarse,
        coarse_labels=options.coarse_labels,
        large_from_m2=options.large_from_m2,
        coarse_factor=options.coarse_factor,
        coarse_share=options.coarse_share,
    )


def learning_rate(step: int, options: TrainOptions) -> float:
    """Return the rate of a step: linear warm-up, then half a cosine down to a fiftieth."""
    if step < options.warmup_steps:
        return options.learning_rate * (step + 1) / options.warmup_steps
    done = (step - options.warmup_steps) / max(1, options.steps - options.warmup_steps)
    return options.learning_rate * (0.02 + 0.98 * (1 + math.cos(math.pi * min(1.0, done))) / 2)


def _start(options: TrainOptions, *, base: Path, device: torch.device) -> TrainState:
    torch.manual_seed(int(options.batch.get("seed", 1)))
    spec = options.spec
    if options.heads_from and (options.start_from or options.pretrained or not options.backbone):
        raise WeightsError(
            f"heads_from = {options.heads_from!r} needs a backbone under it, and neither start_from nor "
            "pretrained, which have heads of their own; give backbone, or leave heads_from out"
        )
    model = build_model(spec, rpn_class=PartialLabelRPN, roi_heads_class=PartialLabelRoIHeads)
    if device.type == "cpu":
        RegionAlign.replace_in(model.roi_heads)
    if options.start_from:
        load_start(model, read_weights(base / options.start_from))
    elif options.pretrained:
        new = load_fitting(model, base / options.pretrained)
        log.info("%s fills all but %d tensors", options.pretrained, len(new))
    elif options.backbone:
        if options.heads_from:
            load_heads(model, base / options.heads_from)
        load_backbone(model, base / options.backbone, spec=spec)
    mix_styles(model.backbone, options.mixed_styles)
    model.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(_groups(model, options), lr=options.learning_rate)
    average = {key: value.detach().clone() for key, value in model.state_dict().items()}
    return TrainState(model=model, average=average, optimizer=optimizer, step=0, history=[])


def _groups(model: GeneralizedRCNN, options: TrainOptions) -> list[dict[str, Any]]:
    """Return the optimizer's groups, each with its share of the learning rate; freezes what is to stay."""
    for name in options.backbone_frozen:
        layers = dict(model.backbone.named_children())
        if name not in layers:
            raise WeightsError(
                f"backbone_frozen names {name!r}; {options.spec.backbone} has {', '.join(sorted(layers))}"
            )
        layers[name].requires_grad_(False)
    groups = []
    # Checkpoints number the parameters in this order: with one rate for all it is that of every earlier run.
    for share in dict.fromkeys((1.0, options.backbone_rate)):
        chosen = [
            parameter
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and (options.backbone_rate if is_feature(name) else 1.0) == share
        ]
        groups += [
            {"params": [p for p in chosen if p.ndim > 1], "weight_decay": options.weight_decay, "share": share},
            {"params": [p for p in chosen if p.ndim <= 1], "weight_decay": 0.0, "share": share},
        ]
    return [group for group in groups if group["params"]]


def _step(
    state: TrainState, images: Tensor, targets: list[dict[str, Tensor]], *, options: TrainOptions
) -> dict[str, float]:
    device = images.device
    # The proposals' sampling draws from torch's generator: tie it to the step, so that a resumed run repeats it.
    torch.manual_seed(int(options.batch.get("seed", 1)) * 1_000_003 + state.step)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, options) * group["share"]
    moved = [{key: value.to(device) for key, value in target.items()} for target in targets]
    losses: dict[str, Tensor] = state.model(list(images), moved)
    total = torch.stack(list(losses.values())).sum()
    if not torch.isfinite(total):
        raise DataError(f"loss is {total.item()} at step {state.step}; lower learning_rate or look at the chips")
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()
    nn.utils.clip_grad_norm_(state.model.parameters(), options.clip_norm)
    state.optimizer.step()
    state.step += 1
    state.history.append(tuple(float(losses[name].detach()) for name in LOSSES))
    # A short average at first, so that the random start is forgotten.
    keep = min(options.ema_decay, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for key, value in state.model.state_dict().items():
            if value.is_floating_point():
                state.average[key].lerp_(value, 1 - keep)
            else:
                state.average[key].copy_(value)
    return {"total": float(total.detach()), **{key: float(value.detach()) for key, value in losses.items()}}


def _record(
    options: TrainOptions, chips: list[Chip], batch: BatchOptions, ranges: dict[str, tuple[Range, ...]]
) -> WeightsRecord:
    shares = {**batch.share, **batch.coarse}
    used = [chip for chip in chips if chip.split == "train" and shares.get(chip.source, 0) > 0]
    counts = {
        label: sum(each.label == label and not each.ignore for chip in used for each in chip.instances)
        for label in LABELS
    }
    # A label left out of [min_score] was not learned well enough to be returned.
    learned = [
        label for label in LABELS if counts[label] and (not options.min_score or label in options.min_score)
    ]
    return WeightsRecord(
        name=options.name,
        labels=LABELS,
        gsd_m=batch.gsd_m,
        min_score={label: options.min_score.get(label, 0.5) for label in learned},
        neighbours=dict(options.neighbours),
        coarse_labels=tuple(options.coarse_labels),
        large_from_m2=dict(options.large_from_m2),
        large_min_score=dict(options.large_min_score),
        coarse_factor=options.coarse_factor,
        filled_labels=FILLED_LABELS,
        spec=json.loads(json.dumps(dataclasses.asdict(options.spec))),
        ranges=ranges,
        data=tuple(dict(entry) for entry in options.data),
        training={
            "steps": options.steps,
            "learning_rate": options.learning_rate,
            "chips": len(used),
            "instances": counts,
            "share": dict(batch.share),
            "coarse": dict(batch.coarse),
            "mixed_styles": list(options.mixed_styles),
            "large_from_m2": dict(batch.large_from_m2),
            "seed": batch.seed,
        },
    )
