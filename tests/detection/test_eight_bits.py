"""What is computed in eight bits is what 32 bits give, nearly, whatever else is in the batch."""

import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

from detection.eight_bits import (
    EightBitBoxHead,
    EightBitConvs,
    EightBitMaskHead,
    eight_bits_run_here,
    measure_ranges,
)
from detection.engines import Engine, doubled_features, eight_bit_layers, fold_norms
from detection.model import InferenceLimits, ModelSpec, build_model
from detection.norms import FrozenNorm
from detection.predict import MaskRcnnDetector
from detection.weights import WeightsRecord, write_weights
from groundplan.errors import WeightsError
from groundplan.labels import LABELS
from training.ranges import measure_weights

pytestmark = pytest.mark.skipif(
    not eight_bits_run_here(), reason="this processor or this torch has no such layers"
)

RANGES = ((-3.0, 3.0), (0.0, 2.0), (0.0, 2.0))
SMALL = ModelSpec(fpn_channels=32, box_channels=32, mask_convs=2)


def made(*, norm: bool) -> tuple[MaskRCNNHeads, MaskRCNNPredictor, Tensor]:
    torch.manual_seed(3)
    head = MaskRCNNHeads(32, (32, 32), 1, norm_layer=FrozenNorm if norm else None).eval()
    for module in head.modules():
        if isinstance(module, FrozenNorm):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.3)
    fold_norms(head)
    return head, MaskRCNNPredictor(32, 32, 8).eval(), torch.randn(12, 32, 14, 14)


@pytest.mark.parametrize("norm", [False, True])
def test_features_are_those_in_32_bits_to_a_step_or_two(norm: bool) -> None:
    head, predictor, regions = made(norm=norm)
    with torch.inference_mode():
        ranges = measure_ranges(head, [regions[:6], regions[6:]])
        assert ranges[0][0] < -3 and ranges[0][1] > 3 and all(low == 0 for low, _ in ranges[1:])
        exact = doubled_features(predictor, head(regions))
        found = EightBitMaskHead(head, predictor.conv5_mask, ranges)(regions)
    assert found.shape == exact.shape == (12, 14, 14, 4 * 32) and found.dtype == torch.float32
    off = (found - exact).abs()
    assert off.mean() < 0.03 * exact.std() and off.max() < 0.1 * exact.max()
    # The border is padded with what stands for 0.
    assert off[:, 0].mean() < 2 * off[:, 6].mean() + 1e-4


def test_a_region_has_the_same_mask_whatever_is_beside_it() -> None:
    head, predictor, regions = made(norm=False)
    with torch.inference_mode():
        quick = EightBitMaskHead(head, predictor.conv5_mask, RANGES)
        together = quick(regions)
        assert all((quick(regions[at : at + 1])[0] == together[at]).all() for at in range(len(regions)))
        assert (quick(regions.contiguous(memory_format=torch.channels_last)) == together).all()


def test_values_beyond_the_ranges_are_cut_and_not_wrapped() -> None:
    head, predictor, regions = made(norm=False)
    with torch.inference_mode():
        quick = EightBitMaskHead(head, predictor.conv5_mask, RANGES)
        cut = regions.clamp(-3.1, 3.1)
        assert (quick(cut) == quick(cut + 9 * (regions.abs() > 3.1) * regions.sign())).all()


def test_engines_find_the_same_boxes_and_nearly_the_same_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detection.engines.sixteen_bits_run_here", lambda: False)
    torch.manual_seed(5)
    model = build_model(SMALL, limits=InferenceLimits(min_score=0.0)).eval()
    image = torch.rand(1, 3, 160, 160)
    cpu = torch.device("cpu")
    with torch.inference_mode():
        exact = Engine(copy.deepcopy(model), cpu)
        pyramid, found = exact.find(image)
        ranges = measure_ranges(exact.model.roi_heads.mask_head, [exact.mask_regions(pyramid, found)])
        quick = Engine(model, cpu, ranges={"masks": ranges})
        assert exact.eight_bits is None and quick.eight_bits is not None
        again = quick.find(image)[1]
        assert (again[0].boxes == found[0].boxes).all() and (again[0].scores == found[0].scores).all()
        (one,), (other,) = exact.masks(pyramid, found), quick.masks(pyramid, found)
    assert len(one) > 20 and (one - other).abs().max() < 0.02


@pytest.mark.parametrize("last_relu", [False, True])
def test_convolutions_are_those_in_32_bits_to_a_step_or_two(last_relu: bool) -> None:
    torch.manual_seed(6)
    convs = [nn.Conv2d(24, 24, 3, padding=1) for _ in range(2)]
    images = torch.randn(3, 24, 33, 20)
    with torch.inference_mode():
        between = convs[0](images).relu()
        exact = convs[1](between).relu() if last_relu else convs[1](between)
        ranges = [(float(each.min()), float(each.max())) for each in (images, between)]
        quick = EightBitConvs(convs, ranges, last_relu=last_relu)
        found, alone = quick(images), quick(images[1:2])
    assert found.dtype == torch.float32 and found.is_contiguous(memory_format=torch.channels_last)
    assert (found - exact).abs().max() < 0.06 * exact.abs().max()
    assert (alone[0] == found[1]).all()
    assert (float(found.min()) < 0) is not last_relu


def test_the_box_head_is_that_in_32_bits_to_a_step_or_two() -> None:
    torch.manual_seed(8)
    layers = [nn.Linear(196, 48), nn.Linear(48, 48)]
    regions = torch.randn(30, 4, 7, 7)
    with torch.inference_mode():
        between = layers[0](regions.flatten(1)).relu()
        exact = layers[1](between).relu()
        quick = EightBitBoxHead(layers, [(float(each.min()), float(each.max())) for each in (regions, between)])
        found = quick(regions)
        assert all((quick(regions[at : at + 1])[0] == found[at]).all() for at in range(len(regions)))
        far = 1e3 * torch.ones(1, 4, 7, 7)
        assert torch.equal(quick(far), quick(2 * far)), "beyond the range is cut"
        assert torch.equal(quick(far.new_empty(0, 4, 7, 7)), far.new_empty(0, 48))
    assert found.dtype == torch.float32 and found.shape == exact.shape
    assert (found - exact).abs().max() < 0.06 * exact.max()


def test_an_engine_with_all_ranges_has_nearly_the_same_features() -> None:
    torch.manual_seed(7)
    spec = dataclasses.replace(SMALL, cascade=True)
    model = build_model(spec).eval()
    images = [torch.rand(1, 3, 96, 96) for _ in range(3)]
    with torch.no_grad():
        # A random network's features fade away.
        for block, level in zip(model.backbone.fpn.inner_blocks, model.backbone.levels(images[0]), strict=True):
            block[0].weight /= block(level).std()
    ranges = measure_weights(model.state_dict(), spec, images)
    assert {part: len(own) for part, own in ranges.items()} == eight_bit_layers(model)
    with torch.inference_mode():
        exact, quick = (Engine(copy.deepcopy(model), torch.device("cpu"), ranges=own) for own in ({}, ranges))
        for image in images:
            regions = 0.5 * torch.randn(40, SMALL.fpn_channels, 7, 7)
            heads = (each.model.roi_heads.box_head for each in (exact, quick))
            one, other = (head(regions.permute(0, 2, 3, 1)) for head in heads)
            assert one.std() > 0 and (one - other).abs().mean() < 0.1 * one.std()
            both = 0.5 * torch.randn(40, 2 * SMALL.fpn_channels, 7, 7)
            seconds = (each.model.roi_heads.second.box_head for each in (exact, quick))
            one, other = (head(both.permute(0, 2, 3, 1)) for head in seconds)
            assert one.std() > 0 and (one - other).abs().mean() < 0.1 * one.std()
            for one, other in zip(exact.find(image)[0].values(), quick.find(image)[0].values(), strict=True):
                assert (one - other).abs().mean() < 0.03 * one.std()
                head, eight = exact.model.rpn.head.conv(one), quick.model.rpn.head.conv(one)
                # One range for all levels is wide for the coarsest.
                assert (head - eight).abs().mean() < 0.05 * head.std()
        assert sum(isinstance(each, EightBitConvs) for each in quick.model.modules()) == 5
        assert isinstance(quick.model.roi_heads.box_head, EightBitBoxHead)


def test_a_second_head_that_was_shown_nothing_has_no_ranges() -> None:
    torch.manual_seed(9)
    spec = dataclasses.replace(SMALL, cascade=True)
    model = build_model(spec).eval()
    torch.nn.init.constant_(model.roi_heads.box_predictor.cls_score.bias[:1], 50.0)
    ranges = measure_weights(model.state_dict(), spec, [torch.rand(1, 3, 96, 96)])
    # Ranges of nothing would cut all that it is shown later to nothing.
    assert set(ranges) == {"pyramid", "proposals", "boxes"}


def test_ranges_that_do_not_fit_the_weights_are_refused(tmp_path: Path) -> None:
    record = WeightsRecord(
        name="odd",
        labels=LABELS,
        gsd_m=0.3,
        min_score={},
        spec=json.loads(json.dumps(dataclasses.asdict(SMALL))),
        ranges={"masks": RANGES[:2]},
    )
    path = tmp_path / "odd.safetensors"
    tensors = build_model(SMALL).state_dict()
    write_weights(path, tensors, record)
    with pytest.raises(WeightsError, match="2 ranges for the 3 layers of its masks"):
        MaskRcnnDetector(path)
    write_weights(path, tensors, dataclasses.replace(record, ranges={"roofs": RANGES}))
    with pytest.raises(WeightsError, match="unknown layers of its roofs"):
        MaskRcnnDetector(path)
    write_weights(path, tensors, dataclasses.replace(record, ranges={"masks": RANGES}))
    assert MaskRcnnDetector(path).detect([np.zeros((3, 64, 64), np.uint8)])
