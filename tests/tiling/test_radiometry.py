"""Stretches of values to grey levels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tiling.radiometry import Stretch, is_opacity, stretch_of, to_uint8


def test_the_second_percentile_becomes_black_and_the_98th_white() -> None:
    samples = np.arange(101, dtype=np.uint16)[None] * 10
    stretch = stretch_of(samples, np.ones(101, bool))
    assert stretch == Stretch(low=(20.0,), high=(980.0,))
    levels = to_uint8(np.array([[[0, 20, 500, 980, 1000]]], np.uint16), stretch)
    assert levels.tolist() == [[[0, 0, 128, 255, 255]]]


def test_missing_and_infinite_values_do_not_count() -> None:
    samples = np.array([[0.0, 1.0, np.nan, np.inf, 1e9]])
    assert stretch_of(samples, np.array([True, True, True, True, False])).high[0] <= 1.0


def test_a_flat_band_and_an_empty_one_become_black() -> None:
    flat = stretch_of(np.full((1, 9), 7.0), np.ones(9, bool))
    assert to_uint8(np.full((1, 2, 2), 7.0), flat).tolist() == [[[0, 0], [0, 0]]]
    empty = stretch_of(np.zeros((1, 0)), np.zeros(0, bool))
    assert empty == Stretch(low=(0.02,), high=(0.98,))


def test_nan_becomes_black_and_infinities_the_ends() -> None:
    levels = to_uint8(np.array([[[np.nan, np.inf, -np.inf, 1.0]]]), Stretch(low=(0.0,), high=(1.0,)))
    assert levels.tolist() == [[[0, 255, 0, 255]]]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_brighter_never_becomes_darker(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    stretch = stretch_of(ordered[None], np.ones(len(ordered), bool))
    levels = to_uint8(ordered[None, None], stretch)[0, 0]
    assert (np.diff(levels.astype(int)) >= 0).all()


def test_an_opacity_is_none_or_full_and_near_infrared_is_not() -> None:
    assert is_opacity(np.array([0, 0, 255, 255, 255]))
    assert is_opacity(np.array([0, 255, 255, 128]))  # feathered edges
    assert is_opacity(np.zeros(4))
    assert is_opacity(np.zeros(0))
    assert not is_opacity(np.array([12, 130, 77, 255, 0]))
