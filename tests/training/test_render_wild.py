"""Rendered land without streets: mostly bare, with the outlines of what few houses stand on it."""

import numpy as np
import pytest
import shapely

from groundplan.errors import DataError
from training.render_wild import render_wild


def test_equal_seeds_give_equal_pixels() -> None:
    one, again, other = (render_wild(size_m=90.0, gsd_m=0.6, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.image, again.image) and one.truth == again.truth
    assert not np.array_equal(one.image, other.image)


def test_most_squares_are_bare_and_houses_of_others_are_outlined() -> None:
    counts = []
    for seed in range(12):
        land = render_wild(size_m=120.0, gsd_m=1.0, seed=seed)
        outlines = [outline for _, outline in land.truth]
        counts.append(len(outlines))
        assert {label for label, _ in land.truth} <= {"building"}
        assert all(shapely.box(0, 0, land.size_m, land.size_m).contains(outline) for outline in outlines)
        # Woods, meadows, water: never one flat colour.
        assert land.image.std(axis=(1, 2)).min() > 3.0
    assert counts.count(0) >= 4 and 0 < max(counts) <= 3


def test_a_size_or_resolution_out_of_range_is_refused() -> None:
    with pytest.raises(DataError, match="size_m"):
        render_wild(size_m=20.0, gsd_m=0.3, seed=1)
