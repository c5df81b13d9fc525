"""Views are turned back exactly, and what some views miss counts less."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.augmented import VIEWS, AugmentedDetector, resample_grid
from detection.painted import PaintedDetector
from groundplan.errors import ConfigError
from groundplan.records import Detections


def paint(height: int, width: int, boxes: Sequence[tuple[int, int, int, int]]) -> NDArray[np.uint8]:
    image = np.zeros((3, height, width), np.uint8)
    for number, (x1, y1, x2, y2) in enumerate(boxes, start=1):
        image[:, y1:y2, x1:x2] = np.array([1 + number % 7, 0, number], np.uint8)[:, None, None]
        # A corner taken away, so that flips and turns show.
        image[:, y1 : (y1 + y2) // 2, x1 : (x1 + x2) // 2] = 0
    return image


sides = st.integers(6, 20)


@given(st.sampled_from(sorted(VIEWS)), sides, sides, st.integers(0, 9), st.integers(0, 9))
def test_views_of_a_perfect_detector_agree_with_one_view(
    views: int, width: int, height: int, left: int, top: int
) -> None:
    image = paint(40, 64, [(left, top, left + width, top + height), (34, 4, 60, 33)])
    (one,) = PaintedDetector().detect([image])
    (all_views,) = AugmentedDetector(PaintedDetector(), views=views).detect([image])
    assert len(all_views) == len(one) == 2
    for label, box, mask in zip(one.labels, one.boxes, one.masks, strict=True):
        at = int(np.flatnonzero(all_views.labels == label)[0])
        assert all_views.scores[at] == pytest.approx(1.0)
        assert np.allclose(all_views.boxes[at], box, atol=1e-4)
        assert np.allclose(all_views.masks[at], mask, atol=1e-5)


class OnlyUpright:
    """Finds one box, but only in views of the image's own orientation (its first pixel is bright)."""

    batch_tiles = 1

    def __init__(self) -> None:
        self.info = PaintedDetector().info

    def detect(self, images: Sequence[NDArray[np.uint8]], wanted: object = None) -> list[Detections]:
        return [self._one(image) for image in images]

    def _one(self, image: NDArray[np.uint8]) -> Detections:
        count = int(image[0, 0, 0] > 0)
        return Detections(
            boxes=np.array([[2, 2, 12, 12]] * count, np.float32).reshape(-1, 4),
            labels=np.ones(count, np.int64),
            scores=np.full(count, 0.8, np.float32),
            masks=(np.ones((28, 28), np.float32),) * count,
        )


def test_what_other_views_miss_loses_their_share_of_the_score() -> None:
    image = np.zeros((3, 16, 16), np.uint8)
    image[0, 0, 0] = 255
    (found,) = AugmentedDetector(OnlyUpright(), views=4).detect([image])
    assert found.scores.tolist() == pytest.approx([0.2])
    assert found.boxes.tolist() == [[2, 2, 12, 12]] and found.masks[0].min() == 1


def test_nothing_found_is_nothing_and_runs_with_other_views_are_told_apart() -> None:
    detector = AugmentedDetector(PaintedDetector(), views=8)
    (found,) = detector.detect([np.zeros((3, 8, 8), np.uint8)])
    assert len(found) == 0 and found.boxes.shape == (0, 4)
    assert detector.info.sha256 != PaintedDetector().info.sha256
    assert AugmentedDetector(PaintedDetector(), views=1).info == PaintedDetector().info
    with pytest.raises(ConfigError, match="views = 3"):
        AugmentedDetector(PaintedDetector(), views=3)


def test_a_grid_moved_by_a_cell_is_the_grid_moved_by_a_cell() -> None:
    grid = np.arange(16, dtype=np.float32).reshape(4, 4)
    box, target = np.array([0.0, 0, 4, 4]), np.array([1.0, 0, 5, 4])
    moved = resample_grid(grid, box, target, (4, 4))
    assert np.allclose(moved[:, :3], grid[:, 1:]) and np.allclose(moved[:, 3], 0)
    assert np.allclose(resample_grid(grid, box, box, (4, 4)), grid)
