"""Tiles that are not filled: the detector sees what is there, and its boxes come back to where they were."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.detector import BoxFilter
from detection.painted import PaintedDetector
from groundplan.records import Detections
from pipeline.shown import LEAST_PX, detect_shown, shown_window


class Watched(PaintedDetector):
    """Paints are read as ever; sizes of what was shown are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[list[tuple[int, ...]]] = []

    def detect(
        self, images: Sequence[NDArray[np.uint8]], wanted: Sequence[BoxFilter] | None = None
    ) -> list[Detections]:
        self.shapes.append([image.shape[1:] for image in images])
        return super().detect(images, wanted)


def every(boxes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Want all boxes."""
    return np.ones(len(boxes), bool)


def painted(rng: np.random.Generator, window: tuple[slice, slice]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a tile of 256 px with valid pixels in a rectangle and three objects in it."""
    image, valid = np.zeros((3, 256, 256), np.uint8), np.zeros((256, 256), bool)
    valid[window] = True
    rows, cols = window
    for number in range(1, 4):
        top, left = rng.integers(rows.start, rows.stop - 8), rng.integers(cols.start, cols.stop - 8)
        image[:, top : top + 8, left : left + 8] = np.array([1, 0, number], np.uint8)[:, None, None]
    return image, valid


@pytest.mark.parametrize("seed", range(6))
def test_boxes_are_those_of_the_whole_tiles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows = [(slice(0, 256), slice(0, 256))]
    for _ in range(3):
        starts, sizes = rng.integers(0, 160, 2), rng.integers(10, 96, 2)
        windows.append(tuple(slice(int(a), int(a + n)) for a, n in zip(starts, sizes, strict=True)))  # type: ignore[arg-type]
    tiles = [painted(rng, window) for window in windows]
    detector = Watched()
    images, valid = [image for image, _ in tiles], [valid for _, valid in tiles]
    found = detect_shown(detector, images, valid, [every] * 4)
    left = detect_shown(PaintedDetector(), images, valid, [lambda boxes: boxes[:, 0] < 128] * 4)
    for each, some, whole in zip(found, left, PaintedDetector().detect(images), strict=True):
        assert np.array_equal(some.boxes, whole.boxes[whole.boxes[:, 0] < 128])
        assert np.array_equal(each.boxes, whole.boxes) and np.array_equal(each.labels, whole.labels)
        assert all(np.array_equal(a, b) for a, b in zip(each.masks, whole.masks, strict=True))
    assert (256, 256) in detector.shapes[0]
    assert sum(map(len, detector.shapes)) == len(tiles)


def test_tiles_of_one_size_are_shown_together() -> None:
    rng = np.random.default_rng(1)
    full, part = (slice(0, 256), slice(0, 256)), (slice(100, 200), slice(40, 140))
    tiles = [painted(rng, window) for window in (full, part, full)]
    detector = Watched()
    detect_shown(detector, [image for image, _ in tiles], [valid for _, valid in tiles], [every] * 3)
    assert detector.shapes == [[(256, 256)] * 2, [(100, 100)]]


@pytest.mark.parametrize(("row", "col"), [(0, 0), (255, 255), (3, 250), (128, 128)])
def test_a_single_pixel_shows_its_surroundings(row: int, col: int) -> None:
    valid = np.zeros((256, 256), bool)
    valid[row, col] = True
    rows, cols = shown_window(valid)
    assert rows.stop - rows.start == cols.stop - cols.start == LEAST_PX
    assert 0 <= rows.start <= row < rows.stop <= 256 and 0 <= cols.start <= col < cols.stop <= 256
