import gzip

import osmium
import pytest
import shapely

from groundplan.errors import OsmFileError
from osm import read
from osm.read import read_osm
from osm.read_reach import TELLING_NODES
from osm.window import NOWHERE


def rows(frame, **wanted):
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    return frame


def test_areas_nodes_lines_vetoes_and_blockers_get_their_roles(world, make_box, tmp_path):
    yard = make_box(0, 0, 40, 40).difference(make_box(10, 10, 20, 20))
    world.area(yard, {"building": "yes"})
    world.area(make_box(100, 0, 10, 10), {"building": "no"})
    world.area(make_box(200, 0, 36, 18), {"leisure": "pitch", "sport": "tennis;soccer"})
    world.area(make_box(300, 0, 36, 18), {"leisure": "pitch"})
    world.line(make_box(400, 0, 90, 60).exterior, {"leisure": "track", "sport": "athletics"})
    world.area(make_box(600, 0, 20, 20), {"razed:building": "yes"})
    world.place(make_box(700, 0, 2, 2).centroid, {"building": "house"})
    world.line(shapely.LineString(make_box(800, 0, 50, 1).exterior.coords[:3]), {"highway": "service"})
    world.area(make_box(900, 0, 30, 30), {"leisure": "swimming_pool"})
    world.area(make_box(950, 0, 30, 30), {"landuse": "farmyard"})
    frame = read_osm(world.write(tmp_path / "a.osm.pbf")).frame()
    assert frame.groupby(["role", "label"]).size().to_dict() == {
        ("area", "building"): 1,
        ("area", "soccer_field"): 1,
        ("area", "tennis_court"): 1,
        ("blocker", ""): 2,
        ("line", "running_track"): 1,
        ("node", "building"): 1,
        ("other_sport", ""): 1,
        ("veto", "building"): 1,
    }
    building = rows(frame, role="area", label="building").iloc[0]
    assert (building.osm_type, building.osm_id, building.version) == ("relation", 1, 2)
    assert building.timestamp == "2015-01-01T00:00:00Z"
    assert building.tags == {"building": "yes"}
    assert building.geometry.area / building.geometry.envelope.area == pytest.approx(0.75, abs=0.02)


def test_an_extract_without_metadata_has_no_versions(world, make_box, tmp_path):
    world.metadata = False
    world.area(make_box(0, 0, 10, 10), {"building": "yes"})
    extract = read_osm(world.write(tmp_path / "a.osm.pbf"))
    assert not extract.info.has_metadata
    assert extract.frame()["version"].to_list() == [0]
    assert extract.frame()["timestamp"].to_list() == [""]


def test_an_empty_extract_is_fine(world, tmp_path):
    path = tmp_path / "empty.osm"
    path.write_text("<?xml version='1.0'?><osm version='0.6' generator='test'></osm>")
    extract = read_osm(path)
    assert extract.frame().empty
    assert extract.info.bbox is None
    assert extract.frame().crs.to_epsg() == 4326


@pytest.mark.parametrize("suffix", [".osm.pbf", ".osm", ".osm.gz", ".osm.bz2"])
def test_every_format_gives_the_same_elements(world, make_box, tmp_path, suffix):
    world.area(make_box(0, 0, 10, 10), {"building": "yes"})
    frame = read_osm(world.write(tmp_path / f"a{suffix}")).frame()
    assert frame["osm_id"].to_list() == [1]
    assert frame.geometry.iloc[0].is_valid


def test_the_header_tells_where_the_extract_reaches_and_how_old_it_is(tmp_path):
    path = tmp_path / "a.osm"
    path.write_text(
        "<?xml version='1.0'?><osm version='0.6' generator='test'>"
        "<bounds minlat='47' minlon='9' maxlat='47.5' maxlon='9.5'/></osm>"
    )
    assert read_osm(path).info.bbox == (9.0, 47.0, 9.5, 47.5)


@pytest.mark.parametrize(("count", "known"), [(TELLING_NODES, True), (TELLING_NODES - 1, False)])
def test_an_extract_that_states_no_box_reaches_as_far_as_its_nodes_where_they_are_many(tmp_path, count, known):
    nodes = [f"n{n + 1} x{9 + n / count:.7f} y{47 + n % 2}" for n in range(count)]
    path = tmp_path / "a.opl"
    path.write_text("\n".join(nodes) + "\n")
    info = read_osm(path).info
    assert not info.stated
    assert info.boxes == (((9.0, 47.0, pytest.approx(10, abs=2e-3), 48.0),) if known else ())


def test_closed_ways_and_multipolygons_with_negative_ids_are_read(tmp_path):
    path = tmp_path / "josm.osm"
    spots = [(0, 0), (0, 4), (4, 4), (4, 0), (1, 1), (1, 2), (2, 2), (2, 1)]
    nodes = "".join(
        f"<node id='{-k - 1}' lat='{47 + y * 1e-4:.7f}' lon='{9 + x * 1e-4:.7f}'/>"
        for k, (x, y) in enumerate(spots)
    )
    ways = "".join(
        f"<way id='{-w}'>" + "".join(f"<nd ref='{-r}'/>" for r in refs) + "</way>"
        for w, refs in ((1, (1, 2, 3, 4, 1)), (2, (5, 6, 7, 8, 5)))
    )
    relation = (
        "<relation id='-1'><member type='way' ref='-1' role='outer'/><member type='way' ref='-2' role='inner'/>"
        "<tag k='type' v='multipolygon'/><tag k='building' v='yes'/></relation>"
    )
    path.write_text(f"<?xml version='1.0'?><osm version='0.6'>{nodes}{ways}{relation}</osm>")
    frame = read_osm(path).frame()
    assert frame[["osm_type", "osm_id", "role"]].to_numpy().tolist() == [["relation", -1, "area"]]
    assert frame.geometry.iloc[0].area == pytest.approx(15e-8, rel=1e-3)


def test_what_lies_outside_the_window_is_read_over(world, make_box, tmp_path, monkeypatch):
    monkeypatch.setattr(read, "ROWS_AT_ONCE", 3)
    for k in range(10):
        world.area(make_box(200 * k, 0, 10, 10), {"building": "yes"})
    world.area(make_box(-500, -500, 3000, 100), {"leisure": "pitch", "sport": "soccer"})
    path = world.write(tmp_path / "a.osm.pbf")
    whole = read_osm(path)
    boxes = whole.frame().geometry.bounds
    houses = boxes[boxes.miny > boxes.miny.min()].sort_values("minx")
    # From the middle of the third house to that of the fifth; the pitch lies below.
    west, east = houses[["minx", "maxx"]].mean(axis=1).iloc[[2, 4]]
    south, north = houses.miny.min(), houses.maxy.max()
    part = read_osm(path, window=(west, south, east, north))
    near = (boxes.minx <= east) & (boxes.maxx >= west) & (boxes.maxy >= south)
    assert near.sum() == 3
    assert part.frame().equals(whole.frame()[near].reset_index(drop=True))
    assert part.info == whole.info
    nothing = read_osm(path, window=NOWHERE)
    assert nothing.frame().empty
    assert nothing.info == whole.info


def test_an_unsorted_extract_is_refused_and_told_to_be_sorted(tmp_path):
    opl = tmp_path / "a.opl"
    square = ["n1 x9 y47", "n2 x9.001 y47", "n3 x9.001 y47.001"]
    opl.write_text("\n".join([*square, "w7 Tbuilding=yes Nn1,n2,n3,n1", "w3 Tbuilding=yes Nn1,n2,n3,n1"]) + "\n")
    path = tmp_path / "a.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        for item in osmium.FileProcessor(str(opl)):
            writer.add(item)
    with pytest.raises(OsmFileError, match=r"not sorted .* osmium sort a\.osm\.pbf"):
        read_osm(path)


def test_missing_truncated_and_foreign_files_are_refused_in_one_line(tmp_path):
    opl = tmp_path / "whole.opl"
    # More nodes than one block of the file holds.
    spots = [f"n{k + 1} v1 Tname={k * 7919} x{k * 7919 % 97 / 10:.7f} y{k % 89 / 2}" for k in range(12_000)]
    opl.write_text("\n".join(spots) + "\n")
    with osmium.SimpleWriter(str(tmp_path / "whole.osm.pbf")) as writer:
        for item in osmium.FileProcessor(str(opl)):
            writer.add(item)
    data = (tmp_path / "whole.osm.pbf").read_bytes()
    (tmp_path / "cut.osm.pbf").write_bytes(data[: len(data) * 2 // 3])
    (tmp_path / "cut.osm").write_text("<?xml version='1.0'?><osm version='0.6'><node id='1' lat='1' lon='2'/>")
    (tmp_path / "page.osm").write_text("<html><body>Too many requests</body></html>")
    (tmp_path / "noise.osm.pbf").write_bytes(b"\xff" * 4000)
    (tmp_path / "cut.osm.gz").write_bytes(gzip.compress(b"<?xml version='1.0'?><osm version='0.6'/>")[:20])
    (tmp_path / "places.geojson").write_text('{"type": "FeatureCollection", "features": []}')
    for name in (
        "cut.osm.pbf",
        "cut.osm",
        "page.osm",
        "noise.osm.pbf",
        "cut.osm.gz",
        "places.geojson",
        "absent.osm",
    ):
        with pytest.raises(OsmFileError) as caught:
            read_osm(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


def test_ways_with_missing_nodes_are_counted_and_left_out(tmp_path):
    path = tmp_path / "clipped.osm"
    path.write_text(
        "<?xml version='1.0'?><osm version='0.6'><node id='1' version='1' lat='47' lon='9'/>"
        "<way id='1' version='1'><nd ref='1'/><nd ref='2'/><tag k='highway' v='service'/></way></osm>"
    )
    extract = read_osm(path)
    assert extract.frame().empty
    assert extract.info.n_broken == 1


def test_liechtenstein_has_the_buildings_that_other_tools_count(liechtenstein):
    extract = read_osm(liechtenstein)
    assert extract.info.has_metadata
    assert extract.info.n_broken == 1  # a climbing pitch that crosses itself: way 838309271
    assert extract.info.timestamp == "2022-07-24T20:21:51Z"
    assert extract.info.bbox == pytest.approx((9.471078, 47.04774, 9.636217, 47.27128))
    frame = extract.frame()
    buildings = rows(frame, role="area", label="building")
    assert len(buildings) == pytest.approx(17_639, abs=5)
    assert shapely.is_valid(buildings.geometry.to_numpy()).mean() > 0.999
    tennis = rows(frame, role="area", label="tennis_court")
    assert len(tennis) == 21
