"""The quick way to simplify outlines gives what GEOS's slow one gives."""

import numpy as np
import pytest
import shapely

from postprocess.simplified import simplified


def slow(polygons, tolerance):
    return shapely.simplify(polygons, tolerance, preserve_topology=True)


def wobbly(rng, *, vertices, noise):
    """Return a closed outline around the origin that begins anywhere."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False) + rng.uniform(0, 2 * np.pi)
    wide, tall = rng.uniform(4, 40, 2)
    # A box with round corners has the straight runs that outlines of buildings have.
    x, y = (np.sign(side) * np.abs(side) ** 0.3 for side in (np.cos(angle), np.sin(angle)))
    return shapely.Polygon(np.column_stack((wide * x, tall * y)) + rng.normal(0, noise, (vertices, 2)))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_single_rings_are_simplified_as_by_geos_wherever_they_begin(noise):
    rng = np.random.default_rng(8)
    polygons = np.array([wobbly(rng, vertices=int(rng.integers(24, 90)), noise=noise) for _ in range(400)])
    polygons = polygons[shapely.is_valid(polygons)]
    found, wanted = simplified(polygons, np.full(len(polygons), 0.27)), slow(polygons, 0.27)
    assert (shapely.get_num_coordinates(wanted) < shapely.get_num_coordinates(polygons)).mean() > 0.8
    assert (shapely.to_wkb(found) == shapely.to_wkb(wanted)).all()


def test_a_straight_first_edge_keeps_the_vertex_that_geos_leaves_on_it():
    edge = shapely.Polygon([(0, 0), (3, 0.1), (6, 0), (5, 2), (3, 4), (0, 2)])
    assert shapely.get_num_coordinates(slow(edge, 0.27)) == 7
    assert shapely.equals_exact(simplified(np.array([edge]), np.array([0.27])), slow(edge, 0.27)).all()


def test_an_outline_that_would_cross_itself_is_left_valid():
    # The shore bulges around the tip of the spit by less than the tolerance.
    spit = [(11, 9), (10.5, -0.9), (10, 9)]
    shore = shapely.Polygon([(0, 0), (5, -0.5), (10, -1), (15, -0.5), (20, 0), (20, 9), *spit, (0, 9)])
    assert shore.is_valid
    (found,) = simplified(np.array([shore]), np.array([1.2]))
    assert found.is_valid
    assert shapely.equals_exact(found, slow(shore, 1.2))


def test_specks_holes_pieces_and_missing_ones_are_as_by_geos():
    ring = shapely.box(0, 0, 9, 9).difference(shapely.box(3, 3, 6, 6.1))
    polygons = np.array([shapely.box(0, 0, 0.1, 0.1), ring, shapely.MultiPolygon([ring.envelope]), None])
    found = simplified(polygons, np.array([1.0, 0.1, 0.1, 0.1]))
    assert found[3] is None
    assert shapely.equals_exact(found[:3], slow(polygons[:3], [1.0, 0.1, 0.1])).all()
    assert simplified(np.empty(0, dtype=object), np.empty(0)).shape == (0,)
