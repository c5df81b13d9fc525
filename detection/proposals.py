"""A feature pyramid -> boxes that may hold an object: torchvision's proposals, decoded only where they count."""

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import clip_boxes_to_image, nms, remove_small_boxes

LEAST_SIDE_PX = 1e-3
"""Boxes narrower than this are dropped, as torchvision drops them."""
LIKELY_SHARE = 3
"""So many times the wanted boxes are compared at first: in towns at least two in five of them repeat no other."""


def propose(
    rpn: RegionProposalNetwork, batch: ImageList, pyramid: dict[str, Tensor], *, times: int = 1
) -> list[Tensor]:
    """Return the proposals of each image, best first, shape (N, 4) x1, y1, x2, y2.

    Equal to what the network itself returns, to rounding. That one decodes each of a tile's 65,000 anchors and
    then keeps a thousand a level; here the best are chosen first, and only these are decoded.

    Parameters
    ----------
    rpn : RegionProposalNetwork
        In evaluation mode.
    batch : ImageList
        Images padded to one size, and their own sizes.
    pyramid : dict
        Levels of shape (B, C, H, W), finest first.
    times : int
        How many times more boxes than the network's own limits allow.
    """
    found = [
        _best_of_level(
            rpn, batch.tensors.shape[2:], number, rpn.head.conv(level), most=times * rpn.pre_nms_top_n()
        )
        for number, level in enumerate(pyramid.values())
    ]
    most = times * rpn.post_nms_top_n()
    return [
        _best(rpn, [(boxes[image], logits[image]) for boxes, logits in found], size_px, most=most)
        for image, size_px in enumerate(batch.image_sizes)
    ]


def _best_of_level(
    rpn: RegionProposalNetwork, size_px: torch.Size, number: int, features: Tensor, *, most: int
) -> tuple[Tensor, Tensor]:
    """Return boxes (B, N, 4) and logits (B, N) of a level's best anchors, from features (B, C, H, W)."""
    cells = rpn.anchor_generator.cell_anchors[number].to(features.device)
    high, wide = features.shape[2:]
    scores = rpn.head.cls_logits(features).permute(0, 2, 3, 1).flatten(1).float()
    logits, at = scores.topk(min(most, scores.shape[1]), dim=1)
    place, anchor = at // len(cells), at % len(cells)
    corner = torch.stack((place % wide * (size_px[1] // wide), place // wide * (size_px[0] // high)), dim=-1)
    anchors = cells[anchor] + corner.repeat(1, 1, 2)
    rows = features.permute(0, 2, 3, 1).flatten(0, 2)
    image = torch.arange(len(place), device=place.device)[:, None]
    chosen = rows.index_select(0, (image * high * wide + place).flatten()).unflatten(0, place.shape)
    changes = _changes(rpn.head.bbox_pred, chosen, anchor).float()
    boxes = rpn.box_coder.decode_single(changes.flatten(0, 1), anchors.flatten(0, 1))
    return boxes.view_as(anchors), logits


def _changes(predictor: nn.Conv2d, features: Tensor, anchor: Tensor) -> Tensor:
    """Return what a 1 x 1 convolution says of chosen anchors at chosen places: (B, N, C) -> (B, N, 4)."""
    every = nn.functional.linear(features, predictor.weight.flatten(1), predictor.bias).unflatten(2, (-1, 4))
    return every.gather(2, anchor[..., None, None].expand(-1, -1, 1, 4))[:, :, 0]


def _best(
    rpn: RegionProposalNetwork, found: list[tuple[Tensor, Tensor]], size_px: tuple[int, int], *, most: int
) -> Tensor:
    """Return an image's best boxes, at most so many, of which none repeats a better one of its level.

    Whether a box repeats a better one does not depend on worse ones. So the best, of which enough are likely to
    stay, are compared first, and all only if they were too few: pairs grow with the square.
    """
    levels = []
    for boxes, logits in found:
        boxes = clip_boxes_to_image(boxes, size_px)
        large = remove_small_boxes(boxes, LEAST_SIDE_PX)
        levels.append((boxes[large], logits[large].sigmoid()))
    every = torch.cat([scores for _, scores in levels])
    tried = LIKELY_SHARE * most
    if len(every) > tried:
        least = every.topk(tried).values[-1]
        some = [(boxes[scores >= least], scores[scores >= least]) for boxes, scores in levels]
        best = _unlike(rpn, some)
        if len(best) >= most:
            return best[:most]
    return _unlike(rpn, levels)[:most]


def _unlike(rpn: RegionProposalNetwork, levels: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the boxes of all levels that repeat no better one of their level, best first."""
    kept = []
    for boxes, scores in levels:
        best = nms(boxes, scores, rpn.nms_thresh)
        kept.append((boxes[best], scores[best]))
    order = torch.cat([scores for _, scores in kept]).argsort(descending=True, stable=True)
    return torch.cat([boxes for boxes, _ in kept])[order]
