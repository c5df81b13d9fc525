"""Pasting a drawn patch: the picture changes where the patch is, truth moves along and is cut at the border."""

import numpy as np
import pytest
import shapely

from groundplan.errors import DataError
from training.render_paste import paste
from training.render_patch import FieldPatch


def square_patch() -> FieldPatch:
    rgba = np.zeros((20, 20, 4), np.uint8)
    rgba[5:15, 5:15] = (200, 60, 50, 255)
    return FieldPatch(
        rgba=rgba, gsd_m=0.3, outlines=(("tennis_court", shapely.box(5, 5, 15, 15)),), heading_deg=0.0, variant="x"
    )


def meadow(size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).normal((80, 110, 70), 4, (size, size, 3)).clip(0, 255).astype(np.uint8)


def test_the_patch_lands_where_it_was_told_and_nowhere_else() -> None:
    before = meadow()
    kept = before.copy()
    after, outlines = paste(
        before, square_patch(), row=10, col=30, rng=np.random.default_rng(1), match=0.0, blur_px=0
    )
    assert (before == kept).all()
    assert outlines[0][0] == "tennis_court" and outlines[0][1].equals(shapely.box(35, 15, 45, 25))
    changed = (after != before).any(axis=2)
    assert changed[15:25, 35:45].all()
    changed[15:25, 35:45] = False
    assert not changed.any()
    assert np.abs(after[16:24, 36:44].reshape(-1, 3).mean(axis=0) - (200, 60, 50)).max() < 4


def test_truth_is_cut_at_the_picture_and_lost_outside_it() -> None:
    _, cut = paste(meadow(), square_patch(), row=-10, col=0, rng=np.random.default_rng(1))
    assert cut[0][1].equals(shapely.box(5, 0, 15, 5))
    after, none = paste(meadow(), square_patch(), row=100, col=0, rng=np.random.default_rng(1))
    assert none == () and (after == meadow()).all()
    _, below = paste(meadow(), square_patch(), row=-16, col=0, rng=np.random.default_rng(1))
    assert below == ()


def test_matching_pulls_a_bright_patch_towards_a_dark_hazy_picture() -> None:
    dark = (meadow() // 3 + 20).astype(np.uint8)
    means = [
        paste(dark, square_patch(), row=10, col=10, rng=np.random.default_rng(1), match=share)[0][
            17:23, 17:23
        ].mean()
        for share in (0.0, 0.8)
    ]
    assert means[1] < means[0] - 10


def test_a_float_picture_is_refused() -> None:
    with pytest.raises(DataError, match="float64"):
        paste(np.zeros((8, 8, 3)), square_patch(), row=0, col=0, rng=np.random.default_rng(0))
