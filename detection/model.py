"""A `ModelSpec` -> Mask R-CNN: a backbone with its feature pyramid, slim or large heads, for tiles of any size."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import Tensor
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import initLevelMapper

from detection.backbones import BACKBONES
from detection.cascade import CascadeRoIHeads, SecondHead
from detection.norms import FrozenNorm
from groundplan.errors import WeightsError
from groundplan.nearest import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Everything that decides the network's form; stored with the weights."""

    backbone: str = "mobilenet_v2"
    """Feature extractor: one of `detection.backbones.BACKBONES`."""
    heads: Literal["slim", "large"] = "slim"
    """"large" has the heads and the pyramid of torchvision's ``maskrcnn_resnet50_fpn_v2``, whose COCO weights fit
    with ``fpn_channels = 256``, ``box_channels = 1024``, ``mask_convs = 4``."""
    n_labels: int = 7
    """Labels without background."""
    fpn_channels: int = 128
    box_channels: int = 256
    """Width of the two fully connected layers of the box head."""
    cascade: bool = False
    """A second box head looks at what the first one found, and at its surroundings (`detection.cascade`)."""
    mask_convs: int = 2
    """3 x 3 convolutions before the mask is doubled to 28 x 28."""
    anchor_sizes_px: tuple[int, ...] = (16, 32, 64, 128, 256)
    """One square-root-area per pyramid level, strides 4, 8, 16, 32, 64."""
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Height over width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceLimits:
    """How much the heads may do per tile; none of it is stored with the weights."""

    pre_nms_per_level: int = 1000
    proposals: int = 600
    """Boxes that reach the box head. A dense town shows 180 houses in a 512 px tile: 200 boxes lose a fifth of
    the AP50 that 600 reach."""
    detections: int = 400
    """Instances kept per tile."""
    min_score: float = 0.05
    """Below this a box gets no mask."""
    nms_iou: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingLimits:
    """How many examples an image gives to each loss; none of it is stored with the weights."""

    anchors: int = 128
    """Anchors per image in the proposals' losses."""
    regions: int = 64
    """Regions per image in the heads' losses: half of torchvision's time per step on a CPU is spent on them."""
    positive_share: float = 0.3
    """Of the regions, at most this share on objects; each of these costs a mask."""


class TileTransform(GeneralizedRCNNTransform):
    """Normalises and batches tiles as they are.

    torchvision's own transform resizes to ``min_size`` at inference and pastes every mask to the full image;
    objects then depend on the tile's size, and 100 instances of a 1024 px tile take 400 MB.
    """

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, Any]:
        """Return image and target as they are: the tile already has the model's resolution."""
        return image, target

    def postprocess(self, result: Any, image_shapes: Any, original_image_sizes: Any) -> Any:
        """Return boxes in tile pixels and masks as (N, 1, 28, 28) grids, which is what they are already."""
        return result


MOST: Final = {"n_labels": 1000, "fpn_channels": 1024, "box_channels": 4096, "mask_convs": 16}
"""Largest values of a `ModelSpec`: a stranger's weights must not take all memory before they are refused."""


def build_model(
    spec: ModelSpec,
    *,
    limits: InferenceLimits | None = None,
    training: TrainingLimits | None = None,
    rpn_class: type[RegionProposalNetwork] = RegionProposalNetwork,
    roi_heads_class: type[CascadeRoIHeads] = CascadeRoIHeads,
) -> GeneralizedRCNN:
    """Return the network with random weights, in training mode.

    Parameters
    ----------
    spec : ModelSpec
        Form of the network.
    limits : InferenceLimits, optional
        Work limits at inference.
    training : TrainingLimits, optional
        Work limits in training.
    rpn_class, roi_heads_class : type
        Classes of the heads, or children of them that compute losses differently.

    Raises
    ------
    WeightsError
        The backbone is not known, or a size is beyond reason.

    References
    ----------
    He et al. 2017, https://doi.org/10.1109/ICCV.2017.322; Lin et al. 2017,
    https://doi.org/10.1109/CVPR.2017.106; Sandler et al. 2018, https://doi.org/10.1109/CVPR.2018.00474.
    """
    limits, training = limits or InferenceLimits(), training or TrainingLimits()
    if spec.backbone not in BACKBONES:
        raise WeightsError(
            f"backbone {spec.backbone!r} is not known{did_you_mean(spec.backbone, BACKBONES)}; "
            f"choose one of {', '.join(BACKBONES)}"
        )
    for name, most in MOST.items():
        value = getattr(spec, name)
        if not 1 <= value <= most:
            raise WeightsError(f"{name} = {value}; a network of ours has 1 to {most}: take other weights")
    if not 1 <= len(spec.anchor_sizes_px) <= 5 or not 1 <= len(spec.anchor_ratios) <= 9:
        raise WeightsError(
            f"{len(spec.anchor_sizes_px)} anchor sizes and {len(spec.anchor_ratios)} ratios; the pyramid has 5 "
            "levels, each for one size of up to 9 ratios: take other weights"
        )
    large = spec.heads == "large"
    # Frozen: batches of four crops are too small to measure a mean, and training then sees what inference sees.
    norm = FrozenNorm if large else None
    backbone = BACKBONES[spec.backbone].build(spec.fpn_channels, norm)
    channels, classes = spec.fpn_channels, spec.n_labels + 1
    levels = len(spec.anchor_sizes_px)
    anchors = AnchorGenerator(tuple((size,) for size in spec.anchor_sizes_px), (spec.anchor_ratios,) * levels)
    rpn = rpn_class(
        anchors,
        RPNHead(channels, anchors.num_anchors_per_location()[0], conv_depth=2 if large else 1),
        fg_iou_thresh=0.7,
        bg_iou_thresh=0.3,
        batch_size_per_image=training.anchors,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 800, "testing": limits.pre_nms_per_level},
        post_nms_top_n={"training": 500, "testing": limits.proposals},
        nms_thresh=0.7,
    )
    roi_heads = roi_heads_class(
        box_roi_pool=_region_pool(7),
        box_head=FastRCNNConvFCHead((channels, 7, 7), [channels] * 4, [spec.box_channels], norm_layer=norm)
        if large
        else TwoMLPHead(channels * 49, spec.box_channels),
        box_predictor=FastRCNNPredictor(spec.box_channels, classes),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=training.regions,
        positive_fraction=training.positive_share,
        bbox_reg_weights=None,
        score_thresh=limits.min_score,
        nms_thresh=limits.nms_iou,
        detections_per_img=limits.detections,
        mask_roi_pool=_region_pool(14),
        mask_head=MaskRCNNHeads(channels, (channels,) * spec.mask_convs, 1, norm_layer=norm),
        mask_predictor=MaskRCNNPredictor(channels, channels, classes),
    )
    if spec.cascade:
        roi_heads.second = SecondHead(channels, spec.box_channels, classes)
    transform = TileTransform(0, 0, list(backbone.mean), list(backbone.std), size_divisible=32)
    return GeneralizedRCNN(backbone, rpn, roi_heads, transform)


def _region_pool(cells: int) -> MultiScaleRoIAlign:
    """Return the pooler of regions, of the levels with strides 4..32; the coarsest is for the largest anchors.

    Torchvision's guesses the strides from the first image that it is given and keeps them: one that is 65 px high,
    padded to 96, makes it take every later region at twice its place.
    """
    pool = MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=cells, sampling_ratio=2)
    pool.scales = [1 / 4, 1 / 8, 1 / 16, 1 / 32]
    pool.map_levels = initLevelMapper(2, 5)
    return pool


def pick_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``; auto takes the GPU when there is one.

    Raises
    ------
    WeightsError
        ``cuda`` was asked for and there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise WeightsError("device 'cuda' was asked for and no CUDA device is there; use --device auto or cpu")
    return torch.device(name)
