"""Convolutions and the clamps that follow them -> one pass over memory each, for inference on a CPU."""

from typing import Any, Final

import torch
from torch import Tensor, nn

_NAME: Final = "_convolution_pointwise"
"""What torch's compiler makes of such a pair; oneDNN clamps each result before it leaves the registers."""


class ClampedConv(nn.Module):
    """Computes a convolution and the ReLU6 after it, to rounding; a third of the time where channels multiply.

    Parameters
    ----------
    conv : Conv2d
        With its normalisation folded in, padded by zeros.
    clamp : ReLU6
    """

    def __init__(self, conv: nn.Conv2d, clamp: nn.ReLU6) -> None:
        super().__init__()
        self.conv = conv
        self.bounds = [clamp.min_val, clamp.max_val]

    def forward(self, images: Tensor) -> Tensor:
        """Return the clamped results of float32 images (N, C, H, W)."""
        conv, op = self.conv, torch.ops.mkldnn._convolution_pointwise
        given = (images, conv.weight, conv.bias)
        form = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        out: Tensor = op(*given, *form, "hardtanh", self.bounds, "")
        return out


def fused_layers_run_here() -> bool:
    """Tell whether this torch has the layers."""
    ops: Any = torch.ops.mkldnn
    return torch.backends.mkldnn.is_available() and hasattr(ops, _NAME)


def fuse_clamps(module: nn.Module) -> None:
    """Put a `ClampedConv` in place of every convolution with a ReLU6 behind it, in place.

    Between the two there may be what `detection.engines.fold_norms` leaves of a normalisation.
    """
    for child in module.children():
        fuse_clamps(child)
    if not isinstance(module, nn.Sequential):
        return
    layers = [each for each in module if not isinstance(each, nn.Identity)]
    if len(layers) == 2 and isinstance(layers[0], nn.Conv2d) and isinstance(layers[1], nn.ReLU6):
        fused = ClampedConv(layers[0], layers[1])
        for name in [name for name, _ in module.named_children()]:
            delattr(module, name)
        module.append(fused)
