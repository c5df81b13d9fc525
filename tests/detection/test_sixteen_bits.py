"""A backbone in bfloat16 gives nearly the pyramid that it gives in 32 bits, most nearly from its first layers."""

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

import detection.sixteen_bits
from detection.backbones import MobileNetFpn
from detection.engines import fold_norms
from detection.fused import FusedConv, fuse_convs
from detection.model import build_model
from detection.sixteen_bits import sixteen_bits_run_here, use_sixteen_bits
from detection.weights import DEFAULT_WEIGHTS, load_into, read_weights

pytestmark = [
    pytest.mark.skipif(not sixteen_bits_run_here(), reason="this processor has no bfloat16"),
    pytest.mark.skipif(not DEFAULT_WEIGHTS.is_file(), reason="no shipped weights here"),
]


@pytest.fixture
def backbone() -> MobileNetFpn:
    """Return the shipped one."""
    weights = read_weights(DEFAULT_WEIGHTS)
    model = build_model(weights.spec)
    load_into(model, weights)
    fold_norms(model.eval())
    assert isinstance(model.backbone, MobileNetFpn)
    return model.backbone


def lost(backbone: MobileNetFpn) -> float:
    """Return by what share the pyramid's levels change at most when a copy of it uses sixteen bits."""
    drawn = torch.randn(1, 3, 12, 20, generator=torch.Generator().manual_seed(3))
    image = F.interpolate(drawn, scale_factor=8, mode="bilinear").contiguous(memory_format=torch.channels_last)
    quick = copy.deepcopy(backbone)
    use_sixteen_bits(quick)
    fuse_convs(quick)
    with torch.inference_mode():
        levels = zip(quick(image).values(), backbone(image).values(), strict=True)
        return max(float((one.float() - other).norm() / other.norm()) for one, other in levels)


def test_the_pyramid_stays_nearly_as_it_was(backbone: MobileNetFpn, monkeypatch: pytest.MonkeyPatch) -> None:
    exact_first = lost(backbone)
    monkeypatch.setattr(detection.sixteen_bits, "EXACT_LAYERS", 0)
    assert exact_first < 0.015 and 2 * exact_first < lost(backbone)


def test_weights_go_to_sixteen_bits_behind_the_first_layers_and_biases_stay(backbone: MobileNetFpn) -> None:
    use_sixteen_bits(backbone)
    layers = [
        (number, each.conv)
        for number, layer in enumerate(backbone.features)
        for each in layer.modules()
        if isinstance(each, FusedConv)
    ]
    assert len(layers) == 1 + 2 + 16 * 3
    for number, conv in layers:
        assert conv.weight.dtype == (torch.float32 if number < 3 else torch.bfloat16)
        assert conv.bias is not None and conv.bias.dtype == torch.float32
