import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from osm.match import candidates, components, mutual_best, overlaps


def array(*shapes):
    return np.array(shapes, dtype=object)


rectangles = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 12)] * 2).map(
    lambda r: shapely.box(r[0], r[1], r[0] + r[2], r[1] + r[3])
)


def test_two_squares_that_share_a_quarter():
    pairs = overlaps(array(shapely.box(0, 0, 10, 10)), array(shapely.box(5, 5, 15, 15)))
    assert (pairs.det.tolist(), pairs.osm.tolist()) == ([0], [0])
    assert (pairs.cov_det[0], pairs.cov_osm[0]) == pytest.approx((0.25, 0.25))
    assert pairs.iou[0] == pytest.approx(25 / 175)


def test_a_court_inside_its_fence_is_covered_whole_at_a_low_iou():
    pairs = overlaps(array(shapely.box(6, 4, 29.77, 14.97)), array(shapely.box(0, 0, 36.6, 18.3)))
    assert pairs.cov_det[0] == pytest.approx(1.0)
    assert pairs.iou[0] == pytest.approx(0.389, abs=0.001)


def test_squares_that_only_touch_are_no_pair():
    assert len(overlaps(array(shapely.box(0, 0, 10, 10)), array(shapely.box(10, 0, 20, 10)))) == 0


def test_nothing_meets_nothing():
    none = np.empty(0, dtype=object)
    assert len(overlaps(none, none)) == len(overlaps(array(shapely.box(0, 0, 1, 1)), none)) == 0
    assert len(candidates(none, none)[0]) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(rectangles, max_size=8), st.lists(rectangles, max_size=8))
def test_pairs_are_those_that_looking_at_every_two_finds(det, osm):
    pairs = overlaps(array(*det), array(*osm))
    got = {(d, o): iou for d, o, iou in zip(pairs.det, pairs.osm, pairs.iou, strict=True)}
    want = {
        (d, o): a.intersection(b).area / a.union(b).area
        for d, a in enumerate(det)
        for o, b in enumerate(osm)
        if a.intersection(b).area > 0
    }
    assert got == pytest.approx(want)


def test_the_mutual_best_of_a_row_of_houses_are_the_ones_that_belong_together():
    osm = array(*[shapely.box(12 * k, 0, 12 * k + 10, 10) for k in range(5)])
    det = array(*[shapely.box(12 * k + 4, 0, 12 * k + 14, 10) for k in range(5)])
    pairs = overlaps(det, osm)
    best = pairs.where(mutual_best(pairs, n_det=5, n_osm=5))
    assert best.det.tolist() == best.osm.tolist() == [0, 1, 2, 3, 4]


def test_what_hangs_together_is_one_component_and_the_rest_are_their_own():
    osm = array(shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10), shapely.box(100, 0, 110, 10))
    det = array(shapely.box(0, 0, 20, 10), shapely.box(50, 0, 60, 10))
    of_det, of_osm = components(overlaps(det, osm), n_det=2, n_osm=3, min_cov=0.3)
    assert of_det[0] == of_osm[0] == of_osm[1]
    assert len({int(of_det[0]), int(of_det[1]), int(of_osm[2])}) == 3
