"""Weights of several trainings -> one file with their mean, which is often better than each of them."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from detection.model import build_model
from detection.weights import read_weights, write_weights
from groundplan.errors import Error, WeightsError
from groundplan.tables import read_record
from groundplan.toml_file import read_toml
from training.augment import AugmentOptions
from training.batches import CropStream
from training.chips import read_chips
from training.pretrained import load_start
from training.ranges import first_images, measure_weights
from training.train import TrainOptions, batch_options


def average(paths: Sequence[Path], out: Path, *, name: str, share: Sequence[float], stream: CropStream) -> None:
    """Write the mean of some weights, with the record of the first: its labels, thresholds and calibration.

    Only trainings that began with the same weights lie near enough to each other for this.

    Parameters
    ----------
    paths : sequence of Path
        Of networks of one form; one without a second box head counts as one whose second is a copy of the first.
    out : Path
    name : str
        Of the new weights.
    share : sequence of float
        Of each file in the mean; they sum to 1, and may be below 0.
    stream : CropStream
        What to measure ranges on, see `WeightsRecord.ranges`.

    Raises
    ------
    WeightsError
        A file cannot be used, or the networks differ.

    References
    ----------
    Wortsman et al. 2022, https://arxiv.org/abs/2203.05482.
    """
    each = [read_weights(path) for path in paths]
    first = each[0]
    spec = dataclasses.replace(first.spec, cascade=any(one.spec.cascade for one in each))
    states = []
    for path, other in zip(paths, each, strict=True):
        same = dataclasses.replace(other.spec, cascade=spec.cascade) == spec
        if not same or other.record.labels != first.record.labels:
            raise WeightsError(f"{path} is of another form than {paths[0]}; give weights of one network")
        model = build_model(spec)
        load_start(model, other)
        states.append(model.state_dict())
    tensors = {key: _mean(key, states, share) for key in states[0]}
    record = dataclasses.replace(
        first.record,
        name=name,
        spec=json.loads(json.dumps(dataclasses.asdict(spec))),
        ranges=measure_weights(tensors, spec, first_images(stream)),
        training={
            "mean_of": [
                {**one.record.training, "name": one.record.name, "part": part}
                for one, part in zip(each, share, strict=True)
            ]
        },
    )
    write_weights(out, tensors, record)


def _mean(key: str, states: Sequence[Mapping[str, torch.Tensor]], share: Sequence[float]) -> torch.Tensor:
    first = states[0][key]
    if not first.is_floating_point():
        return first
    parts = [part * one[key].double() for one, part in zip(states, share, strict=True)]
    return torch.stack(parts).sum(dim=0).to(first.dtype)


def main() -> int:
    """Average from the command line: ``python -m training.average A B --recipe TOML --name NAME --out FILE``."""
    parser = argparse.ArgumentParser(description="Write the mean of the weights of several trainings.")
    parser.add_argument("weights", type=Path, nargs="+", metavar="FILE", help="the first gives the thresholds")
    parser.add_argument("--recipe", type=Path, required=True, help="training file; its chips give the ranges")
    parser.add_argument("--share", type=float, nargs="+", help="of each file; equal if not given")
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    share = arguments.share or [1 / len(arguments.weights)] * len(arguments.weights)
    if len(share) != len(arguments.weights) or abs(sum(share) - 1) > 1e-6:
        parser.error(f"--share has {len(share)} numbers of sum {sum(share):g}; give one for each file, of sum 1")
    try:
        table = read_toml(arguments.recipe, what="training file")
        options = read_record(TrainOptions, table, where=str(arguments.recipe))
        chips = [chip for folder in options.chips for chip in read_chips(arguments.recipe.parent / folder)]
        batch = batch_options(options, chips)
        stream = CropStream(chips, first=0, last=options.steps, options=batch, augment=AugmentOptions())
        average(arguments.weights, arguments.out, name=arguments.name, share=share, stream=stream)
    except Error as err:
        sys.stderr.write(f"groundplan: {err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
