import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from groundplan.crs import LON_LAT, transform_geometries
from osm.options import DiffOptions
from osm.outline import fits_osm, prepare_outlines, round_lon_lat

CRS = "EPSG:32632"


def prepare(*shapes, **options):
    return prepare_outlines(np.array(shapes, dtype=object), crs=CRS, options=DiffOptions(**options))


def at(x, y, width, height):
    return shapely.box(540_000 + x, 5_223_000 + y, 540_000 + x + width, 5_223_000 + y + height)


def test_a_rectangle_keeps_its_four_corners_counter_clockwise():
    outlines = prepare(at(0, 0, 24, 11))
    shape = outlines.lon_lat[0]
    assert outlines.ok[0]
    assert len(shape.exterior.coords) == 5
    assert shape.exterior.is_ccw
    assert outlines.metric[0].area == pytest.approx(264, abs=0.5)


def test_coordinates_lie_on_the_grid_of_osm():
    xy = shapely.get_coordinates(prepare(at(0.123456, 0.98765, 24.1, 11.3)).lon_lat)
    assert np.array_equal(xy, np.round(xy, 7))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60)), min_size=4, max_size=14),
)
def test_whatever_is_said_to_fit_is_valid_with_distinct_nodes(points):
    hull = shapely.MultiPoint(points).buffer(1.5).buffer(-1.0)
    shape = max(shapely.get_parts(hull), key=lambda each: each.area)
    moved = shapely.affinity.translate(shape, 540_000, 5_223_000)
    outlines = prepare(moved)
    if outlines.ok[0]:
        polygon = outlines.lon_lat[0]
        nodes = [xy for ring in (polygon.exterior, *polygon.interiors) for xy in ring.coords[:-1]]
        assert polygon.is_valid
        assert len(set(nodes)) == len(nodes) >= 4
        assert outlines.metric[0].area == pytest.approx(moved.area, rel=0.05, abs=1.0)


def test_outlines_with_many_nodes_are_simplified_to_the_limit():
    outlines = prepare(at(0, 0, 1, 1).centroid.buffer(60, quad_segs=400), simplify_m=0.0, max_ring_nodes=60)
    assert shapely.get_num_coordinates(outlines.lon_lat[0]) <= 60
    assert outlines.metric[0].area == pytest.approx(np.pi * 3600, rel=0.02)


def test_holes_stay_when_large_and_close_when_small():
    yard = at(0, 0, 40, 40).difference(at(10, 10, 10, 10)).difference(at(30, 30, 1, 1))
    outlines = prepare(yard)
    assert len(outlines.lon_lat[0].interiors) == 1
    assert not outlines.lon_lat[0].interiors[0].is_ccw
    assert outlines.ok[0]


def test_triangles_slivers_and_the_180th_meridian_do_not_fit():
    far = shapely.box(-179.9999, 10.0, 179.9999, 10.0001)
    triangle = shapely.Polygon([(9, 47), (9.001, 47), (9, 47.001)])
    bow = shapely.Polygon([(9, 47), (9.001, 47.001), (9.001, 47), (9, 47.001)])
    assert fits_osm(np.array([far, triangle, bow, shapely.Polygon()], dtype=object)).tolist() == [False] * 4


def test_a_spike_that_rounding_makes_is_cut_off():
    spiked = shapely.Polygon(
        [
            (9, 47),
            (9.001, 47),
            (9.001, 47.0005),
            (9.002, 47.0005),
            (9.001, 47.00050001),
            (9.001, 47.001),
            (9, 47.001),
        ]
    )
    shape = round_lon_lat(np.array([spiked], dtype=object))[0]
    assert shape.is_valid
    assert shape.bounds[2] == 9.001


def test_no_polygons_give_no_outlines():
    assert len(prepare().ok) == 0


@pytest.mark.parametrize("lat", [0.0, 52.0, 65.0])
def test_a_hundred_metre_square_measures_ten_thousand_square_metres(lat):
    zone = "EPSG:32631"
    middle = transform_geometries([shapely.Point(3.0, lat)], source=LON_LAT, target=zone)[0]
    square = shapely.box(middle.x - 50, middle.y - 50, middle.x + 50, middle.y + 50)
    outlines = prepare_outlines(np.array([square], dtype=object), crs=zone, options=DiffOptions())
    assert outlines.metric[0].area == pytest.approx(10_000, rel=0.001)
