"""Rendered large buildings: however many roofs one has, its outline is one and holds them all."""

import numpy as np
import pytest
import shapely

from training.render_canvas import Canvas
from training.render_patch import Pose, any_sun
from training.render_roofs import draw_house, draw_house_shadow
from training.render_works import WORKS, render_works


@pytest.mark.parametrize("kind", list(WORKS))
def test_a_building_is_one_piece_and_its_roofs_are_drawn_inside_its_outline(kind: str) -> None:
    for seed in range(12):
        rng = np.random.default_rng(seed)
        house = WORKS[kind](rng=rng)
        outline = house.footprint()
        assert outline.geom_type == "Polygon" and outline.is_valid
        assert outline.area > 150.0
        assert all(outline.buffer(1e-6).contains(part.footprint()) for part in house.parts)
        canvas = Canvas(240, 240, gsd_m=1.0)
        pose = Pose(x_m=120.0, y_m=120.0, turn_deg=float(rng.uniform(0, 180)))
        draw_house(canvas, pose, house, sun=any_sun(rng), rng=rng)
        ground = pose.place(outline)
        inside = canvas.cover(ground)
        assert inside is not None
        drawn = float(canvas.alpha.sum())
        visible = ground.intersection(shapely.box(0, 0, 240, 240)).area
        assert drawn == pytest.approx(visible, rel=0.05)
        # Nothing of the picture is outside.
        canvas.alpha[inside.rows, inside.cols] *= inside.cover < 0.02
        assert canvas.alpha.sum() < 0.01 * visible


def test_the_shadow_of_a_building_is_that_of_its_highest_part_too() -> None:
    rng = np.random.default_rng(4)
    sun = any_sun(rng)
    house = next(each for each in (WORKS["store"](rng=rng) for _ in range(20)) if each.parts)
    with_parts, without = (Canvas(400, 400, gsd_m=1.0) for _ in range(2))
    pose = Pose(x_m=200.0, y_m=200.0, turn_deg=0.0)
    draw_house_shadow(with_parts, pose, house, sun=sun)
    for each in (house, *house.parts):
        draw_house_shadow(without, pose, each, sun=sun)
    shaded = without.alpha > 0.02
    # But for the soft edges, which are softer where two of them meet.
    assert ((with_parts.alpha > 0.02) != shaded).sum() < 0.01 * shaded.sum()
    # Where two parts shade the same ground it is not shaded twice.
    assert with_parts.alpha.max() <= sun.strength + 1e-3


def test_equal_seeds_give_equal_pixels_and_buildings_lie_apart() -> None:
    one, again, other = (render_works(size_m=160.0, gsd_m=0.8, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.image, again.image) and one.truth == again.truth
    assert not np.array_equal(one.image, other.image)
    largest = 0.0
    for town in (one, other):
        outlines = [outline for _, outline in town.truth]
        assert {label for label, _ in town.truth} <= {"building"}
        assert shapely.union_all(outlines).area == pytest.approx(sum(each.area for each in outlines), rel=1e-6)
        largest = max(largest, *(each.area for each in outlines))
    assert largest > 400.0
