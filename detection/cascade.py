"""The boxes of a first box head -> a second one looks at what they hold and at their surroundings: a cascade."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.roi_heads import RoIHeads, maskrcnn_inference
from torchvision.ops import batched_nms, clip_boxes_to_image

LEAST_SCORE = 0.05
"""Boxes to which the first head gives less than this, of every label, are nothing and not looked at again."""
SURROUNDINGS = 2.0
"""Side of the ground that is seen around a box, in sides of the box."""
LEAST_SIDE_PX = 1.0
"""Nor are boxes narrower than this, of which a clip to the image may leave nothing."""


class SecondHead(nn.Module):
    """A box head that is given the features of each box and, beside them, of the ground around it.

    Parameters
    ----------
    channels : int
        Of the feature pyramid.
    width : int
        Of the two fully connected layers.
    classes : int
        Labels and background.
    """

    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        self.box_head = TwoMLPHead(2 * channels * 49, width)
        self.box_predictor = FastRCNNPredictor(width, classes)

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, classes) and changes of the boxes (N, 4 classes), in 32 bits."""
        logits, changes = self.box_predictor(self.box_head(regions))
        return logits.float(), changes.float()

    def begin_like(self, head: TwoMLPHead, predictor: FastRCNNPredictor) -> None:
        """Copy a first head, which sees the same of a box; surroundings say nothing yet."""
        channels = head.fc6.in_features // 49
        with torch.no_grad():
            inner = self.box_head.fc6.weight.view(len(self.box_head.fc6.weight), 2 * channels, 49)
            inner[:, :channels] = head.fc6.weight.view(len(inner), channels, 49)
            inner[:, channels:] = 0
            self.box_head.fc6.bias.copy_(head.fc6.bias)
            self.box_head.fc7.load_state_dict(head.fc7.state_dict())
            self.box_predictor.load_state_dict(predictor.state_dict())


class CascadeRoIHeads(RoIHeads):
    """Torchvision's heads, with a second box head where `second` is one.

    References
    ----------
    Cai and Vasconcelos 2018, https://doi.org/10.1109/CVPR.2018.00644.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.second: SecondHead | None = None

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Return detections; losses are those of `training.partial_labels`."""
        out: tuple[list[dict[str, Tensor]], dict[str, Tensor]]
        if self.second is None or self.training:
            out = super().forward(features, proposals, image_shapes, targets)
            return out
        logits, changes = self.box_predictor(self.box_head(self.box_roi_pool(features, proposals, image_shapes)))
        proposals, logits, changes = look_again(self, features, proposals, logits, changes, image_shapes)
        boxes, scores, labels = self.postprocess_detections(logits, changes, proposals, image_shapes)
        masks: Any = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, image_shapes)))
        return [
            {"boxes": box, "scores": score, "labels": label, "masks": mask}
            for box, score, label, mask in zip(
                boxes, scores, labels, maskrcnn_inference(masks, labels), strict=True
            )
        ], {}


def look_again(
    heads: CascadeRoIHeads,
    pyramid: dict[str, Tensor],
    proposals: list[Tensor],
    logits: Tensor,
    changes: Tensor,
    image_sizes: list[tuple[int, int]],
    *,
    arrange: Callable[[Tensor], Tensor] = lambda regions: regions,
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the first head's boxes as proposals, and what both heads say of them: the mean of their log odds.

    Parameters
    ----------
    heads : CascadeRoIHeads
        With a second head.
    pyramid : dict
        Levels of shape (B, C, H, W), finest first.
    proposals : list of Tensor of shape (N, 4)
        One per image: what the first head was given.
    logits, changes : Tensor of shape (sum of N, classes), (sum of N, 4 classes)
        What it said.
    image_sizes : list of (int, int)
        Height and width of each image.
    arrange : callable
        Puts regions (N, 2 C, 7, 7) into the order in which the second head wants them.

    Returns
    -------
    list of Tensor of shape (K, 4)
        One per image.
    Tensor of shape (sum of K, classes)
        Logits of both.
    Tensor of shape (sum of K, 4 classes)
        The second head's changes of these boxes.
    """
    assert heads.second is not None
    # What the last suppression would leave out of the first head's boxes need not be looked at again: of 600
    # proposals in a dense town that is four fifths.
    boxes, kept = first_boxes(heads, proposals, logits, changes, image_sizes, repeats_iou=heads.nms_thresh)
    if len(kept) == 0:
        return boxes, logits[kept], changes[kept]
    again, moved = heads.second(arrange(both_regions(heads, pyramid, boxes, image_sizes)))
    both = (logits[kept].log_softmax(dim=1) + again.log_softmax(dim=1)) / 2
    return boxes, both, moved


def first_boxes(
    heads: RoIHeads,
    proposals: list[Tensor],
    logits: Tensor,
    changes: Tensor,
    image_sizes: list[tuple[int, int]],
    *,
    repeats_iou: float = 1.0,
) -> tuple[list[Tensor], Tensor]:
    """Return, per image, the box of each proposal's best label where that is not nothing, and which these are.

    Parameters
    ----------
    heads : RoIHeads
        Its coder of boxes is used.
    proposals, logits, changes, image_sizes
        As of `look_again`.
    repeats_iou : float
        A box that overlaps a better one of its label by more is left out.

    Returns
    -------
    list of Tensor of shape (K, 4)
    Tensor of shape (sum of K,)
        Rows of `logits`.
    """
    scores, label = logits.softmax(dim=1)[:, 1:].max(dim=1)
    own = changes.unflatten(1, (-1, 4))[torch.arange(len(label), device=label.device), label + 1]
    every = heads.box_coder.decode_single(own, torch.cat(proposals))
    counts = [len(each) for each in proposals]
    boxes, kept, start = [], [], 0
    for own_boxes, own_scores, own_label, size in zip(
        every.split(counts), scores.split(counts), label.split(counts), image_sizes, strict=True
    ):
        clipped = clip_boxes_to_image(own_boxes, size)
        wide = (clipped[:, 2:] - clipped[:, :2]).amin(dim=1) >= LEAST_SIDE_PX
        keep = torch.nonzero(wide & (own_scores >= LEAST_SCORE)).squeeze(1)
        if repeats_iou < 1:
            keep = keep[batched_nms(clipped[keep], own_scores[keep], own_label[keep], repeats_iou)]
        boxes.append(clipped[keep])
        kept.append(keep + start)
        start += len(own_boxes)
    return boxes, torch.cat(kept)


def both_regions(
    heads: RoIHeads, pyramid: dict[str, Tensor], boxes: list[Tensor], image_sizes: list[tuple[int, int]]
) -> Tensor:
    """Return the features of boxes and, behind them, of their surroundings: (sum of K, 2 C, 7, 7)."""
    counts = [len(each) for each in boxes]
    regions = heads.box_roi_pool(pyramid, [torch.cat([each, _around(each)]) for each in boxes], image_sizes)
    parts = regions.split([count for count in counts for _ in range(2)])
    return torch.cat([torch.cat(parts[0::2]), torch.cat(parts[1::2])], dim=1)


def _around(boxes: Tensor) -> Tensor:
    """Return boxes about the same centres; they may reach beyond the image, where there is nothing."""
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    return torch.cat([middle - SURROUNDINGS * half, middle + SURROUNDINGS * half], dim=1)
