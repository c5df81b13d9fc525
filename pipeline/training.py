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
from training.chips import read_chips
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


def evaluate_weights(folders: Sequence[Path], *, weights: str, split: str, device: str) -> dict[str, Any]:
    """Return figures per chip source and label, as `training.evaluate.evaluate` gives them."""
    detector = load_detector(resolve_spec(weights, base=Path(), device=device, threads=None))
    chips = [chip for folder in folders for chip in read_chips(folder) if chip.split == split]
    sources = sorted({chip.source for chip in chips})
    out = {}
    with tqdm(total=len(chips), unit="chip", file=sys.stderr, dynamic_ncols=True) as bar:
        for source in sources:
            own = [chip for chip in chips if chip.source == source]
            out[source] = evaluate(detector, own, gsd_m=detector.info.gsd_m, on_chip=bar.update)
    return out
