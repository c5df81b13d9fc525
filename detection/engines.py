"""A trained network -> the same network with less work: what it computes stays equal to rounding."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from detection.align import FlatPyramid, RegionAlign
from detection.backbones import MobileNetFpn
from detection.cascade import look_again
from detection.eight_bits import (
    EightBitBoxHead,
    EightBitConvs,
    EightBitMaskHead,
    Range,
    convolutions,
    eight_bits_run_here,
)
from detection.fused import FusedConv, fuse_convs, fused_layers_run_here
from detection.norms import FrozenNorm
from detection.proposals import propose
from detection.sixteen_bits import sixteen_bits_run_here, use_sixteen_bits
from detection.winograd import use_winograd

MASKS_AT_ONCE = {"cpu": 16, "cuda": 1024}
"""Masks per pass through the mask head: of more of them a CPU's cache no longer holds what the layers hand on."""

LIMITS_PER_PX = 512 * 512
"""`InferenceLimits` hold for so many pixels: a tile of twice the side has room for four times as many, or its few
sports grounds would compete with a square kilometre of houses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the box head found in one image, best score first."""

    boxes: Tensor
    """(N, 4) x1, y1, x2, y2 in pixels."""
    scores: Tensor
    """(N,), 0..1."""
    labels: Tensor
    """(N,) numbers of the network's outputs, from 1."""


def arithmetic(device: torch.device, *, ranges: Mapping[str, Sequence[Range]] | None, backbone: str) -> str:
    """Return how an `Engine` computes on a device of this machine; others find other scores, boxes and masks.

    Parameters
    ----------
    device, ranges
        As of `Engine`.
    backbone : str
        As of `ModelSpec`.

    Returns
    -------
    str
        Device and bits: "cpu-8bit" where its large layers run in eight bits, "cpu-32bit", "cuda-16bit"; with
        "-bfloat16" where the backbone does so in sixteen, "-plain" on a CPU whose torch lacks oneDNN's fused
        layers.
    """
    if device.type != "cpu":
        return f"{device.type}-16bit"
    bits = 8 if ranges and eight_bits_run_here() else 32
    halves = bits == 8 and sixteen_bits_run_here() and backbone == "mobilenet_v2"
    return f"cpu-{bits}bit" + ("-bfloat16" if halves else "") + ("" if fused_layers_run_here() else "-plain")


class Engine(nn.Module):
    """Mask R-CNN in two steps, so that only the boxes that someone wants get masks.

    Frozen normalisations are folded into their convolutions, only the best anchors are decoded, and of the masks
    of all labels only that of the box's own label is computed. On a CPU, regions are aligned by `RegionAlign`,
    the backbone's convolutions and their clamps are oneDNN's, and where the ranges of what reaches the large
    layers behind it are known, these are computed in eight bits and the backbone in bfloat16 if the processor has
    it; else convolutions by `WinogradConv`.

    Parameters
    ----------
    model : GeneralizedRCNN
        With loaded weights; it is changed and must not be used on its own afterwards.
    device : torch.device
    ranges : mapping, optional
        Part -> ranges of what reaches its layers, as `WeightsRecord.ranges`; without, it is computed in 32 bits.
    """

    def __init__(
        self, model: GeneralizedRCNN, device: torch.device, *, ranges: Mapping[str, Sequence[Range]] | None = None
    ) -> None:
        super().__init__()
        fold_norms(model)
        self.eight_bits: EightBitMaskHead | None = None
        if device.type != "cpu" or not eight_bits_run_here():
            ranges = None
        if ranges:
            self._use_eight_bits(model, ranges)
        if device.type == "cpu":
            RegionAlign.replace_in(model.roi_heads)
            use_winograd(model.backbone)
            use_winograd(model.rpn.head)
            if ranges and sixteen_bits_run_here() and isinstance(model.backbone, MobileNetFpn):
                use_sixteen_bits(model.backbone)
            if fused_layers_run_here():
                fuse_convs(model.backbone)
                model.rpn.head.cls_logits = FusedConv(model.rpn.head.cls_logits)
        box_head = model.roi_heads.box_head
        self.channels_last = isinstance(box_head, TwoMLPHead)
        if isinstance(box_head, TwoMLPHead):
            _take_channels_last(box_head, channels=model.backbone.out_channels)
            if ranges and "boxes" in ranges:
                model.roi_heads.box_head = EightBitBoxHead((box_head.fc6, box_head.fc7), ranges["boxes"])
        second = model.roi_heads.second
        if second is not None:
            head = second.box_head
            _take_channels_last(head, channels=2 * model.backbone.out_channels)
            if ranges and "second" in ranges:
                second.box_head = EightBitBoxHead((head.fc6, head.fc7), ranges["second"])
        self.detections = model.roi_heads.detections_per_img
        self.model = model.to(device, memory_format=torch.channels_last).eval()
        self.masks_at_once = MASKS_AT_ONCE[device.type]
        self.autocast = torch.autocast(device.type, dtype=torch.float16, enabled=device.type == "cuda")

    def _use_eight_bits(self, model: GeneralizedRCNN, ranges: Mapping[str, Sequence[Range]]) -> None:
        heads, blocks, head = model.roi_heads, model.backbone.fpn.layer_blocks, model.rpn.head
        if "masks" in ranges:
            self.eight_bits = EightBitMaskHead(heads.mask_head, heads.mask_predictor.conv5_mask, ranges["masks"])
        for number, own in enumerate(ranges.get("pyramid", ())):
            blocks[number] = EightBitConvs(convolutions(blocks[number]), [own], last_relu=False)
        if "proposals" in ranges:
            head.conv = EightBitConvs(convolutions(head.conv), ranges["proposals"])

    def find(self, images: Tensor) -> tuple[dict[str, Tensor], list[Found]]:
        """Return the features that `masks` needs, and the boxes of each image.

        Parameters
        ----------
        images : Tensor of shape (B, 3, H, W), dtype float32
            RGB in 0..1.
        """
        model, heads = self.model, self.model.roi_heads
        batch, _ = model.transform(list(images))
        times = max(1, round(batch.tensors.shape[2] * batch.tensors.shape[3] / LIMITS_PER_PX))
        heads.detections_per_img = self.detections * times
        with self.autocast:
            pyramid = FlatPyramid(model.backbone(batch.tensors.contiguous(memory_format=torch.channels_last)))
            proposals = propose(model.rpn, batch, pyramid, times=times)
            regions = heads.box_roi_pool(pyramid, proposals, batch.image_sizes)
            if self.channels_last:
                regions = _last(regions)
            logits, changes = heads.box_predictor(heads.box_head(regions))
            if heads.second is not None:
                proposals, logits, changes = look_again(
                    heads, pyramid, proposals, logits.float(), changes.float(), batch.image_sizes, arrange=_last
                )
        # Half precision has steps of a quarter of a pixel at the far end of a tile of 512.
        logits, changes = logits.float(), changes.float()
        boxes, scores, labels = heads.postprocess_detections(logits, changes, proposals, batch.image_sizes)
        return pyramid, [
            Found(boxes=box, scores=score, labels=label)
            for box, score, label in zip(boxes, scores, labels, strict=True)
        ]

    def masks(self, pyramid: dict[str, Tensor], found: Sequence[Found]) -> list[Tensor]:
        """Return the masks of each image's boxes, shape (N, 28, 28), 0..1.

        Parameters
        ----------
        pyramid : dict
            From `find`.
        found : sequence of Found
            One per image: those boxes of `find` that are wanted.
        """
        counts = [len(each.boxes) for each in found]
        if not sum(counts):
            return [torch.zeros(0, 28, 28) for _ in counts]
        labels = torch.cat([each.labels for each in found])
        with self.autocast:
            regions = self.mask_regions(pyramid, found)
            parts = [
                own_masks(self.model.roi_heads.mask_predictor, self.doubled(some), own)
                for some, own in zip(
                    regions.split(self.masks_at_once), labels.split(self.masks_at_once), strict=True
                )
            ]
        return list(torch.cat(parts).split(counts))

    def mask_regions(self, pyramid: dict[str, Tensor], found: Sequence[Found]) -> Tensor:
        """Return what the mask head is given of the boxes: (N, C, 14, 14)."""
        height, width = next(iter(pyramid.values())).shape[2:]
        size = (height * 4, width * 4)
        regions: Tensor = self.model.roi_heads.mask_roi_pool(
            pyramid, [each.boxes for each in found], [size] * len(found)
        )
        return regions

    def doubled(self, regions: Tensor) -> Tensor:
        """Return what the mask head and the doubling layer make of regions: see `doubled_features`."""
        heads = self.model.roi_heads
        if self.eight_bits is not None:
            return self.eight_bits(regions)
        return doubled_features(heads.mask_predictor, heads.mask_head(regions))


def eight_bit_layers(model: GeneralizedRCNN) -> dict[str, int]:
    """Return how many layers each part has that can be computed in eight bits."""
    heads = model.roi_heads
    return {
        "masks": len(convolutions(heads.mask_head)) + 1,
        "pyramid": len(model.backbone.fpn.layer_blocks),
        "proposals": len(convolutions(model.rpn.head.conv)),
        "boxes": 2 if isinstance(heads.box_head, TwoMLPHead) else 0,
        "second": 2 if heads.second is not None else 0,
    }


def doubled_features(predictor: nn.Sequential, features: Tensor) -> Tensor:
    """Return the predictor's doubled features (N, H, W, 4 C): its windows do not overlap, so it is one product."""
    doubling = predictor.conv5_mask
    assert isinstance(doubling, nn.ConvTranspose2d) and doubling.bias is not None
    weight = doubling.weight.permute(2, 3, 1, 0).flatten(0, 2)
    return F.linear(features.permute(0, 2, 3, 1), weight, doubling.bias.repeat(4)).relu_()


def own_masks(predictor: nn.Sequential, inner: Tensor, labels: Tensor) -> Tensor:
    """Return the mask of each region's own label; the predictor's last layer is a product per pixel and label."""
    last = predictor.mask_fcn_logits
    assert isinstance(last, nn.Conv2d) and last.bias is not None
    count, height, width, _ = inner.shape
    # One product for each label that occurs, mostly one or two: a product per region is a third slower.
    occurring, at = labels.unique(return_inverse=True)
    own = last.weight[occurring, :, 0, 0]
    logits = F.linear(inner.view(count, height * width * 4, -1), own.to(inner), last.bias[occurring].to(inner))
    logits = logits.gather(2, at[:, None, None].expand(-1, height * width * 4, 1))
    logits = logits.view(count, height, width, 2, 2).permute(0, 1, 3, 2, 4)
    return logits.reshape(count, 2 * height, 2 * width).float().sigmoid()


def _take_channels_last(head: TwoMLPHead, *, channels: int) -> None:
    """Sort the weights of a box head by its regions' order in memory, so that regions need not be copied."""
    weight = head.fc6.weight.detach().unflatten(1, (channels, -1))
    head.fc6.weight = nn.Parameter(weight.transpose(1, 2).flatten(1).contiguous(), requires_grad=False)


def _last(regions: Tensor) -> Tensor:
    """Put the channels of regions (N, C, 7, 7) last."""
    return regions.permute(0, 2, 3, 1)


def fold_norms(module: nn.Module) -> None:
    """Put every frozen normalisation that follows a convolution into its weights, in place.

    The two are linear, so the result is that of the pair to rounding; the normalisation becomes an identity.
    Counts on what holds for all of `backbones`: a normalisation is registered directly after the convolution it
    follows.
    """
    children = list(module.named_children())
    for (_, one), (name, other) in itertools.pairwise(children):
        if isinstance(one, nn.Conv2d) and isinstance(other, FrozenNorm):
            _fold(one, other)
            setattr(module, name, nn.Identity())
    for _, child in children:
        fold_norms(child)


def _fold(conv: nn.Conv2d, norm: FrozenNorm) -> None:
    scale = norm.weight.double() * (norm.running_var.double() + norm.eps).rsqrt()
    shift = norm.bias.double() - norm.running_mean.double() * scale
    if conv.bias is not None:
        shift = shift + conv.bias.detach().double() * scale
    weight = conv.weight.detach().double() * scale[:, None, None, None]
    conv.weight = nn.Parameter(weight.float(), requires_grad=False)
    conv.bias = nn.Parameter(shift.float(), requires_grad=False)
