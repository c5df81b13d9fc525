"""Which of a tile's instances only repeat a better one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.repeats import REPEATS_IOU, may_be_repeated, without_repeats

TENNIS, SOCCER = 2, 5
FULL = np.ones((28, 28), np.float32)


def kept(boxes: list[tuple[float, ...]], labels: list[int], masks: list[NDArray[np.float32]]) -> list[int]:
    found = without_repeats(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64), np.array(masks)
    )
    return [int(place) for place in found]


def test_one_court_seen_twice_is_kept_once_and_a_neighbour_stays() -> None:
    boxes = [(0, 0, 40, 80), (4, 2, 44, 82), (44, 0, 84, 80)]
    assert kept(boxes, [TENNIS] * 3, [FULL] * 3) == [0, 2]


def test_two_courts_drawn_as_one_give_way_to_the_better_single_ones() -> None:
    assert kept([(0, 0, 40, 80), (50, 0, 90, 80), (0, 0, 90, 80)], [TENNIS] * 3, [FULL] * 3) == [0, 1]


def test_a_pitch_that_holds_courts_of_another_label_stays() -> None:
    assert kept([(0, 0, 40, 80), (0, 0, 40, 80)], [TENNIS, SOCCER], [FULL] * 2) == [0, 1]


def test_oblique_courts_whose_boxes_overlap_and_masks_do_not_both_stay() -> None:
    lower = np.tril(FULL, -2)
    boxes = [(0, 0, 80, 80), (8, -8, 88, 72)]
    assert kept(boxes, [TENNIS] * 2, [lower, lower.T]) == [0, 1]
    assert kept(boxes, [TENNIS] * 2, [lower, lower]) == [0]


def test_what_repeats_only_a_dropped_one_stays() -> None:
    assert kept([(0, 0, 30, 80), (10, 0, 40, 80), (24, 0, 54, 80)], [TENNIS] * 3, [FULL] * 3) == [0, 2]


def test_nothing_and_empty_masks_are_no_trouble() -> None:
    assert len(without_repeats(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros((0, 28, 28)))) == 0
    assert kept([(0, 0, 8, 8), (0, 0, 8, 8)], [TENNIS] * 2, [FULL * 0] * 2) == [0, 1]


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(8, 60), st.integers(8, 60)),
        min_size=1,
        max_size=12,
    )
)
def test_no_two_that_stay_share_more_than_allowed(places: list[tuple[int, int, int, int]]) -> None:
    boxes = [(x, y, x + width, y + height) for x, y, width, height in places]
    found = kept(boxes, [TENNIS] * len(boxes), [FULL] * len(boxes))
    assert found[0] == 0

    def iou(one: int, other: int) -> float:
        (ax, ay, au, av), (bx, by, bu, bv) = boxes[one], boxes[other]
        shared = max(0, min(au, bu) - max(ax, bx)) * max(0, min(av, bv) - max(ay, by))
        return shared / ((au - ax) * (av - ay) + (bu - bx) * (bv - by) - shared)

    # A box has 28 x 28 cells, of which a row and a column may fall on the other side of an edge.
    assert all(iou(a, b) < REPEATS_IOU + 0.08 for a in found for b in found if a < b)
    for lost in set(range(len(boxes))) - set(found):
        assert max(iou(better, lost) for better in found if better < lost) > REPEATS_IOU - 0.08


@given(st.integers(0, 10_000))
def test_some_stay_as_they_do_among_all_when_those_are_drawn_that_have_a_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 90, (14, 2))
    boxes = np.hstack((low, low + rng.integers(10, 60, (14, 2)))).astype(np.float32)
    labels = rng.choice([TENNIS, SOCCER], 14, p=[0.8, 0.2])
    masks = (rng.random((14, 28, 28)) < rng.uniform(0.3, 1, (14, 1, 1))).astype(np.float32)
    wanted = boxes[:, 0] < 45
    drawn = np.flatnonzero(wanted | may_be_repeated(boxes, labels, by=wanted))
    every = without_repeats(boxes, labels, masks)
    some = drawn[without_repeats(boxes[drawn], labels[drawn], masks[drawn])]
    assert np.array_equal(every[wanted[every]], some[wanted[some]])


def test_what_is_alone_has_no_say() -> None:
    boxes = np.array([(0, 0, 20, 20), (30, 0, 60, 20), (50, 0, 70, 20), (90, 0, 99, 9)], np.float32)
    labels = np.full(4, TENNIS, np.int64)
    asked = may_be_repeated(boxes, labels, by=np.array([False, False, True, False]))
    assert asked.tolist() == [False, True, False, False]
    assert not may_be_repeated(boxes, labels, by=np.array([False, True, False, False])).any()
