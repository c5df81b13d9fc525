"""Convolutions, and those with a clamp after them, give what torch gives of them, in every backbone."""

import copy

import pytest
import torch
from torch import nn

from detection.engines import fold_norms
from detection.fused import FusedConv, fuse_convs, fused_layers_run_here
from detection.model import ModelSpec, build_model
from detection.norms import FrozenNorm

pytestmark = pytest.mark.skipif(not fused_layers_run_here(), reason="this torch has no such layers")


@pytest.mark.parametrize("groups", [1, 12])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_clamped_convolution_is_the_two(kernel: int, stride: int, groups: int) -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(12, 24, kernel, stride=stride, padding=kernel // 2, groups=groups)
    images = 9 * torch.randn(2, 12, 31, 18).contiguous(memory_format=torch.channels_last)
    clamp = nn.ReLU6()
    with torch.inference_mode():
        expected, found = clamp(conv(images)), FusedConv(conv, clamp)(images)
        assert torch.allclose(FusedConv(conv)(images), conv(images), atol=1e-4)
    assert found.shape == expected.shape and torch.allclose(found, expected, atol=1e-4)
    assert float(found.min()) == 0.0 and float(found.max()) == 6.0


@pytest.mark.parametrize(("backbone", "fused"), [("mobilenet_v2", 34), ("resnet50", 0)])
def test_a_backbones_convolutions_go_and_its_levels_stay(backbone: str, fused: int) -> None:
    torch.manual_seed(2)
    model = build_model(ModelSpec(backbone=backbone, fpn_channels=16)).backbone.eval()
    for module in model.modules():
        if isinstance(module, FrozenNorm):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.3)
    fold_norms(model)
    quick = copy.deepcopy(model)
    fuse_convs(quick)
    layers = [each for each in quick.modules() if isinstance(each, FusedConv)]
    assert sum(each.after[0] == "hardtanh" for each in layers) == fused
    assert len(layers) == sum(isinstance(each, nn.Conv2d) for each in model.modules())
    assert not any(isinstance(each, nn.ReLU6) for each in quick.modules())
    image = torch.rand(1, 3, 64, 96).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for one, other in zip(model(image).values(), quick(image).values(), strict=True):
            assert torch.allclose(one, other, atol=1e-5 * float(one.abs().max()))


def test_other_pairs_keep_what_follows_the_convolution() -> None:
    pairs = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 3, 1), FrozenNorm(3), nn.ReLU6()),
        nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU6(), nn.Conv2d(3, 3, 1)),
    )
    images = 9 * torch.randn(1, 3, 8, 8)
    with torch.inference_mode():
        expected = pairs.eval()(images)
        fuse_convs(pairs)
        assert torch.allclose(pairs(images), expected, atol=1e-4)
    layers = [each for each in pairs.modules() if isinstance(each, FusedConv)]
    assert len(layers) == 4 and all(each.after == ("none", []) for each in layers)
    assert sum(isinstance(each, nn.ReLU6 | nn.ReLU | FrozenNorm) for each in pairs.modules()) == 4
