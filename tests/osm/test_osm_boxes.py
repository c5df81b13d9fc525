"""The boxes that an OSM file covers."""

import bz2
import gzip
import time

import pytest
import shapely

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.vector import read_vector
from osm.boxes import HEAD_BYTES, around, covered_ground, stated_boxes
from osm.diff import diff
from osm.options import DiffOptions
from osm.read import read_osm
from osm.read_extent import read_extent

CRS = "EPSG:32632"
WEST, EAST = (9.0, 47.0, 9.1, 47.1), (9.3, 47.0, 9.4, 47.1)


def bounds(west, south, east, north):
    return f"<bounds minlat='{south}' minlon=\"{west}\" origin='a > b' maxlat='{north}' maxlon='{east}'/>"


def osm_file(path, *boxes, body=""):
    text = "<?xml version='1.0'?><osm version='0.6'>" + "".join(bounds(*box) for box in boxes) + body + "</osm>"
    opened = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    with opened(path, "wt") as file:
        file.write(text)
    return path


@pytest.mark.parametrize("suffix", [".osm", ".osm.gz", ".osm.bz2"])
def test_all_downloads_of_a_file_are_its_boxes(tmp_path, suffix):
    path = osm_file(tmp_path / f"two{suffix}", WEST, EAST, WEST)
    info = read_osm(path).info
    assert info.boxes == read_extent(path).boxes == (WEST, EAST)
    assert info.bbox == (9.0, 47.0, 9.4, 47.1)


def test_boxes_in_comments_behind_elements_and_out_of_the_world_do_not_count(tmp_path):
    body = f"<!-- {bounds(*EAST)} --><node id='1' version='1' lat='47' lon='9'/>{bounds(*EAST)}"
    path = osm_file(tmp_path / "one.osm", WEST, (9.0, 47.0, 200.0, 48.0), (9.2, 47.0, 9.1, 48.0), body=body)
    assert stated_boxes(path, WEST) == (WEST,)


def test_a_file_that_states_no_box_has_none(tmp_path):
    path = osm_file(tmp_path / "none.osm")
    assert read_osm(path).info.boxes == ()
    assert around(()) is None
    assert stated_boxes(tmp_path / "a.osm.pbf", WEST) == (WEST,)


@pytest.mark.parametrize("piece", [b"<bounds ", b'<bounds "', b"<!--", b'""', b"<bounds a='"])
def test_files_made_to_take_long_do_not(tmp_path, piece):
    path = tmp_path / "long.osm"
    path.write_bytes(b"<bounds " + piece * (HEAD_BYTES // len(piece)))
    started = time.perf_counter()
    assert stated_boxes(path, WEST) == (WEST,)
    assert time.perf_counter() - started < 5


def test_boxes_that_meet_are_one_ground_and_gaps_are_not_covered():
    ground = covered_ground((WEST, (9.1, 47.0, 9.2, 47.1), EAST))
    inside = shapely.contains_properly(ground, shapely.points([(9.1, 47.05), (9.25, 47.05), (9.35, 47.05)]))
    assert inside.tolist() == [True, False, True]


@pytest.mark.parametrize("turned", [False, True])
def test_what_lies_between_two_downloads_lies_at_an_edge(turned, make_box, make_features, imagery, tmp_path):
    places = [make_box(x, 0, 12, 12) for x in (0, 1500, 3000)]
    around_m = [shapely.buffer(place, 400, join_style="mitre") for place in places[::2]]
    lon_lat = transform_geometries(around_m, source=CRS, target=LON_LAT)
    boxes = [tuple(round(side, 7) for side in each.bounds) for each in lon_lat]
    path = osm_file(tmp_path / "drawn.osm", *(boxes[::-1] if turned else boxes))
    options = DiffOptions(offset="off")
    rows = [("building", place) for place in places]
    report = diff(make_features(rows), path, out=tmp_path / "all", imagery=imagery, options=options)
    changes = read_vector(tmp_path / "all" / "changes.parquet")
    found = {
        (row.status, *row.reasons): row.geometry.centroid.x for row in changes.itertuples() if row.status != "new"
    }
    assert list(found) == [("review", "edge")]
    assert report["counts"]["status"]["new"] == 2
    assert any("does not reach" in warning for warning in report["warnings"])
    report = diff(make_features(rows[::2]), path, out=tmp_path / "two", imagery=imagery, options=options)
    assert report["counts"]["status"]["new"] == 2
    assert not any("does not reach" in warning for warning in report["warnings"])
