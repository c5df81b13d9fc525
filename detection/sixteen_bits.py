"""MobileNetV2 -> the same computed in bfloat16, in little more than half the time, on processors that have it.

Such a number keeps eight binary digits, and of 6.2 with the 0.2 that a roof adds to it few are left for the roof.
What blocks hand on is like that: their last layers have no clamp, and the mean of a channel may be thirty times
its spread. So each channel's mean is taken off where it is made and given back where it is used, which changes
nothing but what rounding costs: biases stay in 32 bits.
"""

import copy
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from detection.backbones import MobileNetFpn
from detection.fused import fuse_convs, fused_layers_run_here

EXACT_LAYERS: Final = 2
"""Of the network's first layers so many stay in 32 bits: they take a twentieth of its time, and half of what
bfloat16 costs came from them."""
MEANS_STEP: Final = 1 / 16
"""Means are rounded to this, so that they are the same whatever the order in which they are summed."""
_SIDE_PX: Final = 128


def sixteen_bits_run_here() -> bool:
    """Tell whether this processor multiplies bfloat16; others would spend longer on it than on 32 bits."""
    tell = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return fused_layers_run_here() and tell is not None and bool(tell())


def use_sixteen_bits(backbone: MobileNetFpn) -> None:
    """Have a backbone computed in bfloat16, in place: all but its first layers and the pyramid on it.

    Parameters
    ----------
    backbone : MobileNetFpn
        Its normalisations already folded into its convolutions.
    """
    take_off_means(backbone)
    for layer in backbone.features[:EXACT_LAYERS]:
        fuse_convs(layer)
    fuse_convs(backbone.features, dtype=torch.bfloat16)


def take_off_means(backbone: MobileNetFpn) -> None:
    """Move what a channel is in the mean from between a backbone's blocks into the biases around it, in place.

    Everything after a block is a convolution of 1 x 1, to which a constant is a part of its bias. The means are
    those of a smooth drawn picture: they hardly depend on it, and any would do.
    """
    means = _means(backbone)
    convs = {
        number: [each for each in layer.modules() if isinstance(each, nn.Conv2d)]
        for number, layer in enumerate(backbone.features)
    }
    taken: Tensor | None = None
    with torch.no_grad():
        # The first layer ends with a clamp, and the second begins with a convolution of 3 x 3, whose border is 0.
        for number, layer in list(enumerate(backbone.features))[1:]:
            own = means[number]
            if taken is not None:
                _give_back(convs[number][0], taken)
            last = convs[number][-1]
            _add_to_bias(last, taken - own if layer.use_res_connect and taken is not None else -own)
            if number in backbone.taps:
                lateral = backbone.fpn.inner_blocks[backbone.taps.index(number)]
                _give_back(next(each for each in lateral.modules() if isinstance(each, nn.Conv2d)), own)
            taken = own


def _means(backbone: MobileNetFpn) -> list[Tensor]:
    """Return the mean of each channel behind each layer, for a picture as the network is given them."""
    layers = copy.deepcopy(backbone.features).double()
    drawn = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = F.interpolate(drawn, size=_SIDE_PX, mode="bilinear")
    means = []
    with torch.no_grad():
        for layer in layers:
            values = layer(values)
            means.append((values.mean(dim=(0, 2, 3)) / MEANS_STEP).round() * MEANS_STEP)
    return means


def _give_back(conv: nn.Conv2d, means: Tensor) -> None:
    assert conv.kernel_size == (1, 1)
    _add_to_bias(conv, conv.weight.flatten(1).double() @ means)


def _add_to_bias(conv: nn.Conv2d, more: Tensor) -> None:
    bias = more if conv.bias is None else conv.bias.double() + more
    conv.bias = nn.Parameter(bias.to(conv.weight.dtype), requires_grad=False)
