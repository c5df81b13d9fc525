"""Training files and chip folders -> weights and figures: what `groundplan train` and `evaluate` do."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from detection.load import load_detector, resolve_spec
from detection.weights import read_record_only, rewrite_record
from groundplan.errors import ConfigError
from groundplan.tables import read_record
from groundplan.toml_file import read_toml
from groundplan.whole import write_text_whole
from training.checkpoint import LOSSES, read_history
from training.chips import Chip, read_chips
from training.evaluate import evidence, figures
from training.gallery import judge_chips
from training.looks import Pass, look_at_chips
from training.thresholds import measure_label, with_thresholds
from training.train import TrainOptions, train
from training.training_report import TrainingReport, training_report

REPORT_NAME = "training_report.html"
"""Beside the weights."""


def read_training(path: Path) -> TrainOptions:
    """Return the options of a TRAINING.toml.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or has keys or values that cannot be used.
    """
    table = read_toml(path, what="training file")
    return read_record(TrainOptions, table, where=str(path))


def train_from_file(path: Path) -> Path:
    """Train as a file says, with a bar of steps and losses; return the weights file."""
    options = read_training(path)
    with tqdm(total=options.steps, unit="step", file=sys.stderr, dynamic_ncols=True) as bar:
        means: dict[str, float] = {}

        def on_step(step: int, losses: dict[str, float]) -> None:
            for name, value in losses.items():
                means[name] = value if name not in means else 0.98 * means[name] + 0.02 * value
            bar.update(step - bar.n)
            bar.set_postfix({name.removeprefix("loss_"): f"{value:.3f}" for name, value in means.items()})

        base = path.resolve().parent
        weights = train(options, base=base, on_step=on_step)
    if options.report_chips:
        write_training_report(options, weights, base=base)
    return weights


def write_training_report(options: TrainOptions, weights: Path, *, base: Path) -> Path:
    """Write losses, figures and the best and worst validation chips of a run beside its weights."""
    record = read_record_only(weights)
    chips = [chip for folder in options.chips for chip in read_chips(base / folder) if chip.split == "val"]
    shown = some_chips(chips, options.report_chips)
    passes: list[Pass] = []
    if shown:
        spec = resolve_spec(str(weights), base=base, device=options.device, threads=None)
        detector = load_detector(spec)
        with tqdm(total=len(shown), unit="chip", file=sys.stderr, dynamic_ncols=True) as bar:
            passes = look_at_chips(detector, shown, gsd_m=detector.info.gsd_m, on_chip=bar.update)
    history = read_history(base / options.checkpoint)
    trained = record.training
    report = TrainingReport(
        name=options.name,
        facts={
            "steps": f"{trained['steps']:,}, learning rate {trained['learning_rate']:g}, seed {trained['seed']}",
            "network": ", ".join(f"{key} {value}" for key, value in record.spec.items()),
            "chips": f"{trained['chips']:,}",
            "objects": ", ".join(f"{label} {count:,}" for label, count in trained["instances"].items() if count),
            "data": "; ".join(f"{entry.get('name')} ({entry.get('licence')})" for entry in record.data),
        },
        losses={name: [row[at] for row in history] for at, name in enumerate(LOSSES)},
        figures=figures(passes, record.min_score),
        chips=judge_chips(passes, record.min_score),
    )
    out = weights.with_name(REPORT_NAME)
    write_text_whole(out, training_report(report))
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """What the command line says about an evaluation on chips."""

    weights: str = "default"
    split: str = "val"
    device: str = "auto"
    limit: int | None = None
    """At most so many chips per source: those with objects first, evenly spread over the rest."""
    degraded_gsd_m: float | None = None
    """Metres per pixel that the chips pass through first."""
    write_thresholds: Path | None = None
    """Weights file to write, with thresholds and calibration measured on these chips."""
    precision: Mapping[str, float] = field(default_factory=dict)
    """That the thresholds are to give, per label; "" for all others, 0.95 where that is missing."""


def evaluate_weights(folders: Sequence[Path], options: EvaluateOptions) -> dict[str, Any]:
    """Return figures per chip source and label, as `training.evaluate.figures` gives them.

    With `write_thresholds`, also ``thresholds``: what was measured for each label over all sources.
    """
    spec = resolve_spec(options.weights, base=Path(), device=options.device, threads=None)
    detector = load_detector(spec)
    every = [chip for folder in folders for chip in read_chips(folder) if chip.split == options.split]
    sources = sorted({chip.source for chip in every})
    chips = {
        source: some_chips([chip for chip in every if chip.source == source], options.limit) for source in sources
    }
    out: dict[str, Any] = {}
    passes: list[Pass] = []
    with tqdm(total=sum(map(len, chips.values())), unit="chip", file=sys.stderr, dynamic_ncols=True) as bar:
        for source in sources:
            seen = look_at_chips(
                detector,
                chips[source],
                gsd_m=detector.info.gsd_m,
                degraded_gsd_m=options.degraded_gsd_m,
                on_chip=bar.update,
            )
            out[source] = figures(seen, detector.info.min_score)
            passes += seen
    if options.write_thresholds is not None:
        out["thresholds"] = _write_thresholds(Path(spec.weights), passes, options)
    return out


def _write_thresholds(weights: Path, passes: Sequence[Pass], options: EvaluateOptions) -> dict[str, Any]:
    assert options.write_thresholds is not None
    if not weights.is_file():
        raise ConfigError(f"weights {options.weights!r} are no file; thresholds are stored in a weights file")
    record = read_record_only(weights)
    measured = {}
    rest = options.precision.get("", 0.95)
    for label in record.min_score:
        seen = evidence(passes, label)
        if seen.n_truth or len(seen.score):
            measured[label] = measure_label(seen, precision=options.precision.get(label, rest))
    rewrite_record(weights, with_thresholds(record, measured), options.write_thresholds)
    return measured


def some_chips(chips: list[Chip], limit: int | None) -> list[Chip]:
    """Return at most `limit` chips: half of them with objects where there are so many, all evenly spread."""
    if limit is None or len(chips) <= limit:
        return chips
    ordered = sorted(chips, key=lambda chip: not chip.instances)
    with_objects = sum(bool(chip.instances) for chip in chips)
    kept = min(with_objects, (limit + 1) // 2)
    first, rest = ordered[:with_objects], ordered[with_objects:]
    return _spread(first, kept) + _spread(rest, limit - kept)


def _spread(chips: list[Chip], count: int) -> list[Chip]:
    return [chips[index * len(chips) // count] for index in range(count)] if chips and count else []
