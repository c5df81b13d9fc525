"""Convolutions, and the clamps that follow them -> oneDNN's, one pass over memory each, for inference on a CPU.

torch hands convolutions of 1 x 1 to oneDNN only where it has several threads or images; workers have one of each.
"""

from typing import Any, Final

import torch
from torch import Tensor, nn

_NAME: Final = "_convolution_pointwise"
"""What torch's compiler makes of such a pair; oneDNN clamps each result before it leaves the registers."""


class FusedConv(nn.Module):
    """Computes a convolution, and the ReLU6 after it where there is one, to rounding, up to three times as fast.

    Parameters
    ----------
    conv : Conv2d
        With its normalisation folded in, padded by zeros.
    clamp : ReLU6, optional
    """

    def __init__(self, conv: nn.Conv2d, clamp: nn.ReLU6 | None = None) -> None:
        super().__init__()
        self.conv = conv
        self.after: tuple[str, list[float]] = (
            ("none", []) if clamp is None else ("hardtanh", [clamp.min_val, clamp.max_val])
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the results of float32 images (N, C, H, W)."""
        conv, op = self.conv, torch.ops.mkldnn._convolution_pointwise
        given = (images, conv.weight, conv.bias)
        form = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        out: Tensor = op(*given, *form, *self.after, "")
        return out


def fused_layers_run_here() -> bool:
    """Tell whether this torch has the layers."""
    ops: Any = torch.ops.mkldnn
    return torch.backends.mkldnn.is_available() and hasattr(ops, _NAME)


def fuse_convs(module: nn.Module) -> None:
    """Put a `FusedConv` in place of every convolution of a network, and of the ReLU6 behind it, in place.

    Between the two there may be what `detection.engines.fold_norms` leaves of a normalisation.
    """
    if isinstance(module, nn.Sequential):
        layers = [each for each in module if not isinstance(each, nn.Identity)]
        if len(layers) == 2 and isinstance(layers[0], nn.Conv2d) and isinstance(layers[1], nn.ReLU6):
            fused = FusedConv(layers[0], layers[1])
            for name in [name for name, _ in module.named_children()]:
                delattr(module, name)
            module.append(fused)
            return
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d) and child.padding_mode == "zeros":
            setattr(module, name, FusedConv(child))
        elif not isinstance(child, FusedConv):
            fuse_convs(child)
