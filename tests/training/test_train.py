"""Training on tiny crops: every network trains, a stopped run goes on as if it had not been stopped."""

import dataclasses
import html.parser
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn_v2

from detection.load import load_detector, resolve_spec
from detection.model import ModelSpec, build_model
from detection.weights import read_record_only, read_weights
from groundplan.errors import ConfigError, WeightsError
from pipeline.cli import main
from pipeline.training import read_training
from tests.training.training_files import SMALL, write_training
from training.checkpoint import read_history
from training.pretrained import load_backbone, load_fitting, load_heads, load_start
from training.train import train

COCO_FORM = {
    "backbone": "resnet50",
    "heads": "large",
    "fpn_channels": 256,
    "box_channels": 1024,
    "mask_convs": 4,
}


@pytest.mark.parametrize(
    "model",
    [
        SMALL,
        SMALL | {"backbone": "efficientnet_lite0"},
        SMALL | {"backbone": "resnet50"},
        SMALL | {"backbone": "resnet50_v2"},
        SMALL | {"backbone": "mobilenet_v2", "heads": "large"},
        SMALL | {"backbone": "mobilenet_v2", "cascade": True},
        SMALL | {"backbone": "mobilenet_v2", "heads": "large", "cascade": True},
    ],
    ids=lambda model: "-".join(str(model.get(key, "")) for key in ("backbone", "heads", "cascade")),
)
def test_every_network_trains_a_step_and_its_weights_detect(tmp_path: Path, model: dict[str, object]) -> None:
    path = write_training(tmp_path, steps=1, model=model)
    weights = train(read_training(path), base=tmp_path)
    assert read_weights(weights).spec == ModelSpec(**model)  # type: ignore[arg-type]
    detector = load_detector(resolve_spec(str(weights), base=tmp_path, device="cpu", threads=None))
    assert detector.info.labels == ("building",)
    (found,) = detector.detect([np.zeros((3, 64, 64), np.uint8)])
    assert found.boxes.shape[1] == 4


@pytest.mark.parametrize(
    "more", [{}, {"mixed_styles": ["features.1"], "batch_px": 3 * 4096}], ids=["plain", "mixed"]
)
def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path: Path, more: dict[str, object]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
        write_training(folder, steps=4, **more)
    train(read_training(whole / "training.toml"), base=whole)

    def stop(step: int, losses: dict[str, float]) -> None:
        if step == 3:
            raise KeyboardInterrupt

    options = read_training(parts / "training.toml")
    with pytest.raises(KeyboardInterrupt):
        train(options, base=parts, on_step=stop)
    assert len(read_history(parts / "tiny.checkpoint")) == 2
    seen: list[int] = []
    train(options, base=parts, on_step=lambda step, losses: seen.append(step))
    assert seen == [3, 4]
    for name in ("tiny.safetensors", "tiny.checkpoint"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    assert len(read_history(parts / "tiny.checkpoint")) == 4


class Texts(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_train_and_evaluate_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_training(tmp_path, steps=2)
    path.write_text(path.read_text() + "\n[neighbours]\nbuilding = 0.5\n")
    assert main(["train", str(path)]) == 0
    said = capsys.readouterr().out
    assert "tiny.safetensors" in said and "training_report.html" in said
    page = Texts()
    page.feed((tmp_path / "training_report.html").read_text())
    assert "script" not in page.tags and page.tags.count("h2") >= 3
    assert {"The run", "Losses", "loss mask"} <= set(page.texts)

    weights, out = tmp_path / "tiny.safetensors", tmp_path / "with.safetensors"
    trained = read_record_only(weights)
    assert trained.neighbours == {"building": 0.5} and not trained.calibration, "nothing was measured yet"
    arguments = ["evaluate", str(tmp_path / "chips"), "--weights", str(weights), "--device", "cpu"]
    assert main([*arguments, "--write-thresholds", str(out)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["own"]["building"]["n_truth"] == 1 and result["thresholds"]["building"]["n_truth"] == 1
    record = read_record_only(out)
    slope, _ = record.calibration.get("building", (1.0, 0.0))
    assert record.neighbours == {"building": pytest.approx(0.5 * slope)}
    # Of what reaches the tiny mask head's one convolution and its doubling layer, and of the layers before.
    assert {part: len(ranges) for part, ranges in record.ranges.items()} == {
        "pyramid": 4,
        "proposals": 1,
        "boxes": 2,
        "masks": 2,
    }
    assert all(low <= 0 < high for ranges in record.ranges.values() for low, high in ranges)
    assert record.validation["building"]["n_truth"] == 1 and set(record.min_score) == {"building"}
    before, after = read_weights(weights).tensors, read_weights(out).tensors
    assert all(torch.equal(before[key], after[key]) for key in before) and len(before) == len(after)


def test_torchvisions_coco_detector_fits_but_for_its_predictors() -> None:
    # On the meta device a network has names and shapes and takes no time.
    with torch.device("meta"):
        theirs = maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None).state_dict()
        ours = build_model(ModelSpec(**COCO_FORM)).state_dict()  # type: ignore[arg-type]
    other = [key for key in ours if key not in theirs or theirs[key].shape != ours[key].shape]
    assert {key.rpartition(".")[0] for key in other} == {
        "roi_heads.box_predictor.cls_score",
        "roi_heads.box_predictor.bbox_pred",
        "roi_heads.mask_predictor.mask_fcn_logits",
    }


def test_layers_that_fit_are_taken_and_predictors_stay_new(tmp_path: Path) -> None:
    torch.manual_seed(1)
    theirs = build_model(ModelSpec(**SMALL, n_labels=90)).state_dict()  # type: ignore[arg-type]
    torch.save(theirs, tmp_path / "coco.pth")
    torch.manual_seed(2)
    ours = build_model(ModelSpec(**SMALL))  # type: ignore[arg-type]
    new = load_fitting(ours, tmp_path / "coco.pth")
    assert new and all("predictor" in key for key in new)
    state = ours.state_dict()
    assert all(torch.equal(state[key], theirs[key]) for key in state if key not in new)


def test_weights_that_do_not_fit_are_refused_with_a_remedy(tmp_path: Path) -> None:
    model = build_model(ModelSpec(**SMALL))  # type: ignore[arg-type]
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"only 0 of .* fit the model"):
        load_fitting(model, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="needs weights of torchvision's mobilenet_v2"):
        load_backbone(model, tmp_path / "other.pth", spec=ModelSpec())
    with pytest.raises(WeightsError, match="no weights at"):
        load_fitting(model, tmp_path / "none.pth")
    torch.save({"a": 1}, tmp_path / "numbers.pth")
    with pytest.raises(WeightsError, match="no state dict of tensors"):
        load_fitting(model, tmp_path / "numbers.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="cannot read"):
        load_fitting(model, tmp_path / "broken.safetensors")


def test_heads_go_from_one_backbone_to_another(tmp_path: Path) -> None:
    first = train(read_training(write_training(tmp_path, steps=1)), base=tmp_path)
    taken = read_weights(first).tensors
    model = build_model(ModelSpec(**SMALL, backbone="resnet50_v2"))  # type: ignore[arg-type]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    load_heads(model, first)
    after = model.state_dict()
    heads = [key for key in after if key.startswith(("rpn.", "roi_heads.", "backbone.fpn.layer_blocks."))]
    assert heads and all(torch.equal(after[key], taken[key].float()) for key in heads)
    assert all(torch.equal(after[key], before[key]) for key in after if key not in heads)
    wider = build_model(ModelSpec(**SMALL | {"box_channels": 32}))  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match="needs weights of the same heads"):
        load_heads(wider, first)


def test_a_second_head_begins_as_the_first_of_the_weights_before(tmp_path: Path) -> None:
    first = read_weights(train(read_training(write_training(tmp_path, steps=1)), base=tmp_path))
    model = build_model(ModelSpec(**SMALL, cascade=True))
    load_start(model, first)
    second = model.roi_heads.second
    assert torch.equal(
        second.box_predictor.cls_score.weight, first.tensors["roi_heads.box_predictor.cls_score.weight"]
    )
    inner = second.box_head.fc6.weight.view(16, 2, 16 * 49)
    assert torch.equal(inner[:, 0], first.tensors["roi_heads.box_head.fc6.weight"]) and not inner[:, 1].any()
    # Weights that have one are taken as they are.
    own = dataclasses.replace(first, tensors={key: value + 1 for key, value in model.state_dict().items()})
    load_start(model, own)
    assert torch.equal(second.box_head.fc6.bias, own.tensors["roi_heads.second.box_head.fc6.bias"])


def test_layers_of_the_backbone_stay_or_learn_more_slowly(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = ModelSpec(**SMALL, backbone="resnet50_v2")  # type: ignore[arg-type]
    state = build_model(model).backbone.state_dict()
    start = {key: value for key, value in state.items() if not key.startswith("fpn.")}
    torch.save(start, tmp_path / "imagenet.pth")
    moved: dict[float, float] = {}
    for rate in (1.0, 0.01):
        path = write_training(
            tmp_path, steps=1, model=SMALL | {"backbone": "resnet50_v2"}, backbone="imagenet.pth",
            backbone_rate=rate, backbone_frozen=["conv1", "layer1"], ema_decay=0.0, weight_decay=0.0,
        )  # fmt: skip
        options = read_training(path)
        (tmp_path / options.checkpoint).unlink(missing_ok=True)
        after = read_weights(train(options, base=tmp_path)).tensors
        half = {key: start[key].half().float() for key in start if key.endswith("weight")}
        change = {key: float((after[f"backbone.{key}"].float() - half[key]).abs().max()) for key in half}
        assert all(change[key] == 0 for key in half if key.startswith(("conv1.", "layer1.")))
        moved[rate] = max(value for key, value in change.items() if key.startswith("layer3."))
    assert moved[1.0] > 10 * moved[0.01]
    path = write_training(tmp_path, steps=2, model=SMALL | {"backbone": "resnet50_v2"}, backbone="imagenet.pth")
    with pytest.raises(WeightsError, match="another backbone_rate or backbone_frozen"):
        train(read_training(path), base=tmp_path)
    path = write_training(tmp_path, model=SMALL, heads_from="tiny.safetensors")
    with pytest.raises(WeightsError, match="needs a backbone under it"):
        train(read_training(path), base=tmp_path)
    path = write_training(tmp_path, model=SMALL, backbone_frozen=["layer9"])
    with pytest.raises(WeightsError, match="mobilenet_v2 has features, fpn"):
        train(read_training(path), base=tmp_path)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"backbone": "resnet5"}, "did you mean 'resnet50'"),
        ({"bakbone": "resnet50"}, "did you mean 'backbone'"),
        ({"heads": "huge"}, "must be one of 'slim', 'large'"),
    ],
)
def test_a_model_that_is_not_known_is_refused(tmp_path: Path, model: dict[str, object], message: str) -> None:
    path = write_training(tmp_path, model=model)
    with pytest.raises((ConfigError, WeightsError), match=message):
        train(read_training(path), base=tmp_path)


@pytest.mark.parametrize("table", ["min_score", "neighbours"])
def test_a_name_that_is_no_label_is_refused_before_training(tmp_path: Path, table: str) -> None:
    path = write_training(tmp_path)
    path.write_text(path.read_text() + f"\n[{table}]\nbuildin = 0.4\n")
    with pytest.raises(ConfigError, match="did you mean 'building'"):
        read_training(path)
