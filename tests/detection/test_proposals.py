"""Proposals of the best anchors alone are those that torchvision makes of all."""

import torch

from detection.model import InferenceLimits, ModelSpec, build_model
from detection.proposals import propose

SPEC = ModelSpec(fpn_channels=16, box_channels=32, mask_convs=1)


def test_the_proposals_are_torchvisions() -> None:
    torch.manual_seed(3)
    model = build_model(SPEC, limits=InferenceLimits(pre_nms_per_level=60, proposals=90)).eval()
    # Random weights of the usual size say the same of every anchor.
    torch.nn.init.normal_(model.rpn.head.cls_logits.weight, std=1)
    torch.nn.init.normal_(model.rpn.head.bbox_pred.weight, std=0.1)
    images = [torch.rand(3, 160, 100), torch.rand(3, 160, 100)]
    with torch.inference_mode():
        batch, _ = model.transform(images)
        pyramid = model.backbone(batch.tensors)
        expected, _ = model.rpn(batch, pyramid)
        found = propose(model.rpn, batch, pyramid)
    assert len(found) == 2
    for one, other in zip(expected, found, strict=True):
        assert len(one) > 60
        assert torch.allclose(one, other, atol=1e-3)


def test_a_larger_tile_has_room_for_as_many_more_proposals() -> None:
    torch.manual_seed(3)
    model = build_model(SPEC, limits=InferenceLimits(pre_nms_per_level=20, proposals=15)).eval()
    torch.nn.init.normal_(model.rpn.head.cls_logits.weight, std=1)
    torch.nn.init.normal_(model.rpn.head.bbox_pred.weight, std=0.1)
    with torch.inference_mode():
        batch, _ = model.transform([torch.rand(3, 160, 160)])
        pyramid = model.backbone(batch.tensors)
        (few,) = propose(model.rpn, batch, pyramid)
        (many,) = propose(model.rpn, batch, pyramid, times=4)
    assert (len(few), len(many)) == (15, 60)
