"""Proposals of the best anchors alone are those that torchvision makes of all."""

from typing import Any

import pytest
import torch

import detection.proposals
from detection.model import InferenceLimits, ModelSpec, build_model
from detection.proposals import propose

SPEC = ModelSpec(fpn_channels=16, box_channels=32, mask_convs=1)


@pytest.mark.parametrize(
    ("proposals", "likely_share", "times"),
    [(90, 4, 1), (25, 3, 1), (25, 1, 2)],
    ids=["all are few", "the best are enough", "they are not"],
)
def test_the_proposals_are_torchvisions(
    proposals: int, likely_share: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(3)
    limits = InferenceLimits(pre_nms_per_level=60, proposals=proposals)
    model = build_model(SPEC, limits=limits).eval()
    compared: list[int] = []
    unlike = detection.proposals._unlike

    def counted(rpn: Any, levels: Any) -> torch.Tensor:
        compared.append(sum(len(boxes) for boxes, _ in levels))
        return unlike(rpn, levels)

    monkeypatch.setattr(detection.proposals, "_unlike", counted)
    monkeypatch.setattr(detection.proposals, "LIKELY_SHARE", likely_share)
    model.rpn.nms_thresh = 0.3
    # Random weights of the usual size say the same of every anchor.
    torch.nn.init.normal_(model.rpn.head.cls_logits.weight, std=1)
    torch.nn.init.normal_(model.rpn.head.bbox_pred.weight, std=0.1)
    images = [torch.rand(3, 160, 100), torch.rand(3, 160, 100)]
    with torch.inference_mode():
        batch, _ = model.transform(images)
        pyramid = model.backbone(batch.tensors)
        expected, _ = model.rpn(batch, pyramid)
        found = propose(model.rpn, batch, pyramid)
    assert len(found) == 2 and len(compared) == 2 * times
    assert compared[0] >= (likely_share * proposals if proposals == 25 else 240)
    for one, other in zip(expected, found, strict=True):
        assert len(one) == proposals if proposals == 25 else len(one) > 60
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
