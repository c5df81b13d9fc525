from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from detection.load import check_labels, describe_detector, load_detector, resolve_spec
from detection.model import ModelSpec, build_model
from detection.predict import MaskRcnnDetector
from detection.weights import DEFAULT_WEIGHTS, WeightsRecord, read_record_only, read_weights, write_weights
from groundplan.errors import ConfigError, WeightsError
from groundplan.labels import LABELS

SMALL = {"fpn_channels": 16, "box_channels": 16, "mask_convs": 1}


def write_small(path: Path, **changes: object) -> Path:
    torch.manual_seed(0)
    fields = {
        "name": "small",
        "labels": LABELS,
        "gsd_m": 0.3,
        "min_score": dict.fromkeys(LABELS, 0.5),
        "spec": SMALL,
    }
    write_weights(path, build_model(ModelSpec(**SMALL)).state_dict(), WeightsRecord(**(fields | changes)))  # type: ignore[arg-type]
    return path


def test_weights_keep_their_record_and_values_through_a_file(tmp_path: Path) -> None:
    path = write_small(tmp_path / "w.safetensors")
    weights = read_weights(path)
    assert weights.record.labels == LABELS and weights.spec == ModelSpec(**SMALL)
    torch.manual_seed(0)
    for key, value in build_model(ModelSpec(**SMALL)).state_dict().items():
        assert torch.allclose(weights.tensors[key], value.float(), atol=1e-3), key


def test_tiles_of_any_size_are_not_resized_and_masks_are_not_pasted(tmp_path: Path) -> None:
    # torchvision's own transform would resize both to its min_size, so that objects depend on the tile.
    detector = MaskRcnnDetector(write_small(tmp_path / "w.safetensors"), device="cpu")
    rng = np.random.default_rng(1)
    image = np.zeros((3, 256, 256), np.uint8)
    image[:, 30:80, 40:90] = rng.integers(0, 255, (3, 50, 50))
    whole, crop = detector.detect([image])[0], detector.detect([image[:, :128, :128]])[0]
    assert whole.boxes.shape[1] == 4
    assert all(mask.shape == (28, 28) for mask in whole.masks)
    assert (whole.boxes >= 0).all() and (whole.boxes <= 256).all() and (crop.boxes <= 128).all()
    pixels = torch.from_numpy(image).float() / 255
    with torch.inference_mode():
        sizes = [
            detector._engine.model.transform([each])[0].tensors.shape[-2:]
            for each in (pixels, pixels[:, :128, :128])
        ]
    assert sizes == [(256, 256), (128, 128)]


def test_labels_never_learned_are_not_returned(tmp_path: Path) -> None:
    path = write_small(tmp_path / "w.safetensors", min_score={"building": 0.5})
    detector = MaskRcnnDetector(path, device="cpu")
    (found,) = detector.detect([np.random.default_rng(0).integers(0, 255, (3, 128, 128)).astype(np.uint8)])
    assert detector.info.labels == ("building",)
    assert set(found.labels.tolist()) <= {1}


def test_no_tiles_give_no_detections(tmp_path: Path) -> None:
    assert MaskRcnnDetector(write_small(tmp_path / "w.safetensors"), device="cpu").detect([]) == []


def test_damaged_foreign_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"\x80\x04 a pickle, say")
    with pytest.raises(WeightsError, match=r"cannot read .*broken as safetensors"):
        read_weights(tmp_path / "broken")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign")
    with pytest.raises(WeightsError, match="no groundplan record"):
        read_weights(tmp_path / "foreign")
    with pytest.raises(WeightsError, match="no weights file at"):
        resolve_spec("nowhere.safetensors", base=tmp_path, device="cpu", threads=None)
    write_small(tmp_path / "other", labels=("ship",))
    with pytest.raises(WeightsError, match=r"other labels \(ship\)"):
        read_record_only(tmp_path / "other")


def test_weights_of_another_form_are_refused(tmp_path: Path) -> None:
    path = write_small(tmp_path / "w.safetensors", spec=SMALL | {"fpn_channels": 32})
    with pytest.raises(WeightsError, match="do not fit the model"):
        MaskRcnnDetector(path, device="cpu")


def test_describing_says_what_loading_says_without_reading_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_small(tmp_path / "w.safetensors", min_score={"building": 0.5}, coarse_labels=("soccer_field",))
    specs = [resolve_spec(str(path), base=tmp_path, device="cpu", threads=None, views=views) for views in (1, 4)]
    loaded = [load_detector(spec).info for spec in specs]
    monkeypatch.setattr("detection.predict.Engine", None)
    before = torch.get_default_device()
    assert [describe_detector(spec) for spec in specs] == loaded
    assert loaded[0].arithmetic.startswith("cpu-")
    assert loaded[0].sha256 != loaded[1].sha256 and torch.get_default_device() == before
    weights = read_weights(path, device="meta")
    assert all(tensor.device.type == "meta" for tensor in weights.tensors.values())


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": SMALL | {"fpn_channels": 32}},
        {"spec": SMALL | {"n_labels": 2}},
        {"spec": SMALL | {"fpn_channels": 200_000}},
        {"spec": SMALL | {"backbone": "none"}},
        {"labels": ("building",)},
        {"labels": ("ship",)},
    ],
    ids=str,
)
def test_what_cannot_be_loaded_cannot_be_described_either(tmp_path: Path, changes: dict[str, object]) -> None:
    path = write_small(tmp_path / "w.safetensors", **changes)
    spec = resolve_spec(str(path), base=tmp_path, device="cpu", threads=None)
    messages = []
    for use in (load_detector, describe_detector):
        with pytest.raises(WeightsError) as caught:
            use(spec)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_asking_for_a_label_the_weights_lack_names_those_they_know() -> None:
    info = describe_detector(resolve_spec("painted", base=Path(), device="cpu", threads=None))
    assert check_labels((), info) == LABELS
    with pytest.raises(ConfigError, match="do not know ship"):
        check_labels(("ship",), info)


@pytest.mark.slow
@pytest.mark.skipif(not DEFAULT_WEIGHTS.is_file(), reason="this checkout ships no weights")
def test_shipped_weights_load_and_say_what_they_are() -> None:
    detector = load_detector(resolve_spec("default", base=Path(), device="cpu", threads=None))
    record = read_record_only(DEFAULT_WEIGHTS)
    assert set(detector.info.labels) <= set(LABELS) and record.data
    assert DEFAULT_WEIGHTS.stat().st_size < 25e6


@pytest.mark.parametrize(
    "spec",
    [
        {"fpn_channels": 200_000},
        {"box_channels": 0},
        {"mask_convs": -1},
        {"anchor_sizes_px": [16] * 4000},
        {"anchor_ratios": []},
    ],
    ids=str,
)
def test_a_network_beyond_reason_is_refused_before_memory_is_taken(
    tmp_path: Path, spec: dict[str, object]
) -> None:
    path = write_small(tmp_path / "w.safetensors", spec=SMALL | spec)
    with pytest.raises(WeightsError, match="take other weights"):
        MaskRcnnDetector(path, device="cpu")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"large_from_m2": {"building": -5.0}}, "is -5; give an area above 0"),
        ({"large_from_m2": {"building": 5.0}, "coarse_labels": ("building",)}, "name it in one of them"),
        ({"large_min_score": {"building": 0.5}}, "which large_from_m2 does not"),
        ({"large_from_m2": {"building": 5.0}, "coarse_factor": 1.5}, "give 2 or more"),
    ],
)
def test_passes_that_contradict_each_other_are_refused(tmp_path, more, message):
    path = write_small(tmp_path / "w.safetensors", min_score={"building": 0.5}, **more)
    with pytest.raises(WeightsError, match=message):
        read_record_only(path)
