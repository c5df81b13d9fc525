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
    dtype : torch.dtype, optional
        Of what it computes with and gives; None takes that of the convolution's weights. The bias stays as it is.
    """

    def __init__(
        self, conv: nn.Conv2d, clamp: nn.ReLU6 | None = None, *, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.conv = conv
        if dtype is not None:
            conv.weight.data = conv.weight.data.to(dtype)
        self.after: tuple[str, list[float]] = (
            ("none", []) if clamp is None else ("hardtanh", [clamp.min_val, clamp.max_val])
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the results of images (N, C, H, W) of any floating type, in the layer's own."""
        conv, op = self.conv, torch.ops.mkldnn._convolution_pointwise
        given = (images.to(conv.weight.dtype), conv.weight, conv.bias)
        form = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        out: Tensor = op(*given, *form, *self.after, "")
        return out


def fused_layers_run_here() -> bool:
    """Tell whether this torch has the layers."""
    ops: Any = torch.ops.mkldnn
    return torch.backends.mkldnn.is_available() and hasattr(ops, _NAME)


def fuse_convs(module: nn.Module, *, dtype: torch.dtype | None = None) -> None:
    """Put a `FusedConv` in place of every convolution of a network, and of the ReLU6 behind it, in place.

    Between the two there may be what `detection.engines.fold_norms` leaves of a normalisation.

    Parameters
    ----------
    module : Module
    dtype : torch.dtype, optional
        As of `FusedConv`.
    """
    if isinstance(module, nn.Sequential):
        layers = [each for each in module if not isinstance(each, nn.Identity)]
        if len(layers) == 2 and isinstance(layers[0], nn.Conv2d) and isinstance(layers[1], nn.ReLU6):
            fused = FusedConv(layers[0], layers[1], dtype=dtype)
            for name in [name for name, _ in module.named_children()]:
                delattr(module, name)
            module.append(fused)
            return
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d) and child.padding_mode == "zeros":
            setattr(module, name, FusedConv(child, dtype=dtype))
        elif not isinstance(child, FusedConv):
            fuse_convs(child, dtype=dtype)
