"""The mean of weights lies between them, keeps the first one's record and can be used."""

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from detection.engines import eight_bit_layers
from detection.model import ModelSpec, build_model
from detection.predict import MaskRcnnDetector
from detection.weights import WeightsRecord, read_weights, write_weights
from groundplan.labels import LABELS
from tests.training.training_files import SMALL, write_training
from training.average import main

FORM = ModelSpec(**SMALL)


def write_random(path: Path, *, seed: int, spec: ModelSpec = FORM, least: float = 0.0) -> Path:
    torch.manual_seed(seed)
    record = WeightsRecord(
        name=path.stem,
        labels=LABELS,
        gsd_m=0.3,
        min_score={"building": least},
        spec=json.loads(json.dumps(dataclasses.asdict(spec))),
        training={"seed": seed, "share": {"own": 1}},
    )
    write_weights(path, build_model(spec).state_dict(), record, half=False)
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["average", *map(str, arguments)])
    return main()


def test_the_mean_keeps_the_record_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_training(tmp_path)
    one, other = (
        write_random(tmp_path / f"{name}.safetensors", seed=n, least=n / 10) for n, name in enumerate("ab")
    )
    out = tmp_path / "mean.safetensors"
    same = ("--recipe", recipe, "--name", "both", "--out", out)
    assert run(monkeypatch, one, other, "--share", 0.75, 0.25, *same) == 0
    first, second, mean = (read_weights(path) for path in (one, other, out))
    for key, value in mean.tensors.items():
        expected = 0.75 * first.tensors[key] + 0.25 * second.tensors[key]
        assert torch.allclose(value, expected, rtol=1e-3, atol=1e-6), key
    assert mean.record.name == "both" and mean.record.min_score == {"building": 0.0}
    # A training has shares of its own: those of its chips.
    parts = [(of["name"], of["part"], of["share"]) for of in mean.record.training["mean_of"]]
    assert parts == [("a", 0.75, {"own": 1}), ("b", 0.25, {"own": 1})]
    layers = eight_bit_layers(build_model(FORM))
    assert mean.record.ranges and all(len(own) == layers[part] for part, own in mean.record.ranges.items())
    assert MaskRcnnDetector(out).detect([np.zeros((3, 64, 64), np.uint8)])


def test_networks_of_two_forms_have_no_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = write_training(tmp_path)
    one = write_random(tmp_path / "one.safetensors", seed=1)
    wide = write_random(tmp_path / "wide.safetensors", seed=1, spec=dataclasses.replace(FORM, fpn_channels=32))
    same = ("--recipe", recipe, "--name", "both", "--out", tmp_path / "mean.safetensors")
    assert run(monkeypatch, one, wide, *same) == 1
    assert "another form" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(monkeypatch, one, one, "--share", 0.5, 0.6, *same)
    assert "of sum 1.1" in capsys.readouterr().err
    assert not (tmp_path / "mean.safetensors").exists()


def test_weights_without_a_second_head_count_as_with_a_copy_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, spec = write_training(tmp_path), dataclasses.replace(FORM, cascade=True)
    plain = write_random(tmp_path / "plain.safetensors", seed=1)
    twice = write_random(tmp_path / "twice.safetensors", seed=2, spec=spec)
    out = tmp_path / "mean.safetensors"
    assert run(monkeypatch, plain, twice, "--recipe", recipe, "--name", "both", "--out", out) == 0
    one, other, mean = (read_weights(path) for path in (plain, twice, out))
    assert mean.spec == spec and len(mean.record.ranges["second"]) == 2
    key = "roi_heads.{}box_predictor.cls_score.weight"
    expected = (one.tensors[key.format("")] + other.tensors[key.format("second.")]) / 2
    assert torch.allclose(mean.tensors[key.format("second.")], expected, rtol=1e-3, atol=1e-6)
