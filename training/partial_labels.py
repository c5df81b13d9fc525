"""Losses for images in which only some labels are annotated: what is not labelled gives no loss.

A target carries, besides torchvision's ``boxes``, ``labels`` and ``masks``:

``complete`` : bool tensor of shape (n_labels + 1,)
    True where every object of that label is annotated in the image; index 0 is background and ignored.
``ignore`` : float tensor of shape (K, 4)
    Boxes in which objects may hide; nothing inside them is called background.
``asked`` : bool tensor of shape (n_labels + 1,)
    Labels that are looked for at the image's resolution; `complete` names only labels among them.
``unasked`` : float tensor of shape (K, 4)
    Boxes of objects of other labels: proposals of them are neither right nor wrong, but calling one of them by a
    label that is looked for is wrong.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor
from torchvision.models.detection.roi_heads import maskrcnn_loss
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import box_area

from detection.cascade import CascadeRoIHeads, both_regions, first_boxes

IGNORED_SHARE = 0.5
"""A box with more of its area inside one ignore box than this is never background."""
OBJECT_IOU, SECOND_OBJECT_IOU = 0.5, 0.6
"""A region that overlaps an object's box by so much is that object, to the first and to the second box head."""
SECOND_PROPOSALS = 150
"""Best proposals of an image from which the second head's examples come; one image in ten has more objects."""


def share_inside(boxes: Tensor, regions: Tensor) -> Tensor:
    """Return, per box, the largest share of its area inside one of the regions; 0 without regions.

    Parameters
    ----------
    boxes : Tensor of shape (N, 4)
    regions : Tensor of shape (K, 4)

    Returns
    -------
    Tensor of shape (N,), 0..1
    """
    if len(regions) == 0 or len(boxes) == 0:
        return boxes.new_zeros(len(boxes))
    left_top = torch.maximum(boxes[:, None, :2], regions[None, :, :2])
    right_bottom = torch.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    inside = (right_bottom - left_top).clamp(min=0).prod(dim=2)
    return (inside / box_area(boxes).clamp(min=1e-6)[:, None]).amax(dim=1)


class PartialLabelRPN(RegionProposalNetwork):
    """Region proposals are of any label, so only fully annotated images teach what is background."""

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return labels (1 object, 0 background, -1 no loss) and matched boxes per image."""
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for label, anchor, target in zip(labels, anchors, targets, strict=True):
            if not bool((target["complete"] | ~target["asked"])[1:].all()):
                label[label == 0] = -1
            else:
                open_to_doubt = torch.cat([target["ignore"], target["unasked"]])
                label[(label == 0) & (share_inside(anchor, open_to_doubt) > IGNORED_SHARE)] = -1
        return labels, matched

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: list[Tensor],
        regression_targets: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Return objectness and box losses; 0 where a batch has no anchor with a known answer."""
        if not any(bool((label >= 0).any()) for label in labels):
            # torchvision divides by the number of sampled anchors, which would be 0 here.
            return objectness.sum() * 0.0, pred_bbox_deltas.sum() * 0.0
        out: tuple[Tensor, Tensor] = super().compute_loss(objectness, pred_bbox_deltas, labels, regression_targets)
        return out


class PartialLabelRoIHeads(CascadeRoIHeads):
    """A background region may be any label that is not annotated in its image.

    A second head (`detection.cascade`) is taught what it is shown at inference: those of the best proposals that
    the first one takes for something. Its losses are added to the first one's.
    """

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]] | None = None,
    ) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Return detections at inference, losses in training."""
        if not self.training:
            out: tuple[list[dict[str, Tensor]], dict[str, Tensor]] = super().forward(
                features, proposals, image_shapes, None
            )
            return out
        if targets is None:
            raise ValueError("targets=None in training; pass one target per image")
        chosen = [
            self._sample(torch.cat([boxes, target["boxes"]]), target, least_iou=OBJECT_IOU)
            for boxes, target in zip(proposals, targets, strict=True)
        ]
        regions = self.box_roi_pool(features, [each["boxes"] for each in chosen], image_shapes)
        logits, deltas = self.box_predictor(self.box_head(regions))
        losses = self._box_losses(logits, deltas, chosen)
        losses["loss_mask"] = self._mask_loss(features, chosen, image_shapes, targets)
        if self.second is not None:
            again = self._shown_again(features, proposals, image_shapes)
            chosen = [
                self._sample(boxes, target, least_iou=SECOND_OBJECT_IOU)
                for boxes, target in zip(again, targets, strict=True)
            ]
            regions = both_regions(self, features, [each["boxes"] for each in chosen], image_shapes)
            logits, deltas = self.second(regions)
            for name, value in self._box_losses(logits, deltas, chosen).items():
                losses[name] = losses[name] + value
        return [], losses

    def _box_losses(self, logits: Tensor, deltas: Tensor, chosen: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        labels = torch.cat([each["labels"] for each in chosen])
        possible = torch.cat([each["possible"] for each in chosen])
        regression = self.box_coder.encode(
            [each["matched_boxes"] for each in chosen], [each["boxes"] for each in chosen]
        )
        return {
            "loss_classifier": marginal_cross_entropy(logits, possible),
            "loss_box_reg": box_regression_loss(deltas, labels, torch.cat(list(regression))),
        }

    def _shown_again(
        self, features: dict[str, Tensor], proposals: list[Tensor], image_shapes: list[tuple[int, int]]
    ) -> list[Tensor]:
        """Return what the first head makes of the best proposals, and takes for something."""
        with torch.no_grad():
            best = [boxes[:SECOND_PROPOSALS] for boxes in proposals]
            logits, changes = self.box_predictor(self.box_head(self.box_roi_pool(features, best, image_shapes)))
            return first_boxes(self, best, logits, changes, image_shapes)[0]

    def _sample(self, proposals: Tensor, target: dict[str, Tensor], *, least_iou: float) -> dict[str, Tensor]:
        with torch.no_grad():
            if len(proposals) == 0:
                # torchvision's matcher takes this for a mistake; the first head just found nothing.
                matched = labels = torch.zeros(0, dtype=torch.int64, device=proposals.device)
            else:
                self.proposal_matcher.high_threshold = self.proposal_matcher.low_threshold = least_iou
                (matched,), (labels,) = self.assign_targets_to_proposals(
                    [proposals], [target["boxes"]], [target["labels"]]
                )
            labels[(labels == 0) & (share_inside(proposals, target["ignore"]) > IGNORED_SHARE)] = -1
            (picked,) = self.subsample([labels])
            labels, matched = labels[picked], matched[picked]
            possible = F.one_hot(labels, len(target["complete"])).bool()
            possible[labels == 0] |= ~target["complete"]
            any_box = target["boxes"] if len(target["boxes"]) else proposals.new_zeros((1, 4))
            return {
                "boxes": proposals[picked],
                "labels": labels,
                "matched": matched,
                "matched_boxes": any_box[matched],
                "possible": possible,
            }

    def _mask_loss(
        self,
        features: dict[str, Tensor],
        chosen: list[dict[str, Tensor]],
        image_shapes: list[tuple[int, int]],
        targets: list[dict[str, Tensor]],
    ) -> Tensor:
        positive = [each["labels"] > 0 for each in chosen]
        boxes = [each["boxes"][mask] for each, mask in zip(chosen, positive, strict=True)]
        matched = [each["matched"][mask] for each, mask in zip(chosen, positive, strict=True)]
        if sum(len(box) for box in boxes) == 0:
            # A loss of 0 that still depends on the weights, so that backward always has something to do.
            return sum(parameter.sum() for parameter in self.mask_predictor.parameters()) * 0.0
        logits = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, image_shapes)))
        loss: Tensor = maskrcnn_loss(
            logits,
            boxes,
            [target["masks"] for target in targets],
            [target["labels"] for target in targets],
            matched,
        )
        return loss


def marginal_cross_entropy(logits: Tensor, possible: Tensor) -> Tensor:
    """Return the mean of -log of the probability that the label is one of the possible ones.

    Parameters
    ----------
    logits : Tensor of shape (N, C)
    possible : bool Tensor of shape (N, C)
        At least one True per row. One True is the ordinary cross entropy; all True gives no loss.
    """
    if len(logits) == 0:
        return logits.sum()
    inside = logits.masked_fill(~possible, float("-inf")).logsumexp(dim=1)
    return (logits.logsumexp(dim=1) - inside).mean()


def box_regression_loss(deltas: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Return the smooth L1 loss of the deltas of each region's own label, per region, background excluded."""
    positive = torch.nonzero(labels > 0).squeeze(1)
    # Not -1: torch cannot infer it where every region of a batch is ignored.
    own = deltas.reshape(len(deltas), deltas.shape[1] // 4, 4)[positive, labels[positive]]
    loss: Any = F.smooth_l1_loss(own, targets[positive], beta=1 / 9, reduction="sum")
    return loss / max(len(labels), 1)
