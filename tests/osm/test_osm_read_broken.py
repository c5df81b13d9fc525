"""Mapped objects whose outline is broken: what is known of them keeps doubles from being proposed."""

import numpy as np
import osmium
import pytest
import shapely

from groundplan.vector import read_vector
from osm.diff import diff
from osm.options import DiffOptions
from osm.read import read_osm
from osm.read_broken import Unbuilt

HOUSE = {"building": "house"}


def corners(box):
    return [shapely.Point(xy) for xy in box.exterior.coords[:4]]


def way(world, refs, tags):
    number = len(world.ways) + 1
    text = ",".join(f"n{ref}" for ref in refs)
    world.ways.append(f"w{number}{world._meta('2015-01-01T00:00:00Z')}{world._tags(tags)} N{text}")
    return number


def relation(world, members, tags):
    text = ",".join(f"w{ref}@{role}" for ref, role in members)
    tags = {"type": "multipolygon", **tags}
    world.relations.append(
        f"r{len(world.relations) + 1}{world._meta('2015-01-01T00:00:00Z')}{world._tags(tags)} M{text}"
    )
    return len(world.relations)


def self_crossing(world, box, tags):
    a, b, c, d = (world.place(point) for point in corners(box))
    return "way", way(world, [a, c, d, b, a], tags)


def open_way(world, box, tags):
    return "way", way(world, [world.place(point) for point in corners(box)], tags)


def without_a_node(world, box, tags):
    a, b, c, _ = (world.place(point) for point in corners(box))
    return "way", way(world, [a, b, c, 999_999, a], tags)


def open_ring(world, box, tags):
    return "relation", relation(world, [(open_way(world, box, {})[1], "outer")], tags)


def without_a_member(world, box, tags):
    outer = way(world, [world.place(point) for point in corners(box)[:3]], {})
    return "relation", relation(world, [(outer, "outer"), (999_999, "outer")], tags)


def crossing_rings(world, box, tags):
    outer = world.area(box, {})
    inner = world.area(shapely.affinity.translate(box, 12, 4), {})
    return "relation", relation(world, [(outer, "outer"), (inner, "inner")], tags)


BROKEN = [self_crossing, open_way, without_a_node, open_ring, without_a_member, crossing_rings]


@pytest.mark.parametrize("breaks", BROKEN)
def test_nothing_is_proposed_on_a_mapped_object_with_a_broken_outline(
    breaks, world, make_box, make_features, imagery, tmp_path
):
    kind, number = breaks(world, make_box(0, 0, 20, 15), HOUSE)
    world.area(make_box(200, 200, 12, 12), HOUSE)
    extract = world.write(tmp_path / "town.osm.pbf")
    assert read_osm(extract).info.n_broken == 1
    rows = [("building", make_box(0, 0, 20, 15)), ("tennis_court", make_box(-2, -4, 18, 36))]
    rows += [("building", make_box(80, 80, 12, 12))]
    report = diff(make_features(rows), extract, out=tmp_path, imagery=imagery, options=DiffOptions(offset="off"))
    changes = read_vector(tmp_path / "changes.parquet").query("status != 'osm_only'")
    (double,) = (each for each in changes.itertuples() if list(each.reasons) == ["osm_broken"])
    assert (double.label, double.status, double.proposal) == ("building", "review", "")
    assert [(each["type"], each["id"]) for each in double.osm] == [(kind, number)]
    # A court is not new there either: what is broken is a building.
    (court,) = (each for each in changes.itertuples() if each.label == "tennis_court")
    assert (court.status, list(court.reasons)) == ("review", ["implausible_context"])
    assert [(each["type"], each["id"]) for each in court.osm] == [(kind, number)]
    assert report["counts"]["status"]["new"] == 1
    assert any("broken outlines" in warning for warning in report["warnings"])


def test_whole_objects_and_lines_are_not_broken(world, make_box, tmp_path):
    world.area(make_box(0, 0, 20, 15).difference(make_box(5, 5, 3, 3)), HOUSE)
    world.area(make_box(50, 0, 20, 15), HOUSE)
    world.line(
        shapely.LineString(make_box(90, 0, 80, 150).exterior.coords[:4]), {"leisure": "track", "sport": "running"}
    )
    open_way(world, make_box(300, 0, 20, 15), {"building": "no"})
    extract = read_osm(world.write(tmp_path / "town.osm.pbf"))
    assert extract.info.n_broken == 0
    assert "broken" not in set(extract.rows["role"])


JOSM = """<osm version="0.6"><bounds minlat="47" minlon="9" maxlat="48" maxlon="10"/>
<node id="-1" lat="47.5001" lon="9.5003"/><node id="-2" lat="47.5003" lon="9.5001"/>
<node id="1" version="1" lat="47.5000" lon="9.5000"/><node id="2" version="1" lat="47.5000" lon="9.5003"/>
<node id="5" version="1" lat="47.4999" lon="9.5000"/>
<node id="3" version="1" lat="47.5001" lon="9.5000"/><node id="4" version="1" lat="47.5003" lon="9.5000"/>
<way id="-1"><nd ref="1"/><nd ref="2"/><nd ref="-1"/><nd ref="3"/><nd ref="1"/><tag k="building" v="yes"/></way>
<way id="-2"><nd ref="1"/><nd ref="2"/><nd ref="5"/><nd ref="1"/><tag k="building" v="yes"/></way>
<way id="5" version="2"><nd ref="3"/><nd ref="-1"/><nd ref="-2"/><nd ref="4"/><nd ref="3"/>
<tag k="building" v="yes"/></way>
</osm>"""


def test_what_a_mapper_is_drawing_in_josm_counts_as_mapped(tmp_path):
    path = tmp_path / "drawing.osm"
    path.write_text(JOSM)
    rows = read_osm(path).frame().set_index("osm_id")
    assert sorted(rows["role"].items()) == [(-2, "area"), (-1, "area"), (5, "area")]
    assert rows.loc[-1, "geometry"].equals(shapely.box(9.5, 47.5, 9.5003, 47.5001))
    drawn = shapely.Polygon([(9.5, 47.5001), (9.5003, 47.5001), (9.5001, 47.5003), (9.5, 47.5003)])
    assert rows.loc[5, "geometry"].equals(drawn)
    assert read_osm(path).info.n_broken == 0


OPEN = '<way id="-1"><nd ref="1"/><nd ref="2"/><nd ref="-1"/>'
RING = f'{OPEN}<nd ref="1"/></way>'
OUTER = '<member type="way" ref="-1" role="outer"/>'
JOSM_BROKEN = {
    "an open new way": OPEN + "{building}</way>",
    "a new way that lacks a node": OPEN + '<nd ref="9"/><nd ref="1"/>{building}</way>',
    "an open new multipolygon": OPEN + '</way><relation id="-1">' + OUTER + "{multipolygon}</relation>",
    "a new multipolygon that lacks a member": RING
    + f'<relation id="-1">{OUTER}<member type="way" ref="-9" role="outer"/>'
    + "{multipolygon}</relation>",
    "a mapped multipolygon with a new way": RING
    + f'<relation id="7" version="2">{OUTER}'
    + "{multipolygon}</relation>",
}


@pytest.mark.parametrize("case", JOSM_BROKEN)
def test_what_is_unfinished_in_josm_counts_as_mapped(case, tmp_path):
    building = '<tag k="building" v="yes"/>'
    multipolygon = f'<tag k="type" v="multipolygon"/>{building}'
    path = tmp_path / "drawing.osm"
    path.write_text(
        '<osm version="0.6"><node id="-1" lat="47.5001" lon="9.5003"/>'
        '<node id="1" version="1" lat="47.5" lon="9.5"/><node id="2" version="1" lat="47.5" lon="9.5003"/>'
        + JOSM_BROKEN[case].format(building=building, multipolygon=multipolygon)
        + "</osm>"
    )
    extract = read_osm(path)
    assert extract.info.n_broken == 1
    (row,) = extract.frame().itertuples()
    assert (row.role, row.label) == ("broken", "building")
    assert row.geometry.intersects(shapely.Point(9.5003, 47.5001))


def test_a_new_multipolygon_may_have_mapped_members(tmp_path):
    path = tmp_path / "drawing.osm"
    spots = {1: (0, 0), 2: (9, 0), 3: (9, 9), 4: (0, 9), -1: (2, 2), -2: (4, 2), -3: (4, 4)}
    nodes = "".join(
        f'<node id="{number}" version="1" lat="{47 + y * 1e-4:.7f}" lon="{9 + x * 1e-4:.7f}"/>'
        for number, (x, y) in sorted(spots.items(), key=lambda each: (each[0] > 0, abs(each[0])))
    )
    ways = "".join(
        f'<way id="{number}" version="1">' + "".join(f'<nd ref="{ref}"/>' for ref in refs) + "</way>"
        for number, refs in ((-1, (-1, -2, -3, -1)), (1, (1, 2, 3, 4, 1)))
    )
    path.write_text(
        f'<osm version="0.6">{nodes}{ways}<relation id="-1"><member type="way" ref="1" role="outer"/>'
        '<member type="way" ref="-1" role="inner"/><tag k="type" v="multipolygon"/><tag k="building" v="yes"/>'
        "</relation></osm>"
    )
    (row,) = read_osm(path).frame().itertuples()
    assert (row.osm_id, row.role) == (-1, "area")
    assert row.geometry.area == pytest.approx(79e-8)


@pytest.mark.parametrize(
    ("tags", "label"),
    [
        ({"leisure": "pitch"}, "tennis_court"),
        ({"leisure": "pitch", "sport": "soccer"}, "tennis_court"),
        ({"leisure": "pitch", "sport": "volleyball"}, "tennis_court"),
        ({"building:part": "yes"}, "building"),
    ],
)
def test_a_broken_outline_keeps_what_row_8_would_doubt_from_being_new(
    tags, label, world, make_box, make_features, imagery, tmp_path
):
    open_way(world, make_box(0, 0, 24, 15), tags)
    extract = world.write(tmp_path / "town.osm.pbf")
    rows = make_features([(label, make_box(0, 0, 24, 15))])
    report = diff(rows, extract, out=tmp_path, imagery=imagery, options=DiffOptions(offset="off"))
    assert report["counts"]["reason"] == {"review:osm_broken": 1}


def test_a_way_that_crosses_itself_everywhere_takes_no_hour(world, make_box, tmp_path):
    xy = np.random.default_rng(1).uniform(0, 50, (600, 2))
    corner = shapely.get_coordinates(make_box(0, 0, 1, 1))[:, :2].min(axis=0)
    nodes = [world.place(shapely.Point(corner + each)) for each in xy]
    way(world, [*nodes, nodes[0]], HOUSE)
    (ground,) = read_osm(world.write(tmp_path / "tangle.osm.pbf")).frame().query("role == 'broken'").geometry
    assert ground.geom_type == "Polygon"


def test_only_multipolygons_without_an_area_are_kept(world, make_box, tmp_path):
    world.area(make_box(0, 0, 20, 15).difference(make_box(5, 5, 3, 3)), HOUSE)
    path = world.write(tmp_path / "town.osm.pbf")
    unbuilt = Unbuilt()
    objects = osmium.FileProcessor(str(path)).with_areas(osmium.filter.KeyFilter("building"))
    for item in objects.with_filter(osmium.filter.KeyFilter("building")):
        if item.is_area():
            unbuilt.look_at_area(item, built=True)
        elif item.is_relation():
            unbuilt.look_at_relation(item)
    assert (len(unbuilt), unbuilt.built) == (0, set())
