"""Rows of houses: regular, their shared walls shared, nothing overlapping."""

import numpy as np
import pytest
import shapely
from shapely import affinity

from postprocess.buildings import fit_buildings
from postprocess.options import ShapeOptions
from postprocess.polygonal import geometry_array
from postprocess.terraces import kept_apart, shared_walls

FAR = (500_000.0, 5_000_000.0)
OPTIONS = ShapeOptions()


def terrace(count, angle_deg, *, depth_step_m=0.0):
    """Houses of 7 x 11 m wall to wall; every other one set back."""
    boxes = [
        shapely.box(7 * k, depth_step_m * (k % 2), 7 * k + 7, 11 + depth_step_m * (k % 2)) for k in range(count)
    ]
    row = affinity.rotate(shapely.GeometryCollection(boxes), angle_deg, origin=(0, 0))
    return list(affinity.translate(row, *FAR).geoms)


def noisy(polygon, *, sigma_m, seed, shift_m=0.0):
    rng = np.random.default_rng(seed)
    at = np.arange(0, polygon.exterior.length, 0.8)
    xy = shapely.get_coordinates(shapely.line_interpolate_point(polygon.exterior, at))
    made = shapely.make_valid(shapely.Polygon(xy + rng.normal(0, sigma_m, xy.shape) + rng.normal(0, shift_m, 2)))
    return max(shapely.get_parts(made), key=lambda piece: piece.area)


def overlaps(shapes):
    left, right = np.triu_indices(len(shapes), k=1)
    return shapely.area(shapely.intersection(shapes[left], shapes[right]))


@pytest.mark.parametrize("angle_deg", [0, 17, 45, 80])
@pytest.mark.parametrize("depth_step_m", [0.0, 2.0])
def test_houses_wall_to_wall_stay_wall_to_wall(angle_deg, depth_step_m):
    true = terrace(6, angle_deg, depth_step_m=depth_step_m)
    free = geometry_array(noisy(house, sigma_m=0.15, seed=k, shift_m=0.1) for k, house in enumerate(true))
    shapes, kinds, residual_m = fit_buildings(free, options=OPTIONS)
    assert set(kinds) == {"rectangle"}
    assert overlaps(shapes).max() < 1e-3
    union = shapely.union_all(shapes, grid_size=0.001)
    assert union.geom_type == "Polygon"
    assert len(union.interiors) == 0
    # Six houses share five walls; what is not shared would be counted twice.
    shared = (shapely.length(shapes).sum() - union.length) / 2
    assert shared == pytest.approx(5 * (11 - depth_step_m), abs=1.0)
    assert (residual_m < 0.5).all()


def test_houses_apart_are_fitted_alone():
    apart = geometry_array(affinity.translate(house, 30 * k, 0) for k, house in enumerate(terrace(3, 20)))
    assert all(shape is None for shape in shared_walls(apart, options=OPTIONS))


def test_a_house_at_another_angle_is_not_turned_with_the_row():
    row = terrace(3, 0)
    oblique = affinity.translate(affinity.rotate(shapely.box(0, 0, 9, 9), 30), FAR[0] + 23, FAR[1])
    free = geometry_array(noisy(house, sigma_m=0.1, seed=k) for k, house in enumerate([*row, oblique]))
    shapes, _, _ = fit_buildings(free, options=OPTIONS)
    (x0, y0), (x1, y1) = shapes[3].exterior.coords[:2]
    assert abs((np.degrees(np.arctan2(y1 - y0, x1 - x0)) - 30 + 45) % 90 - 45) < 3
    assert overlaps(shapes).max() < 1e-3


def test_of_two_that_overlap_the_better_keeps_the_ground():
    pair = geometry_array([shapely.box(0, 0, 10, 10), shapely.box(9.5, 0, 20, 10)])
    between, rank = (np.array([0]), np.array([1])), np.array([0.1, 0.05])
    out, lost = kept_apart(pair, rank, pairs=between, spares=lambda place, rest: True)
    assert list(lost) == [True, False]
    assert out[0].bounds == (0, 0, 9.5, 10)
    assert out[1].equals(pair[1])
    # Where it has nothing to spare, the other one gives; where neither has, they overlap.
    out, lost = kept_apart(pair, rank, pairs=between, spares=lambda place, rest: place == 1)
    assert list(lost) == [False, True] and out[1].bounds == (10, 0, 20, 10)
    out, lost = kept_apart(pair, rank, pairs=between, spares=lambda place, rest: False)
    assert not lost.any() and out.tolist() == pair.tolist()


def test_outlines_that_overlap_too_much_are_left_for_a_person():
    pair = geometry_array([shapely.box(0, 0, 10, 10), shapely.box(7, 0, 20, 10)])
    shapes, kinds, _ = fit_buildings(pair, options=OPTIONS)
    assert list(shapely.area(shapes)) == pytest.approx([100, 130])
    assert list(kinds) == ["rectangle", "rectangle"]


@pytest.mark.parametrize("seed", range(4))
def test_no_building_falls_below_the_least_iou_and_none_overlap(seed):
    rng = np.random.default_rng(seed)
    true = [
        house
        for k in range(4)
        for house in (
            affinity.translate(each, 0, 25 * k) for each in terrace(5, float(rng.uniform(-5, 5)), depth_step_m=1.0)
        )
    ]
    free = geometry_array(noisy(house, sigma_m=0.2, seed=k, shift_m=0.15) for k, house in enumerate(true))
    shapes, _, _ = fit_buildings(free, options=OPTIONS)
    shared = shapely.area(shapely.intersection(shapes, free))
    assert (shared / shapely.area(shapely.union(shapes, free))).min() >= 0.9 - 1e-9
    assert overlaps(shapes).max() < 1e-3
