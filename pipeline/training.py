"""Training files and chip folders -> weights and figures: what `groundplan train` and `evaluate` do."""

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from detection.load import load_detector, resolve_spec
from groundplan.errors import ConfigError
from groundplan.tables import read_record
from training.chips import Chip, read_chips
from training.evaluate import evaluate
from training.train import TrainOptions, train


def read_training(path: Path) -> TrainOptions:
    """Return the options of a TRAINING.toml.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or has keys or values that cannot be used.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise ConfigError(f"no training file at {path}; give the path of a .toml file") from err
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ConfigError(f"cannot read {path}: {err}; see docs/training.md for the form") from err
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

        return train(options, base=path.resolve().parent, on_step=on_step)


def evaluate_weights(
    folders: Sequence[Path],
    *,
    weights: str,
    split: str,
    device: str,
    limit: int | None = None,
    coarse_gsd_m: float | None = None,
) -> dict[str, Any]:
    """Return figures per chip source and label, as `training.evaluate.evaluate` gives them.

    Parameters
    ----------
    limit : int, optional
        At most so many chips per source: those with objects first, evenly spread over the rest.
    coarse_gsd_m : float, optional
        Metres per pixel that the chips pass through first.
    """
    detector = load_detector(resolve_spec(weights, base=Path(), device=device, threads=None))
    every = [chip for folder in folders for chip in read_chips(folder) if chip.split == split]
    sources = sorted({chip.source for chip in every})
    chips = [chip for source in sources for chip in _some([c for c in every if c.source == source], limit)]
    out = {}
    with tqdm(total=len(chips), unit="chip", file=sys.stderr, dynamic_ncols=True) as bar:
        for source in sources:
            own = [chip for chip in chips if chip.source == source]
            out[source] = evaluate(
                detector, own, gsd_m=detector.info.gsd_m, coarse_gsd_m=coarse_gsd_m, on_chip=bar.update
            )
    return out


def _some(chips: list[Chip], limit: int | None) -> list[Chip]:
    if limit is None or len(chips) <= limit:
        return chips
    ordered = sorted(chips, key=lambda chip: not chip.instances)
    with_objects = sum(bool(chip.instances) for chip in chips)
    kept = min(with_objects, (limit + 1) // 2)
    first, rest = ordered[:with_objects], ordered[with_objects:]
    return _spread(first, kept) + _spread(rest, limit - kept)


def _spread(chips: list[Chip], count: int) -> list[Chip]:
    return [chips[index * len(chips) // count] for index in range(count)] if chips and count else []
