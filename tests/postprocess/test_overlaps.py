"""Areas shared by many pairs at once, against GEOS's overlay."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from postprocess.overlaps import areas_inside, edges_of, shared_areas

FAR = np.array([500_000.0, 5_000_000.0])


def array(*polygons):
    out = np.empty(len(polygons), dtype=object)
    out[:] = polygons
    return out


def stars(rng, count):
    """Star-shaped polygons, some with a hole, some with a second piece, either way round, on a coarse lattice."""
    found = []
    for number in range(count):
        angle = np.sort(rng.uniform(0, 2 * np.pi, 9))
        ring = np.column_stack((np.cos(angle), np.sin(angle))) * rng.uniform(4, 9, (9, 1)) + rng.uniform(0, 12, 2)
        shape = shapely.Polygon(np.round(ring) + FAR).buffer(0)
        if number % 3 == 1:
            shape = shape.difference(shapely.Point(ring.mean(axis=0) + FAR).buffer(1.5, quad_segs=2))
        if number % 4 == 2:
            shape = shape.union(shapely.box(*(FAR + 30), *(FAR + 34)))
        if not shape.is_empty:
            found.append(shape if number % 2 else shape.reverse())
    return array(*found)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_areas_are_those_of_the_overlay(seed):
    shapes = stars(np.random.default_rng(seed), 12)
    left, right = np.triu_indices(len(shapes))
    exact = shapely.area(shapely.intersection(shapes[left], shapes[right]))
    assert shared_areas(edges_of(shapes), left, right) == pytest.approx(exact, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_areas_inside_rectangles_are_those_of_the_overlay(seed):
    rng = np.random.default_rng(seed)
    shapes = stars(rng, 12)
    rows = rng.integers(0, len(shapes), 20)
    low = FAR + rng.integers(0, 12, (20, 2))
    high = low + rng.integers(1, 12, (20, 2))
    exact = shapely.area(shapely.intersection(shapes[rows], shapely.box(*low.T, *high.T)))
    assert areas_inside(edges_of(shapes), rows, low, high) == pytest.approx(exact, abs=1e-6)


def test_squares_that_only_touch_share_nothing():
    squares = array(
        shapely.box(0, 0, 4, 4), shapely.box(4, 0, 8, 4), shapely.box(4, 4, 8, 8), shapely.box(1, 1, 3, 5)
    )
    shared = shared_areas(edges_of(squares), np.array([0, 0, 1, 0]), np.array([1, 2, 2, 3]))
    assert list(shared) == [0, 0, 0, 6]


def test_many_pairs_in_several_rounds_give_what_one_gives(monkeypatch):
    shapes = stars(np.random.default_rng(1), 12)
    left, right = np.triu_indices(len(shapes))
    at_once = shared_areas(edges_of(shapes), left, right)
    monkeypatch.setattr("postprocess.overlaps._AT_ONCE", 100)
    assert list(shared_areas(edges_of(shapes), left, right)) == list(at_once)


def test_no_pairs_have_no_areas():
    nothing = np.zeros(0, dtype=np.intp)
    assert shared_areas(edges_of(array(shapely.box(0, 0, 1, 1))), nothing, nothing).shape == (0,)
    assert areas_inside(edges_of(array()), nothing, np.zeros((0, 2)), np.zeros((0, 2))).shape == (0,)
