"""Large layers of a network -> the same with their products in eight bits, several times as fast on a CPU.

Those of masks and boxes, of the feature pyramid and of proposals: in the backbone before them eight bits cost
four to eight points of AP, here none (docs/engines.md).
"""

import platform
from collections.abc import Sequence
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

Range = tuple[float, float]
"""Least and greatest value that reaches a layer."""

LEVELS: Final = 255
"""Steps of a value: unsigned bytes."""
WEIGHT_LEVELS: Final = 63
"""Steps of a weight to either side: a processor without VNNI adds two products, 2 x 255 x 63, in 16 bits."""
BAND: Final = 2**17
"""Values that become bytes at once: they stay in a core's own cache until they are."""

_OPS: Any = torch.ops.onednn
"""torch's quantised layers are on their way out of it; these are what its compiler makes of quantised networks."""
_NAMES: Final = ("qconv_prepack", "qconv2d_pointwise", "qlinear_prepack", "qlinear_pointwise")


class EightBitConvs(nn.Module):
    """Computes what some convolutions one after the other do, with a ReLU after each, nearly.

    Sums of products of bytes are exact, so the result depends neither on threads nor on what else is in a batch.

    Parameters
    ----------
    convs : sequence of Conv2d
        3 x 3 of stride 1; normalisations already folded into them.
    ranges : sequence of (float, float)
        What reaches each of them.
    last_relu : bool
        Whether there is a ReLU after the last one.
    """

    def __init__(self, convs: Sequence[nn.Conv2d], ranges: Sequence[Range], *, last_relu: bool = True) -> None:
        super().__init__()
        assert len(convs) == len(ranges) > 0
        self.steps = [_steps(each) for each in ranges]
        self.layers = [
            _Layer(conv.weight, conv.bias, at, conv=True) for conv, at in zip(convs, self.steps, strict=True)
        ]
        self.last_relu = last_relu

    def forward(self, images: Tensor) -> Tensor:
        """Return float32 results of float32 images (N, C, H, W), channels last."""
        values = _bytes(images, self.steps[0])
        for layer, after in zip(self.layers, self.steps[1:], strict=False):
            values = layer.conv(values, after)
        return self.layers[-1].conv(values, None, relu=self.last_relu)


class EightBitMaskHead(nn.Module):
    """Computes what the convolutions of a mask head and the doubling layer after them do, as `EightBitConvs` do.

    Parameters
    ----------
    head : Module
        3 x 3 convolutions of stride 1, each with a ReLU after it; normalisations already folded into them.
    doubling : ConvTranspose2d
        2 x 2 windows that do not overlap; a ReLU follows it.
    ranges : sequence of (float, float)
        What reaches each convolution and then the doubling layer; see `measure_ranges`.
    """

    def __init__(self, head: nn.Module, doubling: nn.ConvTranspose2d, ranges: Sequence[Range]) -> None:
        super().__init__()
        convs = convolutions(head)
        assert len(ranges) == len(convs) + 1 and doubling.bias is not None
        self.steps = [_steps(each) for each in ranges]
        self.layers = [
            _Layer(conv.weight, conv.bias, at, conv=True) for conv, at in zip(convs, self.steps, strict=False)
        ]
        weight = doubling.weight.permute(2, 3, 1, 0).flatten(0, 2)
        self.last = _Layer(weight, doubling.bias.repeat(4), self.steps[-1], conv=False)

    def forward(self, regions: Tensor) -> Tensor:
        """Return the doubled features of float regions (N, C, H, W).

        Returns
        -------
        Tensor of shape (N, H, W, 4 * channels), dtype float32
            Each pixel's 2 x 2 together.
        """
        values = _bytes(regions, self.steps[0])
        for layer, after in zip(self.layers, self.steps[1:], strict=True):
            values = layer.conv(values, after)
        return self.last.linear(values.permute(0, 2, 3, 1))


class EightBitBoxHead(nn.Module):
    """Computes what the two fully connected layers of a box head do, each with a ReLU after it, nearly.

    Parameters
    ----------
    layers : sequence of Linear
    ranges : sequence of (float, float)
        What reaches each of them.
    """

    def __init__(self, layers: Sequence[nn.Linear], ranges: Sequence[Range]) -> None:
        super().__init__()
        assert len(layers) == len(ranges) > 0
        self.steps = [_steps(each) for each in ranges]
        self.layers = [
            _Layer(each.weight, each.bias, at, conv=False) for each, at in zip(layers, self.steps, strict=True)
        ]

    def forward(self, regions: Tensor) -> Tensor:
        """Return float32 features (N, K) of float32 regions (N, ...), whose values come in the layers' order."""
        values = _bytes(regions.flatten(1), self.steps[0])
        for layer, after in zip(self.layers, self.steps[1:], strict=False):
            values = layer.linear(values, after)
        return self.layers[-1].linear(values)


class _Layer:
    """Weights in eight bits, packed as oneDNN wants them; each output channel has its own step."""

    def __init__(self, weight: Tensor, bias: Tensor | None, steps: tuple[float, int], *, conv: bool) -> None:
        weight = weight.detach().float()
        self.step, self.zero = steps
        self.bias = None if bias is None else bias.detach().float()
        self.weight_steps = weight.abs().flatten(1).amax(dim=1).clamp(min=1e-12) / WEIGHT_LEVELS
        self.zeros = torch.zeros(len(weight), dtype=torch.long)
        shape = (-1,) + (1,) * (weight.ndim - 1)
        whole = (weight / self.weight_steps.view(shape)).round().to(torch.int8)
        if conv:
            self.packed = _OPS.qconv_prepack(
                whole, self.weight_steps, self.step, self.zero, [1, 1], [1, 1], [1, 1], 1, None
            )
        else:
            self.packed = _OPS.qlinear_prepack(whole, None)

    def conv(self, values: Tensor, after: tuple[float, int] | None, *, relu: bool = True) -> Tensor:
        """Return bytes in the steps of the layer after this, or floats where none is."""
        given = (values, self.step, self.zero, self.packed, self.weight_steps, self.zeros, self.bias)
        out: Tensor = _OPS.qconv2d_pointwise(
            *given, [1, 1], [1, 1], [1, 1], 1, *_kind(after), "relu" if relu else "none", [], ""
        )
        return out

    def linear(self, values: Tensor, after: tuple[float, int] | None = None) -> Tensor:
        """Return the same of a fully connected layer."""
        given = (values, self.step, self.zero, self.packed, self.weight_steps, self.zeros, self.bias)
        out: Tensor = _OPS.qlinear_pointwise(*given, *_kind(after), "relu", [], "")
        return out


def _kind(after: tuple[float, int] | None) -> tuple[float, int, torch.dtype]:
    """Return the steps and the type of a layer's results."""
    return (1.0, 0, torch.float32) if after is None else (*after, torch.uint8)


def eight_bits_run_here() -> bool:
    """Tell whether this processor and this torch have the layers."""
    return (
        platform.machine() in ("x86_64", "AMD64")
        and torch.backends.mkldnn.is_available()
        and all(hasattr(_OPS, name) for name in _NAMES)
    )


def convolutions(head: nn.Module) -> list[nn.Conv2d]:
    """Return the convolutions of a part of a network in their order."""
    return [each for each in head.modules() if isinstance(each, nn.Conv2d)]


def measure_ranges(head: nn.Module, batches: Sequence[Tensor]) -> tuple[Range, ...]:
    """Return the ranges of what reaches each layer of an `EightBitMaskHead`.

    Parameters
    ----------
    head : Module
        As for `EightBitMaskHead`.
    batches : sequence of Tensor of shape (N, C, H, W), dtype float32
        Regions with objects, such as the head is given; none of them empty.

    Returns
    -------
    tuple of (float, float)
        Means over the batches of each one's extremes: one odd region does not coarsen all others.
    """
    found: list[list[Range]] = []
    for values in batches:
        own = [(min(0.0, float(values.min())), float(values.max()))]
        for conv in convolutions(head):
            values = F.relu(conv(values))
            own.append((0.0, float(values.max())))
        found.append(own)
    return tuple(mean_range(layer) for layer in zip(*found, strict=True))


def mean_range(found: Sequence[Range]) -> Range:
    """Return the mean of a layer's ranges in several batches, at least one."""
    return sum(low for low, _ in found) / len(found), sum(high for _, high in found) / len(found)


def _bytes(values: Tensor, steps: tuple[float, int]) -> Tensor:
    """Return floats in steps, as bytes; images (N, C, H, W) channels last."""
    step, zero = steps
    images = values.ndim == 4
    flat = (values.permute(0, 2, 3, 1) if images else values).reshape(-1)
    out = torch.empty(flat.shape, dtype=torch.uint8)
    # To whole numbers torch cuts what is behind the point: a half more rounds to the nearest. Straight to bytes it
    # goes one by one, and takes three times as long.
    zero_and_half = torch.tensor(zero + 0.5)
    floats, whole = torch.empty(BAND), torch.empty(BAND, dtype=torch.int16)
    for some, to in zip(flat.split(BAND), out.split(BAND), strict=True):
        own = torch.add(zero_and_half, some, alpha=1 / step, out=floats[: len(some)])
        to.copy_(whole[: len(some)].copy_(own.clamp_(0, LEVELS)))
    if not images:
        return out.view(values.shape)
    count, channels, height, width = values.shape
    return out.view(count, height, width, channels).permute(0, 3, 1, 2)


def _steps(given: Range) -> tuple[float, int]:
    """Return the size of a step, and which of them stands for 0: padding must be exact."""
    low, high = min(given[0], 0.0), max(given[1], 0.0)
    step = max(high - low, 1e-6) / LEVELS
    return step, round(-low / step)
