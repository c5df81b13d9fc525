"""Rendered open ground: what looks like a roof and is none has no outline, and what is one has its own."""

import numpy as np
import pytest
import shapely

from training.render_open import render_open
from training.render_patch import any_sun, draw_plan
from training.render_pavements import PAVEMENTS


@pytest.mark.parametrize("kind", list(PAVEMENTS))
def test_a_ground_has_pixels_and_no_outline(kind: str) -> None:
    for seed in range(3):
        first, again = (
            draw_plan(PAVEMENTS[kind](sun=any_sun(rng), rng=rng), gsd_m=0.6, heading_deg=20.0)
            for rng in (np.random.default_rng(seed), np.random.default_rng(seed))
        )
        assert (first.rgba[..., 3] > 200).sum() > 200
        assert not first.outlines
        assert first.rgba.tobytes() == again.rgba.tobytes()


@pytest.mark.parametrize("kind", list(PAVEMENTS))
def test_the_narrowest_grounds_can_be_drawn(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def narrowest(low: float, high: float, *, rng: np.random.Generator, slim: float = 0.45) -> shapely.Polygon:
        return shapely.box(-low / 2, -low * slim / 2, low / 2, low * slim / 2)

    monkeypatch.setattr("training.render_pavements.rectangle", narrowest)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        assert draw_plan(PAVEMENTS[kind](sun=any_sun(rng), rng=rng), gsd_m=0.6, heading_deg=20.0).rgba.any()


def test_equal_seeds_give_equal_pixels() -> None:
    one, again, other = (render_open(size_m=90.0, gsd_m=0.6, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.image, again.image) and one.truth == again.truth
    assert not np.array_equal(one.image, other.image)


def test_some_squares_are_empty_and_houses_of_others_lie_apart_in_the_picture() -> None:
    counts = []
    for seed in range(10):
        town = render_open(size_m=150.0, gsd_m=1.0, seed=seed)
        outlines = [outline for _, outline in town.truth]
        counts.append(len(outlines))
        assert {label for label, _ in town.truth} <= {"building"}
        assert all(shapely.box(0, 0, town.size_m, town.size_m).contains(outline) for outline in outlines)
        assert shapely.union_all(outlines).area == pytest.approx(sum(each.area for each in outlines), rel=1e-6)
    assert min(counts) == 0 and 0 < max(counts) < 20
