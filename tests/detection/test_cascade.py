"""A second box head: what it is shown, and how it begins."""

import pytest
import torch
from torch import Tensor
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from detection.cascade import LEAST_SCORE, both_regions, first_boxes, look_again
from detection.engines import Engine
from detection.model import InferenceLimits, ModelSpec, build_model

SPEC = ModelSpec(fpn_channels=16, box_channels=32, mask_convs=1, cascade=True)
SIZE = (128, 128)


@pytest.fixture
def model() -> GeneralizedRCNN:
    """Return a network whose second head is a copy of the first."""
    torch.manual_seed(3)
    model = build_model(SPEC, limits=InferenceLimits(proposals=40, min_score=0.0)).eval()
    heads = model.roi_heads
    torch.nn.init.normal_(heads.box_predictor.cls_score.weight, std=0.3)
    torch.nn.init.normal_(heads.box_predictor.bbox_pred.weight, std=0.3)
    heads.second.begin_like(heads.box_head, heads.box_predictor)
    return model


@pytest.fixture
def pyramid() -> dict[str, Tensor]:
    """Return random features of two images."""
    random = torch.Generator().manual_seed(1)
    return {str(n): torch.randn(2, 16, 32 // 2**n, 32 // 2**n, generator=random) for n in range(5)}


def proposals() -> list[Tensor]:
    """Return boxes of two images: one near the corner, so that its surroundings lie outside."""
    random = torch.Generator().manual_seed(2)
    low = torch.rand(12, 2, generator=random) * 80
    boxes = torch.cat([low, low + 10 + torch.rand(12, 2, generator=random) * 30], dim=1)
    return [boxes[:7], torch.cat([boxes[7:], torch.tensor([[0.0, 0, 20, 20]])])]


def test_a_copy_of_the_first_head_sees_in_a_box_what_that_one_sees(
    model: GeneralizedRCNN, pyramid: dict[str, Tensor]
) -> None:
    heads, boxes = model.roi_heads, proposals()
    with torch.inference_mode():
        first = heads.box_predictor(heads.box_head(heads.box_roi_pool(pyramid, boxes, [SIZE] * 2)))
        regions = both_regions(heads, pyramid, boxes, [SIZE] * 2)
        second = heads.second(regions)
        assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(first, second, strict=True))
        regions[:, 16:] += 1.0
        assert torch.allclose(first[0], heads.second(regions)[0], atol=1e-4), "surroundings say nothing yet"


def test_surroundings_are_twice_as_wide_and_of_the_same_place(
    model: GeneralizedRCNN, pyramid: dict[str, Tensor]
) -> None:
    heads, (first, other) = model.roi_heads, proposals()
    wide = [
        torch.cat([1.5 * box[:, :2] - 0.5 * box[:, 2:], 1.5 * box[:, 2:] - 0.5 * box[:, :2]], 1)
        for box in (first, other)
    ]
    with torch.inference_mode():
        regions = both_regions(heads, pyramid, [first, other], [SIZE] * 2)
        own = heads.box_roi_pool(pyramid, [first, other], [SIZE] * 2)
        around = heads.box_roi_pool(pyramid, wide, [SIZE] * 2)
    assert torch.allclose(regions, torch.cat([own, around], dim=1), atol=1e-5)


def test_only_what_the_first_head_takes_for_something_is_looked_at_again(model: GeneralizedRCNN) -> None:
    boxes = proposals()
    logits = torch.zeros(13, 8)
    logits[:, 0] = 6.0  # 0.2 % for each label
    logits[[2, 9, 11], 4] = 7.0
    kept_boxes, kept = first_boxes(model.roi_heads, boxes, logits, torch.zeros(13, 32), [SIZE] * 2)
    assert kept.tolist() == [2, 9, 11] and [len(each) for each in kept_boxes] == [1, 2]
    assert torch.allclose(torch.cat(kept_boxes), torch.cat(boxes)[kept])
    assert float(logits.softmax(1)[0, 1:].max()) < LEAST_SCORE < float(logits.softmax(1)[2, 4])


def test_of_boxes_that_are_repeats_only_the_best_is_looked_at_again(model: GeneralizedRCNN) -> None:
    boxes = [torch.tensor([[10.0, 10, 50, 50], [12.0, 10, 52, 50], [11.0, 11, 51, 51], [90.0, 90, 120, 120]])]
    logits = torch.zeros(4, 8)
    logits[0, 2], logits[1, 2], logits[2, 3], logits[3, 2] = 2.0, 4.0, 3.0, 1.0
    every = first_boxes(model.roi_heads, boxes, logits, torch.zeros(4, 32), [SIZE])[1]
    _, kept = first_boxes(model.roi_heads, boxes, logits, torch.zeros(4, 32), [SIZE], repeats_iou=0.5)
    # The third is of another label.
    assert sorted(every.tolist()) == [0, 1, 2, 3] and sorted(kept.tolist()) == [1, 2, 3]


def test_a_box_moves_as_its_best_label_says_and_stays_in_the_image(model: GeneralizedRCNN) -> None:
    boxes, logits, changes = [torch.tensor([[100.0, 40, 120, 60]])], torch.zeros(1, 8), torch.zeros(1, 8, 4)
    logits[0, 3] = 5.0
    changes[0, 3, 0], changes[0, 5, 1] = 10.0, 10.0  # label 3 moves it by its width, 5 by its height: not asked
    (found,), _ = first_boxes(model.roi_heads, boxes, logits, changes.flatten(1), [SIZE])
    assert torch.allclose(found, torch.tensor([[120.0, 40, 128, 60]]), atol=1e-4)


def test_scores_are_the_mean_of_both_heads_log_odds(model: GeneralizedRCNN, pyramid: dict[str, Tensor]) -> None:
    heads, boxes = model.roi_heads, proposals()
    with torch.inference_mode():
        logits, changes = heads.box_predictor(heads.box_head(heads.box_roi_pool(pyramid, boxes, [SIZE] * 2)))
        shown, both, moved = look_again(heads, pyramid, boxes, logits, changes, [SIZE] * 2)
        _, kept = first_boxes(heads, boxes, logits, changes, [SIZE] * 2, repeats_iou=heads.nms_thresh)
        again, expected = heads.second(both_regions(heads, pyramid, shown, [SIZE] * 2))
    assert len(kept) > 5 and torch.equal(moved, expected)
    odds = [each[:, 2] - each[:, 0] for each in (both, logits[kept], again)]
    assert torch.allclose(odds[0], (odds[1] + odds[2]) / 2, atol=1e-4)


def test_where_nothing_is_found_nothing_is_looked_at_again(model: GeneralizedRCNN) -> None:
    torch.nn.init.constant_(model.roi_heads.box_predictor.cls_score.bias[:1], 50.0)
    engine = Engine(model, torch.device("cpu"))
    with torch.inference_mode():
        pyramid, found = engine.find(torch.rand(2, 3, *SIZE))
        masks = engine.masks(pyramid, found)
    assert [len(each.boxes) for each in found] == [0, 0] and [len(each) for each in masks] == [0, 0]
