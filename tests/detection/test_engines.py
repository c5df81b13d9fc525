"""The engine computes what torchvision's own network does, and only what is wanted of it."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.misc import FrozenBatchNorm2d

from detection.align import RegionAlign
from detection.engines import Engine, arithmetic, fold_norms
from detection.model import InferenceLimits, ModelSpec, build_model
from detection.predict import MaskRcnnDetector
from detection.weights import DEFAULT_WEIGHTS, WeightsRecord, write_weights
from groundplan.labels import LABELS

SMALL = ModelSpec(fpn_channels=16, box_channels=32, mask_convs=1)


def random_network(spec: ModelSpec, *, limits: InferenceLimits | None = None) -> GeneralizedRCNN:
    """Return a network whose normalisations do something."""
    torch.manual_seed(4)
    model = build_model(spec, limits=limits)
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.3)
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "efficientnet_lite0", "resnet50_v2"])
@pytest.mark.parametrize("heads", ["slim", "large"])
def test_folded_norms_leave_the_pyramid_as_it_was(backbone: str, heads: str) -> None:
    spec = ModelSpec(backbone=backbone, heads="large" if heads == "large" else "slim", fpn_channels=16)
    model = random_network(spec)
    folded = copy.deepcopy(model)
    fold_norms(folded)
    # Of the network that normalises first, one per block, that of the picture and the last follow no convolution.
    left = sum(isinstance(module, FrozenBatchNorm2d) for module in folded.modules())
    assert left == (15 if backbone == "resnet50_v2" else 0)
    image = torch.rand(1, 3, 96, 64)
    with torch.inference_mode():
        for one, other in zip(model.backbone(image).values(), folded.backbone(image).values(), strict=True):
            assert torch.allclose(one, other, atol=1e-4 * float(one.abs().max()))


@pytest.mark.parametrize("cells", [7, 14])
def test_regions_are_aligned_as_torchvision_aligns_them(cells: int) -> None:
    random = torch.Generator().manual_seed(1)
    pyramid = {
        str(level): torch.randn(2, 8, 128 // 2**level, 96 // 2**level, generator=random) for level in range(5)
    }
    low = torch.rand(80, 2, generator=random) * torch.tensor([380.0, 500.0])
    side = torch.exp(torch.rand(80, 2, generator=random) * 6)
    limit = torch.tensor([384.0, 512.0])
    boxes = torch.cat((low, torch.minimum(low + side, limit)), dim=1)
    # The whole image, less than a pixel, along the far edge, and outside altogether.
    odd = [[0, 0, 384, 512], [10, 10, 10.2, 10.3], [380, 400, 384, 512], [400, 600, 420, 640], [-30, -30, -9, -9]]
    boxes = torch.cat((boxes, torch.tensor(odd)))
    each = [boxes, boxes[:7].flip(0)]
    theirs = MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=cells, sampling_ratio=2)
    expected = theirs(pyramid, each, [(512, 384)] * 2)
    found = RegionAlign(cells, strides=(4, 8, 16, 32))(pyramid, each, None)
    assert found.shape == expected.shape
    # At a sample that lies on a cell border rounding may take the other neighbour, with a weight near 0.
    assert torch.allclose(found, expected, atol=2e-3)
    assert (found - expected).abs().median() < 1e-5


def test_what_regions_teach_the_features_is_what_torchvision_teaches() -> None:
    random = torch.Generator().manual_seed(2)
    start = [torch.randn(1, 8, 64 // 2**level, 64 // 2**level, generator=random) for level in range(4)]
    low = torch.rand(30, 2, generator=random) * 100.0
    boxes = [torch.cat((low, low + 3.0 + torch.rand(30, 2, generator=random) * 250.0), dim=1)]
    taught = []
    for align in (
        MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=7, sampling_ratio=2),
        RegionAlign(7, strides=(4, 8, 16, 32)),
    ):
        levels = [level.clone().requires_grad_() for level in start]
        regions = align({str(number): level for number, level in enumerate(levels)}, boxes, [(256, 256)])
        (regions * torch.linspace(-1, 1, regions.numel()).view_as(regions)).sum().backward()
        taught.append([torch.zeros_like(level) if level.grad is None else level.grad for level in levels])
    assert all(float(grad.abs().max()) > 0 for grad in taught[0][:2])
    for expected, found in zip(*taught, strict=True):
        assert torch.allclose(found, expected, atol=2e-3)


def test_no_boxes_give_no_regions() -> None:
    pyramid = {str(level): torch.zeros(1, 4, 8, 8) for level in range(4)}
    assert RegionAlign(7, strides=(4, 8, 16, 32))(pyramid, [torch.zeros(0, 4)], None).shape == (0, 4, 7, 7)


def assert_equal_results(model: GeneralizedRCNN, images: torch.Tensor, *, least: int) -> None:
    engine = Engine(copy.deepcopy(model), torch.device("cpu"))
    with torch.inference_mode():
        expected = model(list(images))
        pyramid, found = engine.find(images)
        masks = engine.masks(pyramid, found)
    assert sum(len(each.boxes) for each in found) >= least
    for one, other, mask in zip(expected, found, masks, strict=True):
        assert torch.equal(one["labels"], other.labels)
        assert torch.allclose(one["boxes"], other.boxes, atol=0.02)
        assert torch.allclose(one["scores"], other.scores, atol=1e-4)
        assert torch.allclose(one["masks"][:, 0], mask, atol=1e-3)


def test_strides_are_not_guessed_from_the_first_image() -> None:
    limits = InferenceLimits(proposals=30, min_score=0.0, detections=20)
    fresh, used = (random_network(SMALL, limits=limits) for _ in range(2))
    image = [torch.rand(3, 128, 128)]
    with torch.inference_mode():
        used([torch.rand(3, 65, 300)])
        (one,), (other,) = fresh(image), used(image)
    assert len(one["boxes"]) > 5 and torch.equal(one["boxes"], other["boxes"])
    assert torch.equal(one["masks"], other["masks"])


@pytest.mark.parametrize("cascade", [False, True])
def test_the_engine_finds_what_the_network_finds(cascade: bool) -> None:
    spec = dataclasses.replace(SMALL, cascade=cascade)
    model = random_network(spec, limits=InferenceLimits(proposals=30, min_score=0.0, detections=20))
    assert_equal_results(model, torch.rand(2, 3, 128, 128), least=10)


def test_its_arithmetic_says_where_and_in_how_many_bits_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr("detection.engines.fused_layers_run_here", lambda: True)
    monkeypatch.setattr("detection.engines.eight_bits_run_here", lambda: True)
    monkeypatch.setattr("detection.engines.sixteen_bits_run_here", lambda: False)
    ranges = {"masks": [(0.0, 1.0)]}
    assert arithmetic(here, ranges=ranges, backbone="mobilenet_v2") == "cpu-8bit"
    assert arithmetic(here, ranges={}, backbone="mobilenet_v2") == "cpu-32bit"
    assert arithmetic(there, ranges=ranges, backbone="mobilenet_v2") == "cuda-16bit"
    monkeypatch.setattr("detection.engines.sixteen_bits_run_here", lambda: True)
    assert arithmetic(here, ranges=ranges, backbone="mobilenet_v2") == "cpu-8bit-bfloat16"
    assert arithmetic(here, ranges=ranges, backbone="resnet50") == "cpu-8bit"
    assert arithmetic(here, ranges={}, backbone="mobilenet_v2") == "cpu-32bit"
    assert arithmetic(there, ranges=ranges, backbone="mobilenet_v2") == "cuda-16bit"
    monkeypatch.setattr("detection.engines.eight_bits_run_here", lambda: False)
    assert arithmetic(here, ranges=ranges, backbone="mobilenet_v2") == "cpu-32bit"
    monkeypatch.setattr("detection.engines.fused_layers_run_here", lambda: False)
    assert arithmetic(here, ranges=ranges, backbone="mobilenet_v2") == "cpu-32bit-plain"


@pytest.mark.skipif(not DEFAULT_WEIGHTS.is_file(), reason="no shipped weights here")
def test_the_shipped_network_finds_the_same_on_a_drawn_town() -> None:
    detector = MaskRcnnDetector(DEFAULT_WEIGHTS, device="cpu")
    from detection.weights import load_into, read_weights

    weights = read_weights(DEFAULT_WEIGHTS)
    model = build_model(weights.spec)
    load_into(model, weights)
    random = np.random.default_rng(2)
    image = np.full((3, 256, 256), 90, np.uint8)
    for row, col in random.integers(10, 210, (14, 2)):
        image[:, row : row + 28, col : col + 34] = random.integers(150, 250, (3, 1, 1))
    batch = torch.from_numpy(image)[None].float().div(255)
    assert_equal_results(model.eval(), batch, least=1)
    assert detector.detect([]) == []


@pytest.fixture
def small_weights(tmp_path: Path) -> Path:
    """Return weights of a small network with random numbers."""
    record = WeightsRecord(
        name="random",
        labels=LABELS,
        gsd_m=0.3,
        min_score=dict.fromkeys(LABELS[:5], 0.5),
        spec={"fpn_channels": 16, "box_channels": 32, "mask_convs": 1},
        calibration={LABELS[0]: (0.5, 0.2)},
    )
    write_weights(tmp_path / "random.safetensors", random_network(SMALL).state_dict(), record)
    return tmp_path / "random.safetensors"


def test_thresholds_leave_out_what_is_not_wanted_and_change_nothing_else(small_weights: Path) -> None:
    image = np.random.default_rng(3).integers(0, 255, (3, 128, 128), np.uint8)
    limits = InferenceLimits(min_score=0.0, proposals=40)
    (every,) = MaskRcnnDetector(small_weights, device="cpu", limits=limits).detect([image])
    assert set(every.labels) <= {1, 2, 3, 4, 5} and len(every.labels) > 20
    label = int(every.labels[len(every.labels) // 2])
    least = float(np.median(every.scores[every.labels == label]))
    wanted = {LABELS[label - 1]: least}
    (some,) = MaskRcnnDetector(small_weights, device="cpu", limits=limits, min_score=wanted).detect([image])
    keep = (every.labels == label) & (every.scores >= least)
    assert 0 < keep.sum() < len(keep)
    assert np.array_equal(some.boxes, every.boxes[keep]) and np.array_equal(some.scores, every.scores[keep])
    for one, other in zip(some.masks, np.array(every.masks)[keep], strict=True):
        assert np.allclose(one, other, atol=1e-4)


def test_an_image_without_wanted_objects_gives_none(small_weights: Path) -> None:
    detector = MaskRcnnDetector(small_weights, device="cpu", min_score={"building": 1.1})
    (found,) = detector.detect([np.zeros((3, 64, 64), np.uint8)])
    assert found.boxes.shape == (0, 4) and found.masks == ()


def test_a_batch_gives_each_tile_what_it_gives_alone(small_weights: Path) -> None:
    random = np.random.default_rng(5)
    images = [random.integers(0, 255, (3, 128, 128), np.uint8) for _ in range(3)]
    detector = MaskRcnnDetector(small_weights, device="cpu", limits=InferenceLimits(min_score=0.0, proposals=40))
    assert detector.batch_tiles == 1
    together = detector.detect(images)
    for image, found in zip(images, together, strict=True):
        (alone,) = detector.detect([image])
        assert len(found.boxes) > 10
        assert np.array_equal(found.labels, alone.labels)
        assert np.allclose(found.boxes, alone.boxes, atol=0.01) and np.allclose(
            found.scores, alone.scores, atol=1e-4
        )
        assert np.allclose(np.array(found.masks), np.array(alone.masks), atol=1e-3)


def test_boxes_that_are_not_wanted_are_left_out_and_change_nothing_else(small_weights: Path) -> None:
    random = np.random.default_rng(6)
    images = [random.integers(0, 255, (3, 128, 128), np.uint8) for _ in range(2)]
    detector = MaskRcnnDetector(small_weights, device="cpu", limits=InferenceLimits(min_score=0.0, proposals=40))
    every = detector.detect(images)
    some = detector.detect(images, [lambda boxes: boxes[:, 0] < 40, lambda boxes: np.zeros(len(boxes), bool)])
    keep = every[0].boxes[:, 0] < 40
    assert 0 < keep.sum() < len(keep) and len(some[1]) == 0
    assert np.array_equal(some[0].boxes, every[0].boxes[keep])
    assert np.array_equal(some[0].scores, every[0].scores[keep])
    for one, other in zip(some[0].masks, np.array(every[0].masks)[keep], strict=True):
        assert np.allclose(one, other, atol=1e-4)
