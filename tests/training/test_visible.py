"""Pitches whose lines show are told from lawns of the same grain."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from training.visible import line_contrast, lines_show

CORNERS = np.array([[60.0, 50.0], [170.0, 50.0], [170.0, 120.0], [60.0, 120.0]])


def lawn(*, line: int | None, turned_deg: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return a grainy lawn with a pitch's outer line so many levels brighter, and the outline."""
    middle, turn = np.array([115.0, 85.0]), np.deg2rad(turned_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    ring = (CORNERS - middle) @ rotation.T + middle
    picture = Image.new("RGB", (240, 180), (90, 110, 70))
    if line is not None:
        level = tuple(value + line for value in (90, 110, 70))
        corners = [tuple(point) for point in ring.tolist()]
        ImageDraw.Draw(picture).line([*corners, corners[0]], fill=level, width=1)
    grain = np.random.default_rng(seed).normal(0, 6, (180, 240, 1))
    return np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8), ring


@pytest.mark.parametrize("turned_deg", [0, 20, 45, 77])
def test_a_line_shows_and_its_absence_too(turned_deg: float) -> None:
    image, ring = lawn(line=30, turned_deg=turned_deg)
    assert lines_show(image, (ring,))
    image, ring = lawn(line=None, turned_deg=turned_deg)
    assert not lines_show(image, (ring,))


def test_brighter_lines_have_more_contrast() -> None:
    found = []
    for line in (0, 10, 20, 40):
        image, ring = lawn(line=line, turned_deg=10)
        found.append(line_contrast(image.astype(np.float32).mean(axis=2), (ring,)))
    assert found == sorted(found) and found[-1] > found[0] + 20


def test_an_outline_outside_the_picture_says_nothing() -> None:
    image, ring = lawn(line=None, turned_deg=0)
    assert line_contrast(image.astype(np.float32).mean(axis=2), (ring + 500,)) is None
    assert lines_show(image, (ring + 500,))
