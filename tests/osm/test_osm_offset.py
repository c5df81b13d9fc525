import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from osm.diff import diff
from osm.offset import estimate_offset, shifted
from osm.options import DiffOptions


def town(n, *, seed=3, side=2000.0):
    """Houses of many sizes and directions; they may stand close."""
    rng = np.random.default_rng(seed)
    shapes = []
    for x, y, w, h, turn in zip(
        *rng.uniform(0, side, (2, n)), *rng.uniform(7, 18, (2, n)), rng.uniform(0, 90, n), strict=True
    ):
        shapes.append(shapely.affinity.rotate(shapely.box(x, y, x + w, y + h), turn))
    return np.array(shapes, dtype=object)


def noisy(shapes, sigma, *, seed=5):
    rng = np.random.default_rng(seed)
    moved = rng.normal(0, sigma, (len(shapes), 2))
    return shifted(shapes, moved)


@settings(max_examples=15, deadline=None)
@given(st.floats(-7, 7), st.floats(-6, 6))
def test_a_shift_comes_back_to_a_tenth_of_a_metre(east, north):
    houses = town(400)
    det = shifted(noisy(houses, 0.4), np.tile([east, north], (400, 1)))
    found = estimate_offset(det, houses, options=DiffOptions()).whole
    assert found.used
    assert (found.east, found.north) == pytest.approx((east, north), abs=0.1)


def test_a_third_of_wrong_detections_does_not_disturb_it():
    houses = town(400)
    wrong = town(170, seed=99)
    det = np.concatenate([shifted(noisy(houses, 0.4), np.tile([8.0, 0.0], (400, 1))), wrong])
    found = estimate_offset(det, houses, options=DiffOptions()).whole
    assert (found.east, found.north) == pytest.approx((8.0, 0.0), abs=0.2)


def test_a_rotated_field_is_followed_cell_by_cell():
    houses = town(3000, side=6000.0)
    middle = shapely.get_coordinates(shapely.centroid(houses))
    truth = np.column_stack([-(middle[:, 1] - 3000), middle[:, 0] - 3000]) * 0.0004 + [2.0, -1.5]
    det = shifted(noisy(houses, 0.3), truth)
    field = estimate_offset(det, houses, options=DiffOptions())
    error = np.hypot(*(field.at(middle + truth) - truth).T)
    assert error.max() < 0.1
    assert not field.disagree
    assert "region" not in field.sources.values()


def test_the_value_goes_over_evenly_from_cell_to_cell_and_stays_near_the_truth():
    houses = town(3000, side=6000.0)
    middle = shapely.get_coordinates(shapely.centroid(houses))
    truth = np.sin(middle[:, ::-1] * (2 * np.pi / 10_000))
    field = estimate_offset(shifted(noisy(houses, 0.3), truth), houses, options=DiffOptions())
    assert np.quantile(np.hypot(*(field.at(middle + truth) - truth).T), 0.95) < 0.5
    across = np.column_stack([np.linspace(100, 5900, 2000), np.full(2000, 3100.0)])
    assert np.hypot(*np.diff(field.at(across), axis=0).T).max() < 0.01


def test_where_there_are_no_pairs_a_rotation_goes_on_as_far_as_pairs_reach():
    houses = np.concatenate([town(700, side=3000.0), shifted(town(3, side=50.0), np.tile([5000.0, 0.0], (3, 1)))])
    middle = shapely.get_coordinates(shapely.centroid(houses))
    truth = np.column_stack([-middle[:, 1], middle[:, 0]]) * 0.0004
    field = estimate_offset(shifted(houses, truth), houses, options=DiffOptions())
    assert field.sources[(3, 0)] == "region"
    # The few houses far away pair too, but what they say alone is not believed.
    assert np.hypot(*(field.at(middle + truth) - truth)[-3:].T).max() < 0.5


def test_cells_with_few_pairs_take_the_value_of_their_neighbourhood_or_region():
    houses = np.concatenate(
        [town(200, side=1400.0), shifted(town(5, side=100.0), np.tile([6050.0, 50.0], (5, 1)))]
    )
    det = shifted(houses, np.tile([1.0, 1.0], (205, 1)))
    field = estimate_offset(det, houses, options=DiffOptions())
    assert field.sources[(0, 0)] == "cell"
    assert field.sources[(4, 0)] == "region"
    assert (field.cells[(4, 0)].east, field.cells[(4, 0)].north) == pytest.approx((1.0, 1.0), abs=0.05)
    assert field.cells[(0, 0)].error_m < 0.3


def test_neighbouring_cells_that_disagree_are_reported():
    houses = town(600, side=2900.0)
    middle = shapely.get_coordinates(shapely.centroid(houses))
    truth = np.where(middle[:, :1] < 1500, [[0.0, 0.0]], [[4.0, 0.0]])
    assert estimate_offset(shifted(houses, truth), houses, options=DiffOptions()).disagree


def test_few_pairs_give_no_offset():
    houses = town(6)
    field = estimate_offset(shifted(houses, np.tile([2.0, 0.0], (6, 1))), houses, options=DiffOptions())
    assert not field.whole.used
    assert field.at(np.zeros((1, 2))).tolist() == [[0.0, 0.0]]


def test_nothing_and_switched_off_give_zero():
    none = np.empty(0, dtype=object)
    houses = town(50)
    for det, osm, how in ((none, houses, "auto"), (houses, none, "auto"), (houses, houses, "off")):
        field = estimate_offset(det, osm, options=DiffOptions(offset=how))
        assert (field.whole.n_pairs, field.whole.used) == (0, False)


def test_one_offset_for_the_region_when_cells_are_switched_off():
    houses = town(100)
    field = estimate_offset(houses, houses, options=DiffOptions(offset_cell_m=0))
    assert field.whole.used
    assert field.cells == {}


def terraces(seed, *, spacing_m, east):
    """Ten rows of twenty like houses, of which four in five are mapped, and four in five found further east."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, spacing_m, (10, 1)) + spacing_m * np.arange(20)
    y = np.tile(40.0 * np.arange(10)[:, None] + rng.uniform(0, 5, (10, 1)), 20)
    houses = shapely.box(x, y, x + spacing_m - 1.5, y + 10).ravel()
    mapped, found = rng.random((2, len(houses))) < 0.8
    det = shifted(houses[found], np.tile([east, 0.0], (found.sum(), 1)) + rng.normal(0, 0.3, (found.sum(), 2)))
    return det, houses[mapped]


@pytest.mark.parametrize("spacing_m", [6.0, 8.0])
def test_rows_of_like_houses_never_give_a_wrong_offset_without_a_doubt(spacing_m):
    for seed in range(12):
        field = estimate_offset(*terraces(seed, spacing_m=spacing_m, east=2.5), options=DiffOptions())
        assert (field.whole.east, field.whole.north) == pytest.approx((2.5, 0.0), abs=0.3)
        assert field.rival is not None
        apart = np.hypot(field.rival.east - field.whole.east, field.rival.north - field.whole.north)
        assert apart == pytest.approx(spacing_m, abs=0.5)


def test_terraces_among_other_houses_leave_no_doubt():
    det, osm = terraces(1, spacing_m=8.0, east=2.5)
    houses = town(300)
    det = np.concatenate([det, shifted(houses, np.tile([2.5, 0.0], (300, 1)))])
    field = estimate_offset(det, np.concatenate([osm, houses]), options=DiffOptions())
    assert field.whole.east == pytest.approx(2.5, abs=0.1)
    assert field.rival is None


def test_what_is_new_in_rows_of_like_houses_waits_for_a_person(world, make_features, imagery, tmp_path):
    east, north = 540_000.0, 5_223_000.0
    det, osm = (
        shapely.transform(each, lambda xy: xy + (east, north)) for each in terraces(3, spacing_m=8.0, east=2.5)
    )
    for house in osm:
        world.area(house, {"building": "yes"})
    extract = world.write(tmp_path / "rows.osm.pbf")
    report = diff(make_features([("building", each) for each in det]), extract, out=tmp_path, imagery=imagery)
    assert report["counts"]["status"]["new"] == 0
    assert report["counts"]["reason"]["review:offset_doubtful"] > 10
    assert any("may be 2.5 m east" in warning for warning in report["warnings"])
    assert report["proposals"]["features"] == 0
