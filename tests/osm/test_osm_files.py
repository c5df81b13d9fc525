"""Proposal files judged by xmllint, osmium and their own readers."""

import base64
import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from osm.elements import Proposal, make_elements, make_elements_apart
from osm.josm import josm_text
from osm.maproulette import Task, maproulette_text
from osm.osmchange import osmchange_text
from osm.outline import round_lon_lat
from osm.xml import attribute

SCHEMA = Path(__file__).with_name("osmchange.xsd")


def square(lon=9.51, lat=47.16, *, hole=False):
    shape = shapely.box(lon, lat, lon + 3e-4, lat + 2e-4, ccw=True)
    if hole:
        shape = shape.difference(shapely.box(lon + 1e-4, lat + 5e-5, lon + 2e-4, lat + 1e-4))
    return round_lon_lat(np.array([shape], dtype=object))[0]


def proposals():
    return [
        Proposal(id="p-1", label="building", tags={"building": "yes"}, polygon=square()),
        Proposal(id="p-2", label="building", tags={"building": "yes"}, polygon=square(9.52, hole=True)),
        Proposal(
            id="p-3", label="tennis_court", tags={"leisure": "pitch", "sport": "tennis"}, polygon=square(-0.1, -1)
        ),
    ]


def judge(command, *arguments):
    return subprocess.run([command, *map(str, arguments)], capture_output=True, text=True)


def test_osmchange_has_nodes_then_ways_then_relations_with_ids_from_minus_one():
    elements = make_elements(proposals())
    text, main = osmchange_text(elements), elements.main
    create = ET.fromstring(text).find("create")
    assert [child.tag for child in create] == ["node"] * 16 + ["way"] * 4 + ["relation"]
    for kind in ("node", "way", "relation"):
        ids = [int(each.get("id")) for each in create.findall(kind)]
        assert ids == [-1 - k for k in range(len(ids))]
    assert main == ("way/-1", "relation/-1", "way/-4")
    assert "<delete" not in text
    assert 'lat="47.1600000" lon="9.5100000"' in text


def test_osmchange_fits_the_schema_and_the_schema_refuses_what_does_not(xmllint, tmp_path):
    text = osmchange_text(make_elements(proposals()))
    good, bad = tmp_path / "good.osc", tmp_path / "bad.osc"
    good.write_text(text, encoding="utf-8")
    bad.write_text(text.replace('<way id="-1" version="1">', '<way id="1" version="1">'), encoding="utf-8")
    assert judge(xmllint, "--noout", "--schema", SCHEMA, good).returncode == 0
    assert judge(xmllint, "--noout", "--schema", SCHEMA, bad).returncode != 0


def test_osmium_reads_the_same_elements_back(osmium_tool, tmp_path):
    path = tmp_path / "a.osc"
    path.write_text(osmchange_text(make_elements(proposals())), encoding="utf-8")
    read = judge(osmium_tool, "cat", path, "-f", "opl")
    assert read.returncode == 0, read.stderr
    kinds = [line[0] for line in read.stdout.splitlines()]
    assert (kinds.count("n"), kinds.count("w"), kinds.count("r")) == (16, 4, 1)
    # Creates, not modifies: libosmium tells them apart by the version.
    assert all(" v1 " in line for line in read.stdout.splitlines())


def test_a_building_with_a_hole_is_one_polygon_again(osmium_tool, tmp_path):
    path = tmp_path / "a.osm"
    path.write_text(josm_text(make_elements(proposals()[1:2]), changeset_tags={}), encoding="utf-8")
    read = judge(osmium_tool, "export", path, "-f", "geojson", "--geometry-types=polygon")
    assert read.returncode == 0, read.stderr
    (feature,) = json.loads(read.stdout)["features"]
    assert shapely.geometry.shape(feature["geometry"]).area == pytest.approx(
        square(9.52, hole=True).area, rel=1e-6
    )
    assert feature["properties"]["building"] == "yes"


def test_josm_files_warn_before_upload_and_mark_every_element(xmllint, tmp_path):
    text = josm_text(make_elements(proposals()), changeset_tags={"comment": "Add <3> & more", "source": "demo"})
    path = tmp_path / "a.osm"
    path.write_text(text, encoding="utf-8")
    assert judge(xmllint, "--noout", path).returncode == 0
    root = ET.fromstring(text)
    assert root.get("upload") == "false"
    assert {each.get("action") for each in root if each.tag != "changeset"} == {"modify"}
    assert root.find("changeset/tag").get("v") == "Add <3> & more"
    assert ET.fromstring(josm_text(make_elements([]), changeset_tags={}, upload="never")).get("upload") == "never"


def test_elements_of_files_of_their_own_are_numbered_from_the_start_in_each():
    apart = list(make_elements_apart(proposals()))
    assert apart == [make_elements([each]) for each in proposals()]
    assert [elements.main for elements in apart] == [("way/-1",), ("relation/-1",), ("way/-1",)]


def test_no_proposals_give_files_that_still_fit(xmllint, tmp_path):
    path = tmp_path / "a.osc"
    path.write_text(osmchange_text(make_elements([])), encoding="utf-8")
    assert judge(xmllint, "--noout", "--schema", SCHEMA, path).returncode == 0
    assert maproulette_text([]) == ""


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=400))
def test_any_text_makes_well_formed_xml_and_comes_back(text):
    back = ET.fromstring(f'<tag v="{attribute(text)}"/>').get("v")
    kept = "".join(char for char in text if char in "\t\n\r" or (ord(char) >= 32 and char not in "\ufffe\uffff"))
    assert back == kept[:255]


def test_hostile_tags_come_back_through_osmium(osmium_tool, tmp_path):
    hostile = "a&b<c>\"d'e\nf\x01g\U0001f3be"
    one = Proposal(id="p", label="building", tags={"building": "yes", "note": hostile}, polygon=square())
    path, out = tmp_path / "a.osc", tmp_path / "b.osm"
    path.write_text(osmchange_text(make_elements([one])), encoding="utf-8")
    assert judge(osmium_tool, "cat", path, "-o", out).returncode == 0
    tags = {each.get("k"): each.get("v") for each in ET.parse(out).iter("tag")}
    assert tags["note"] == hostile.replace("\x01", "")


def task(proposal, status="new"):
    return Task(proposal=proposal, status=status, reasons=("touching",), notes=("x",), score=0.5, osm=("way/1",))


def test_maproulette_lines_carry_their_own_change_file(xmllint, tmp_path):
    text = maproulette_text([task(each) for each in proposals()])
    *lines, end = text.split("\n")
    assert end == ""
    assert len(lines) == 3
    for line, proposal in zip(lines, proposals(), strict=True):
        assert line[0] == "\x1e"
        collection = json.loads(line[1:])
        (feature,) = collection["features"]
        assert feature["id"] == feature["properties"]["id"] == proposal.id
        assert collection["cooperativeWork"]["meta"] == {"version": 2, "type": 2}
        change = tmp_path / "task.osc"
        change.write_bytes(base64.b64decode(collection["cooperativeWork"]["file"]["content"], validate=True))
        assert judge(xmllint, "--noout", "--schema", SCHEMA, change).returncode == 0
        drawn = {(float(n.get("lon")), float(n.get("lat"))) for n in ET.parse(change).iter("node")}
        shown = {tuple(xy) for ring in feature["geometry"]["coordinates"] for xy in ring}
        assert drawn == shown


def test_nothing_here_can_upload():
    code = "\n".join(
        path.read_text(encoding="utf-8") for path in (Path(__file__).resolve().parents[2] / "osm").glob("*.py")
    )
    for word in ("api.openstreetmap.org", "requests", "urllib", "http.client", "oauth", "password", "<delete"):
        assert word not in code.lower()
