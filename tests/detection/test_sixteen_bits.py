"""Means taken off between blocks change nothing but what rounding costs, which becomes a good deal less."""

import copy

import pytest
import torch
from torch import nn

from detection.backbones import MobileNetFpn
from detection.engines import fold_norms
from detection.fused import FusedConv, fuse_convs, fused_layers_run_here
from detection.norms import FrozenNorm
from detection.sixteen_bits import EXACT_LAYERS, take_off_means, use_sixteen_bits


@pytest.fixture
def backbone() -> MobileNetFpn:
    """Return a backbone between whose blocks channels have large means, as those of a trained one."""
    torch.manual_seed(2)
    backbone = MobileNetFpn(16).eval()
    for module in backbone.modules():
        if isinstance(module, FrozenNorm):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.3)
    for layer in list(backbone.features)[1:]:
        norm = [each for each in layer.modules() if isinstance(each, FrozenNorm)][-1]
        norm.bias.normal_(std=6.0)
    fold_norms(backbone)
    return backbone


def pyramid(backbone: MobileNetFpn, image: torch.Tensor) -> list[torch.Tensor]:
    with torch.inference_mode():
        return [level.float() for level in backbone(image).values()]


def image() -> torch.Tensor:
    random = torch.Generator().manual_seed(3)
    return torch.randn(1, 3, 96, 160, generator=random).contiguous(memory_format=torch.channels_last)


def error(found: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    return max(float((one - other).norm() / other.norm()) for one, other in zip(found, expected, strict=True))


def test_means_go_and_the_pyramid_stays(backbone: MobileNetFpn) -> None:
    expected = pyramid(backbone, image())
    with torch.inference_mode():
        before = backbone.levels(image())
    take_off_means(backbone)
    with torch.inference_mode():
        after = backbone.levels(image())
    assert error(pyramid(backbone, image()), expected) < 1e-4
    for one, other in zip(before, after, strict=True):
        assert other.mean(dim=(0, 2, 3)).abs().mean() < 0.3 * one.mean(dim=(0, 2, 3)).abs().mean()
        assert torch.allclose(one.std(dim=(0, 2, 3)), other.std(dim=(0, 2, 3)), rtol=1e-3, atol=1e-4)


def test_means_are_the_same_whatever_the_threads(backbone: MobileNetFpn) -> None:
    threads = torch.get_num_threads()
    biases = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            other = copy.deepcopy(backbone)
            take_off_means(other)
            biases.append([each.bias for each in other.modules() if isinstance(each, nn.Conv2d)])
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(*biases, strict=True))


@pytest.mark.skipif(not fused_layers_run_here(), reason="this torch has no such layers")
def test_without_means_sixteen_bits_lose_less(backbone: MobileNetFpn) -> None:
    expected = pyramid(backbone, image())
    plain, quick = copy.deepcopy(backbone), copy.deepcopy(backbone)
    for layer in plain.features[:EXACT_LAYERS]:
        fuse_convs(layer)
    fuse_convs(plain.features, dtype=torch.bfloat16)
    fuse_convs(plain)
    use_sixteen_bits(quick)
    fuse_convs(quick)
    convs = [each.conv for each in quick.features.modules() if isinstance(each, FusedConv)]
    assert {each.weight.dtype for each in convs[:3]} == {torch.float32}
    assert {each.weight.dtype for each in convs[3:]} == {torch.bfloat16}
    lost = error(pyramid(quick, image()), expected)
    assert lost < 0.03
    assert lost < 0.6 * error(pyramid(plain, image()), expected)
