"""What is not labelled gives no loss: gradients of the losses, looked at one by one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from detection.model import ModelSpec, build_model
from groundplan.labels import LABELS
from training.partial_labels import (
    OBJECT_IOU,
    SECOND_OBJECT_IOU,
    PartialLabelRoIHeads,
    PartialLabelRPN,
    box_regression_loss,
    marginal_cross_entropy,
    share_inside,
)

N = len(LABELS) + 1


def complete(*labels: str) -> torch.Tensor:
    return torch.tensor([False] + [label in labels for label in LABELS])


@given(st.integers(0, 2**31), st.integers(1, N - 1))
def test_classes_that_are_possible_get_no_gradient_against_one_another(seed: int, n_possible: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(5, N, generator=generator, requires_grad=True)
    possible = torch.zeros(5, N, dtype=torch.bool)
    possible[:, :n_possible] = True
    marginal_cross_entropy(logits, possible).backward()
    assert logits.grad is not None
    # What may be there is pushed up together, in the proportions it has; all the rest is pushed down.
    assert (logits.grad[:, :n_possible] <= 1e-6).all() and (logits.grad[:, n_possible:] >= -1e-6).all()
    inside = torch.softmax(logits[:, :n_possible], dim=1).detach()
    pushed = logits.grad[:, :n_possible] / logits.grad[:, :n_possible].sum(dim=1, keepdim=True).clamp(max=-1e-9)
    assert torch.allclose(pushed, inside, atol=1e-3)


def test_one_possible_class_is_cross_entropy_and_all_give_no_loss() -> None:
    logits = torch.randn(6, N, generator=torch.Generator().manual_seed(1), requires_grad=True)
    wanted = torch.tensor([0, 1, 2, 3, 0, 5])
    one = torch.nn.functional.one_hot(wanted, N).bool()
    assert torch.allclose(marginal_cross_entropy(logits, one), torch.nn.functional.cross_entropy(logits, wanted))
    loss = marginal_cross_entropy(logits, torch.ones(6, N, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
    assert logits.grad is not None and torch.allclose(logits.grad, torch.zeros_like(logits), atol=1e-7)
    assert float(marginal_cross_entropy(logits[:0], one[:0]).detach()) == 0


def test_shares_inside_regions() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    regions = torch.tensor([[5.0, 0, 20, 10], [0, 0, 10, 2]])
    assert share_inside(boxes, regions).tolist() == pytest.approx([0.5, 0.0])
    assert share_inside(boxes, regions[:0]).tolist() == [0, 0] and share_inside(boxes[:0], regions).numel() == 0


def test_background_has_no_box_loss() -> None:
    deltas = torch.ones(3, N * 4, requires_grad=True)
    labels = torch.tensor([0, 2, 0])
    box_regression_loss(deltas, labels, torch.zeros(3, 4)).backward()
    assert deltas.grad is not None
    touched = deltas.grad.reshape(3, N, 4).abs().sum(dim=2).nonzero().tolist()
    assert touched == [[1, 2]]


def losses_of(
    targets: list[dict[str, torch.Tensor]],
    *,
    seed: int = 0,
    cascade: bool = False,
    sees: float = 0.0,
) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    torch.manual_seed(seed)
    model = build_model(
        ModelSpec(fpn_channels=16, box_channels=16, mask_convs=1, cascade=cascade),
        rpn_class=PartialLabelRPN,
        roi_heads_class=PartialLabelRoIHeads,
    ).train()
    if sees:
        torch.nn.init.constant_(model.roi_heads.box_predictor.cls_score.bias[:1], -sees)
    images = [torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(5)) for _ in targets]
    return model, model(images, targets)


def target(
    boxes: list[list[float]], label: int, known: torch.Tensor, ignore: list[list[float]]
) -> dict[str, torch.Tensor]:
    masks = torch.zeros(len(boxes), 64, 64, dtype=torch.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[int(y1) : int(y2), int(x1) : int(x2)] = 1
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.full((len(boxes),), label, dtype=torch.int64),
        "masks": masks,
        "ignore": torch.tensor(ignore, dtype=torch.float32).reshape(-1, 4),
        "complete": known,
        "asked": torch.ones(N, dtype=torch.bool),
        "unasked": torch.zeros(0, 4),
    }


def test_an_image_about_which_nothing_is_known_teaches_nothing() -> None:
    model, losses = losses_of([target([], 1, complete(), [])])
    torch.stack(list(losses.values())).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or parameter.grad.abs().max() < 1e-6, name


def test_an_image_complete_for_fields_never_teaches_that_there_is_no_building() -> None:
    model, losses = losses_of([target([], 1, complete(*LABELS[1:]), [])])
    losses["loss_classifier"].backward()
    gradient = model.roi_heads.box_predictor.cls_score.bias.grad  # type: ignore[union-attr]
    building, fields = 1, list(range(2, N))
    # Gradient descent subtracts: fields go down, building and background go up in their proportion.
    assert gradient[building] <= 0 and (gradient[fields] > 0).all()
    assert float(losses["loss_objectness"].detach()) == 0


def test_ignored_ground_is_no_background() -> None:
    everywhere = [[-300.0, -300, 364, 364]]  # anchors reach beyond the image
    _, losses = losses_of([target([], 1, complete(*LABELS), everywhere)])
    assert float(losses["loss_objectness"].detach()) == 0 and float(losses["loss_classifier"].detach()) == 0
    _, open_ground = losses_of([target([], 1, complete(*LABELS), [])])
    assert (
        float(open_ground["loss_objectness"].detach()) > 0 and float(open_ground["loss_classifier"].detach()) > 0
    )


def test_objects_of_another_pass_are_neither_found_nor_background() -> None:
    track = [[-300.0, -300, 364, 364]]
    other = target([], 1, complete(*LABELS[:-1]), [])
    other |= {"asked": torch.arange(N) < N - 1, "unasked": torch.tensor(track)}
    _, losses = losses_of([other])
    # No proposal is called background under the track: the network has one set of anchors for both passes.
    assert float(losses["loss_objectness"].detach()) == 0


def test_an_object_gives_every_loss() -> None:
    _, losses = losses_of([target([[10, 12, 40, 44]], 3, complete(*LABELS), [])])
    assert all(float(value.detach()) > 0 for value in losses.values())


def test_a_second_head_learns_from_what_the_first_takes_for_something() -> None:
    boxes = [target([[10, 12, 40, 44]], 3, complete(*LABELS), []), target([], 1, complete(*LABELS), [])]
    model, losses = losses_of(boxes, cascade=True, sees=3.0)
    losses["loss_classifier"].backward()
    second = model.roi_heads.second
    assert second.box_predictor.cls_score.weight.grad.abs().max() > 0
    assert second.box_head.fc6.weight.grad.abs().max() > 0
    _, first_alone = losses_of(boxes, sees=3.0)
    assert float(losses["loss_classifier"].detach()) > float(first_alone["loss_classifier"].detach()) + 0.1


def test_a_second_head_that_is_shown_nothing_learns_nothing() -> None:
    boxes = [target([[10, 12, 40, 44]], 3, complete(*LABELS), [])]
    model, losses = losses_of(boxes, cascade=True, sees=-50.0)
    torch.stack(list(losses.values())).sum().backward()
    assert model.roi_heads.second.box_predictor.cls_score.weight.grad.abs().max() == 0
    assert model.roi_heads.box_predictor.cls_score.weight.grad.abs().max() > 0


def test_a_second_head_counts_boxes_as_objects_from_a_larger_overlap() -> None:
    heads = losses_of([target([], 1, complete(*LABELS), [])], cascade=True)[0].roi_heads
    known = target([[10, 10, 50, 50]], 3, complete(*LABELS), [])
    shown = torch.tensor([[10.0, 10, 50, 32], [10.0, 10, 50, 36]])  # overlaps of 0.55 and 0.65
    of_first = heads._sample(shown, known, least_iou=OBJECT_IOU)
    of_second = heads._sample(shown, known, least_iou=SECOND_OBJECT_IOU)
    assert sorted(of_first["labels"].tolist()) == [3, 3] and sorted(of_second["labels"].tolist()) == [0, 3]
