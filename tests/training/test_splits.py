"""Chips are split by ground: one straight cut, nothing on both sides of it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundplan.errors import ConfigError, DataError
from training.chips import Chip, LonLatBounds
from training.splits import check_splits, split_ground

boxes = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0, 100), st.floats(1, 20), st.floats(1, 20)), min_size=2, max_size=40
)


@given(boxes, st.floats(0.05, 0.5))
def test_no_ground_lies_on_both_sides(places: list[tuple[float, float, float, float]], share: float) -> None:
    bounds = np.array([(x, y, x + width, y + height) for x, y, width, height in places])
    splits = np.array(split_ground(bounds, np.ones(len(bounds)), val_share=share))
    assert set(splits) <= {"train", "val", ""}
    train, val = bounds[splits == "train"], bounds[splits == "val"]
    if len(train) and len(val):
        gap = val[:, :2].min(axis=0) - train[:, 2:].max(axis=0)
        assert gap.max() >= -1e-3


def test_the_share_counts_objects_and_the_cut_follows_the_grid() -> None:
    bounds = [(x, y, x + 1, y + 1) for y in range(3) for x in range(10)]
    weight = [1 if x < 5 else 3 for _ in range(3) for x in range(10)]
    splits = split_ground(bounds, weight, val_share=0.3)
    assert "" not in splits
    assert [bounds[i][0] for i, split in enumerate(splits) if split == "val"] == [8, 9] * 3


def test_one_chip_and_a_share_of_nothing_are_trained_on() -> None:
    assert split_ground([(0, 0, 1, 1)], [1], val_share=0.2) == ["train"]
    assert split_ground([(0, 0, 1, 1), (1, 0, 2, 1)], [1, 1], val_share=0) == ["train", "train"]
    assert split_ground([], [], val_share=0.2) == []
    with pytest.raises(ConfigError, match="is no share"):
        split_ground([(0, 0, 1, 1)], [1], val_share=2)


def chip(split: str, bounds: LonLatBounds | None) -> Chip:
    return Chip(
        path=Path(f"{split}.jpg"), width=8, height=8, gsd_m=0.3, split=split, source="s", complete=frozenset(),
        instances=(), bounds=bounds,
    )  # fmt: skip


def test_the_same_ground_in_both_splits_is_refused() -> None:
    check_splits([chip("train", (0, 0, 1, 1)), chip("val", (0.9, 0, 1.9, 1)), chip("val", None)])
    with pytest.raises(DataError, match="same ground"):
        check_splits([chip("train", (0, 0, 1, 1)), chip("val", (0.5, 0, 1.5, 1))])
