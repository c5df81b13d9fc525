import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from osm import shared_area
from osm.shared_area import polygon_edges, shared_areas


def each_pair(left, right):
    pairs = np.meshgrid(np.arange(len(left)), np.arange(len(right)), indexing="ij")
    return pairs[0].ravel(), pairs[1].ravel()


@st.composite
def ragged(draw):
    """A star-shaped polygon with a hole in some, near five million metres north."""
    n = draw(st.integers(3, 9))
    radii = draw(st.lists(st.floats(2, 20), min_size=n, max_size=n))
    x, y = draw(st.floats(-15, 15)), draw(st.floats(-15, 15))
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False) + draw(st.floats(0, 6))
    xy = np.column_stack([np.cos(turn), np.sin(turn)]) * np.array(radii)[:, None] + [540_000 + x, 5_223_000 + y]
    shape = shapely.Polygon(xy)
    if draw(st.booleans()):
        shape = shape.difference(shape.centroid.buffer(draw(st.floats(0.5, 4)), quad_segs=1))
    return shape if shape.area > 0.1 else shapely.box(0, 0, 1, 1)


@settings(max_examples=80, deadline=None)
@given(st.lists(ragged(), min_size=1, max_size=4), st.lists(ragged(), min_size=1, max_size=4))
def test_shared_areas_are_those_of_the_intersections(left, right):
    left, right = np.array(left, dtype=object), np.array(right, dtype=object)
    pairs = each_pair(left, right)
    want = shapely.area(shapely.intersection(left[pairs[0]], right[pairs[1]]))
    assert shared_areas(left, right, pairs=pairs) == pytest.approx(want, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(-3, 3), st.integers(-3, 3), st.integers(1, 4), st.integers(1, 4))
def test_shared_edges_and_corners_do_not_disturb_it(x, y, width, height):
    one = np.array([shapely.box(0, 0, 3, 3)], dtype=object)
    other = np.array([shapely.box(x, y, x + width, y + height)], dtype=object)
    want = one[0].intersection(other[0]).area
    assert shared_areas(one, other, pairs=each_pair(one, other))[0] == pytest.approx(want, abs=1e-12)


def test_two_parts_with_holes_count_each_part_once():
    ring = shapely.box(0, 0, 10, 10).difference(shapely.box(3, 3, 7, 7))
    both = shapely.MultiPolygon([ring, shapely.box(20, 0, 30, 10)])
    left, right = np.array([both], dtype=object), np.array([shapely.box(-5, -5, 25, 5)], dtype=object)
    assert shared_areas(left, right, pairs=each_pair(left, right))[0] == pytest.approx(50 - 8 + 25)


def test_polygons_with_many_edges_give_the_same_as_few(monkeypatch):
    left = np.array([shapely.Point(0, 0).buffer(10, quad_segs=64)], dtype=object)
    right = np.array([shapely.Point(5, 0).buffer(10, quad_segs=64)], dtype=object)
    pairs = each_pair(left, right)
    by_geos = shared_areas(left, right, pairs=pairs)
    monkeypatch.setattr(shared_area, "MOST_EDGE_PAIRS", 10**9)
    assert shared_areas(left, right, pairs=pairs) == pytest.approx(by_geos)


def test_the_sum_of_a_pair_does_not_depend_on_the_chunks(monkeypatch):
    rng = np.random.default_rng(2)
    left = shapely.buffer(shapely.points(rng.uniform(0, 50, (40, 2))), 5.0, quad_segs=2)
    pairs = each_pair(left, left)
    whole = shared_areas(left, left, pairs=pairs)
    monkeypatch.setattr(shared_area, "CHUNK", 100)
    assert np.array_equal(shared_areas(left, left, pairs=pairs), whole)


def test_edges_run_counter_clockwise_outside_and_nothing_has_none():
    edges = polygon_edges(np.array([shapely.box(0, 0, 2, 1), None], dtype=object))
    assert edges.count.tolist() == [4, 0]
    turn = (edges.start[:, 0] * edges.end[:, 1] - edges.end[:, 0] * edges.start[:, 1]).sum() / 2
    assert turn == 2.0
    none = np.empty(0, dtype=object)
    assert len(shared_areas(none, none, pairs=(np.empty(0, np.int64), np.empty(0, np.int64)))) == 0
