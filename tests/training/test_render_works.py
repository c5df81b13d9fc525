"""Rendered large buildings: however many roofs one has, its outline is one and holds them all."""

import numpy as np
import pytest
import shapely

from training.render_canvas import Canvas
from training.render_patch import Pose, Sun, any_sun
from training.render_roofs import House, Wing, draw_house, draw_house_shadow
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


def test_the_higher_roof_covers_the_lower_one_and_shades_it() -> None:
    low = House(
        wings=(Wing(x0=10, y0=-10, x1=40, y1=10),),
        roof="flat",
        height_m=3.0,
        slope=0.0,
        colour=(200.0, 40.0, 40.0),
    )
    hall = House(
        wings=(Wing(x0=-20, y0=-20, x1=20, y1=20),),
        roof="flat",
        height_m=12.0,
        slope=0.0,
        colour=(40.0, 40.0, 200.0),
        parts=(low,),
    )
    sun = Sun(azimuth_deg=0.0, reach=1.0, strength=0.5)
    canvas = Canvas(120, 120, gsd_m=1.0)
    draw_house(canvas, Pose(x_m=60.0, y_m=60.0, turn_deg=0.0), hall, sun=sun, rng=np.random.default_rng(1))
    # Both lie under x = 10 to 20: the hall is seen, and beyond it the wing, in its shadow and then in the sun.
    middle = slice(55, 66)
    assert canvas.rgb[middle, 72:78, 2].mean() > 2 * canvas.rgb[middle, 72:78, 0].mean()
    near, far = canvas.rgb[middle, 82:87, 0].mean(), canvas.rgb[middle, 93:98, 0].mean()
    assert far > 120 and near < 0.7 * far


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
