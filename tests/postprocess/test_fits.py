"""Regular shapes from noisy outlines: close to the truth, in the direction of the truth, and closed."""

import numpy as np
import pytest
import shapely

from postprocess.polygonal import geometry_array
from postprocess.rectangle import fit_rectangles
from postprocess.regulations import sizes_of
from postprocess.right_angles import fit_right_angles, trace_buildings
from postprocess.stadium import fit_stadiums, without_infield
from postprocess.wedge import fit_wedges
from tests.postprocess.outlines import FAR, L_HOUSE, OPTIONS, at_home, fit_shape, iou, jittered, lean_deg, one


def test_a_rectangle_comes_back_exactly():
    true = at_home(shapely.box(0, 0, 23.77, 10.97), 33)
    assert one(fit_rectangles, true).hausdorff_distance(true) < 0.01


@pytest.mark.parametrize(
    ("label", "size"),
    [
        ("tennis_court", (36.6, 18.3)),
        ("basketball_court", (28, 15)),
        ("soccer_field", (105, 68)),
        ("american_football_field", (109.7, 48.8)),
    ],
)
def test_rectangles_survive_noise_and_a_missing_fifth(label, size):
    corners, leans = [], []
    for seed in range(24):
        true = at_home(shapely.box(0, 0, *size), 7.5 * seed)
        noisy = jittered(true, sigma_m=0.5, missing=0.2, seed=seed)
        found = one(lambda outline: fit_rectangles(outline, sizes_m=sizes_of(label)), noisy)
        theirs = shapely.MultiPoint(found.exterior.coords)
        corners += [shapely.Point(corner).distance(theirs) for corner in true.exterior.coords[:-1]]
        leans.append(lean_deg(found, 7.5 * seed))
    assert np.median(corners) < 0.3
    assert np.median(leans) < 1.0


def test_a_court_with_bumps_and_bites_comes_back():
    court = shapely.box(0, 0, 23.77, 10.97)
    gains = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        bump, bite = (
            court.exterior.interpolate(rng.uniform(0, court.exterior.length)).buffer(rng.uniform(1, 4))
            for _ in range(2)
        )
        outline = at_home(max(shapely.get_parts(court.union(bump).difference(bite)), key=shapely.area), 20)
        fitted, truth = one(fit_rectangles, outline), at_home(court, 20)
        gains.append(iou(fitted, truth) - iou(outline, truth))
    assert np.mean(gains) > 0.05
    assert np.mean(np.array(gains) > 0) > 0.9


def test_a_running_track_comes_back_as_a_ring():
    axis = at_home(shapely.LineString([(-42.2, 0), (42.2, 0)]), 100)
    true = axis.buffer(46.3, quad_segs=64).difference(axis.buffer(36.5, quad_segs=64))
    found = one(fit_stadiums, jittered(true, sigma_m=0.5))
    assert len(found.interiors) == 1
    assert iou(found, true) > 0.95


def test_a_track_of_which_a_piece_is_hidden_is_closed_again():
    axis = at_home(shapely.LineString([(-42.2, 0), (42.2, 0)]), 100)
    true = axis.buffer(46.26, quad_segs=64).difference(axis.buffer(36.5, quad_segs=64))
    for hidden in (shapely.box(-20, 20, 40, 60), shapely.box(50, -60, 100, 0), shapely.box(20, -60, 75, -10)):
        found = one(fit_stadiums, true.difference(at_home(hidden, 100)))
        assert len(found.interiors) == 1
        assert iou(found, true) > 0.93


def test_an_oval_without_a_hole_comes_back_as_a_stadium():
    true = at_home(shapely.LineString([(-30, 0), (30, 0)]), 20).buffer(40, quad_segs=64)
    found = one(fit_stadiums, jittered(true, sigma_m=0.3))
    assert len(found.interiors) == 0
    assert iou(found, true) > 0.98


@pytest.mark.parametrize(("radius_m", "lanes"), [(36.5, 8), (36.5, 6), (31.0, 6), (42.0, 9)])
def test_the_infield_is_cut_out_of_the_oval_of_a_standard_track(radius_m, lanes):
    half_m = (400 - 2 * np.pi * (radius_m + 0.3)) / 4
    axis = at_home(shapely.LineString([(-half_m, 0), (half_m, 0)]), 100)
    oval, infield = (axis.buffer(radius, quad_segs=64) for radius in (radius_m + 1.22 * lanes, radius_m))
    found = without_infield(np.array([one(fit_stadiums, jittered(oval, sigma_m=0.5))]))[0]
    assert len(found.interiors) == 1
    assert iou(found, oval.difference(infield)) > 0.85


def test_ovals_that_are_no_standard_track_get_five_lanes():
    oval = shapely.LineString([(-30, 0), (30, 0)]).buffer(25, quad_segs=64)
    found = without_infield(np.array([oval]))[0]
    assert found.area == pytest.approx(oval.area - oval.buffer(-6.1).area, rel=0.01)


def test_rings_and_ovals_smaller_than_their_lanes_stay_as_they_are():
    given = np.array(
        [shapely.Point(0, 0).buffer(40).difference(shapely.Point(0, 0).buffer(30)), shapely.Point(0, 0).buffer(5)]
    )
    assert without_infield(given).tolist() == given.tolist()


@pytest.mark.parametrize("angle_deg", [0, 77, 190, 301])
def test_a_wedge_finds_home_plate(angle_deg):
    arc = np.radians(np.linspace(-45, 45, 60))
    true = at_home(shapely.Polygon([(0, 0), *zip(29 * np.cos(arc), 29 * np.sin(arc), strict=True)]), angle_deg)
    found = one(fit_wedges, jittered(true, sigma_m=0.4, seed=angle_deg))
    assert shapely.Point(found.exterior.coords[0]).distance(shapely.Point(FAR)) < 0.6
    assert iou(found, true) > 0.96


@pytest.mark.parametrize("angle_deg", [10, 130, 250])
@pytest.mark.parametrize(("pitch_m", "radius_m", "home_m"), [(18.44, 28.96, 3.96), (13.11, 18.29, 3.0)])
def test_a_skinned_infield_keeps_the_disc_at_home_and_its_direction(angle_deg, pitch_m, radius_m, home_m):
    quarter = shapely.Polygon([(0, 0), (100, -100), (100, 100)]).buffer(1.5)
    infield = quarter & shapely.Point(pitch_m, 0).buffer(radius_m, quad_segs=32)
    true = at_home(shapely.Polygon((infield | shapely.Point(0, 0).buffer(home_m)).exterior), angle_deg)
    shape, kind, residual_m = fit_shape(jittered(true, sigma_m=0.3, seed=angle_deg), "baseball_diamond")
    assert kind == "infield"
    assert iou(shape, true) > 0.97
    assert residual_m < 0.5
    behind = np.array(shape.exterior.coords[0]) - FAR
    assert abs((np.degrees(np.arctan2(*behind[::-1])) - angle_deg) % 360 - 180) < 8


@pytest.mark.parametrize("angle_deg", [0, 15, 44, 45, 80])
def test_an_l_shaped_house_keeps_six_corners_and_its_direction(angle_deg):
    true = at_home(L_HOUSE, angle_deg)
    shape, kind, residual_m = fit_shape(jittered(true, sigma_m=0.15, seed=angle_deg), "building")
    assert kind == "right_angles"
    assert len(shape.exterior.coords) == 7
    assert lean_deg(shape, angle_deg) < 1.0
    assert iou(shape, true) > 0.96
    assert 0 < residual_m < 0.4


def test_a_wall_at_45_degrees_is_kept_where_it_is_long_and_not_invented_where_it_is_not():
    cut = shapely.Polygon([(0, 0), (20, 0), (20, 8), (12, 16), (0, 16)])
    for angle_deg in (0, 20, 50):
        shape, kind, _ = fit_shape(jittered(at_home(cut, angle_deg), sigma_m=0.12, seed=angle_deg), "building")
        assert kind == "diagonals"
        assert len(shape.exterior.coords) == 6
        assert iou(shape, at_home(cut, angle_deg)) > 0.96
    assert fit_shape(jittered(at_home(L_HOUSE, 20), sigma_m=0.15), "building")[1] == "right_angles"


def test_a_round_tank_becomes_a_circle():
    true = shapely.Point(FAR).buffer(8, quad_segs=32)
    shape, kind, _ = fit_shape(jittered(true, sigma_m=0.12), "building")
    assert kind == "circle"
    assert shape.area == pytest.approx(true.area, rel=0.03)


def test_a_size_of_the_rules_draws_an_uncertain_fit_and_not_a_certain_one():
    sizes = np.array([(36.6, 18.3)])
    exact = at_home(shapely.box(0, 0, 36.0, 18.0), 20)
    assert one(lambda p: fit_rectangles(p, sizes_m=sizes), exact).hausdorff_distance(exact) < 0.02
    true = at_home(shapely.box(0, 0, 36.6, 18.3), 20)
    free, drawn = [], []
    for seed in range(20):
        noisy = jittered(true, sigma_m=0.9, missing=0.2, seed=seed)
        free.append(one(fit_rectangles, noisy).area)
        drawn.append(one(lambda p: fit_rectangles(p, sizes_m=sizes), noisy).area)
    off = [np.median(np.abs(np.array(areas) - true.area)) for areas in (drawn, free)]
    assert off[0] < off[1]


def test_another_size_than_the_rules_is_left_alone():
    noisy = jittered(at_home(shapely.box(0, 0, 33, 16.5), 20), sigma_m=0.3)
    drawn = one(lambda p: fit_rectangles(p, sizes_m=np.array([(36.6, 18.3)])), noisy)
    assert drawn.equals(one(fit_rectangles, noisy))


def test_an_outline_is_fitted_alike_alone_and_among_others():
    courts = [jittered(at_home(shapely.box(0, 0, 28, 15), 9 * k), sigma_m=0.3, seed=k) for k in range(5)]
    together = fit_rectangles(geometry_array(courts))
    assert all(
        one(fit_rectangles, court).equals_exact(each, 1e-6) for court, each in zip(courts, together, strict=True)
    )


def test_a_courtyard_is_squared_with_its_building():
    true = at_home(shapely.box(0, 0, 30, 24).difference(shapely.box(9, 8, 21, 16)), 25)
    (trace,) = trace_buildings(geometry_array([jittered(true, sigma_m=0.15)]), options=OPTIONS)
    found = fit_right_angles(trace, options=OPTIONS)
    assert len(found.interiors) == 1
    assert len(found.exterior.coords) == len(found.interiors[0].coords) == 5
    assert iou(found, true) > 0.97


def test_a_plain_house_is_a_rectangle():
    assert fit_shape(at_home(shapely.box(0, 0, 12, 9), 12), "building")[1] == "rectangle"
