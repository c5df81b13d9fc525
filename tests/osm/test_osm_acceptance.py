"""The acceptance checks of proposals, each by a tool that is not ours: osmium, xmllint, plain XML and JSON.

Check 11, the planted world, is in test_osm_planted and test_osm_decision_table; rejected objects (12) in
test_osm_diff; unreadable extracts (13) in test_osm_read; the speed (14) in benchmarks.
"""

import base64
import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from groundplan.vector import read_vector
from osm.diff import diff
from osm.options import DiffOptions

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = Path(__file__).with_name("osmchange.xsd")
OPTIONS = DiffOptions(batch_features=5)


def tool(*arguments):
    return subprocess.run([str(each) for each in arguments], capture_output=True, text=True)


def applied(osmium_tool, base, out, target):
    done = tool(osmium_tool, "apply-changes", "-O", "-o", target, base, *sorted(out.glob("proposals/*.osc")))
    assert done.returncode == 0, done.stderr
    return target


def opl(osmium_tool, path):
    return tool(osmium_tool, "cat", path, "-f", "opl").stdout.splitlines()


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_file_is_well_formed_and_fits_its_schema(ran, xmllint):
    """Check 1."""
    out, _ = ran
    files = sorted(out.glob("proposals/*.osc"))
    assert len(files) >= 2
    assert tool(xmllint, "--noout", "--schema", SCHEMA, *files).returncode == 0
    assert tool(xmllint, "--noout", *sorted(out.glob("proposals/*.osm"))).returncode == 0
    for path in files:
        assert path.with_suffix(".osm").is_file()
        assert json.loads(path.with_suffix(".changeset.json").read_text())["source"] == "planted (2020-06-01)"
        assert ET.parse(path.with_suffix(".osm")).getroot().get("upload") in ("never", "false")


def test_applying_the_proposals_adds_exactly_what_they_create(ran, planted, osmium_tool, tmp_path):
    """Checks 4 and 6."""
    out, _ = ran
    base = planted[0]
    # One file after the other, because each starts its placeholder ids at -1.
    for path in sorted(out.glob("proposals/*.osc")):
        after = tmp_path / "after.osm.pbf"
        assert tool(osmium_tool, "apply-changes", "-O", "-o", after, base, path).returncode == 0
        root = ET.parse(path).getroot()
        before_lines, after_lines = opl(osmium_tool, base), opl(osmium_tool, after)
        assert set(before_lines) <= set(after_lines)
        added = [line for line in after_lines if line not in set(before_lines)]
        for letter, kind in (("n", "node"), ("w", "way"), ("r", "relation")):
            assert sum(line.startswith(letter + "-") for line in added) == len(root.findall(f"create/{kind}"))
        assert len(added) == len(list(root.find("create")))
        assert tool(osmium_tool, "check-refs", after).returncode == 0


def test_each_new_change_is_one_area_and_no_family_overlaps_it(ran, planted, osmium_tool, tmp_path):
    """Check 5."""
    out, _ = ran
    changes = read_vector(out / "changes.parquet")
    changes = changes[changes["status"] == "new"].set_index("proposal")
    seen = set()
    for path in sorted(out.glob("proposals/*.osc")):
        after, areas = tmp_path / "after.osm.pbf", tmp_path / "areas.geojson"
        assert tool(osmium_tool, "apply-changes", "-O", "-o", after, planted[0], path).returncode == 0
        done = tool(osmium_tool, "export", "-O", "-a", "type,id", "--geometry-types=polygon", after, "-o", areas)
        assert done.returncode == 0, done.stderr
        frame = gpd.read_file(areas)
        new = frame[frame["@id"] < 0]
        for _, row in new.iterrows():
            name = f"{path.name}#{row['@type']}/{row['@id']}"
            seen.add(name)
            want = changes.loc[name]
            union = row.geometry.union(want.geometry).area
            assert row.geometry.intersection(want.geometry).area / union > 0.999
            assert all(row[key] == value for key, value in want.tags.items())
            others = frame.geometry[(frame["building"] == row["building"]) & (frame.index != row.name)].to_numpy()
            shared = shapely.area(shapely.intersection(others, row.geometry))
            assert (shared <= 0.01 * np.minimum(shapely.area(others), row.geometry.area)).all()
    assert seen == set(changes.index)


def test_no_two_nodes_lie_at_one_place_in_all_the_files_and_the_extract(ran, planted, osmium_tool):
    """Check 8, the nodes."""
    out, _ = ran
    places = [
        (node.get("lon"), node.get("lat"))
        for path in sorted(out.glob("proposals/*.osc"))
        for node in ET.parse(path).iter("node")
    ]
    base = {
        (f"{float(line.split(' x')[1].split()[0]):.7f}", f"{float(line.split(' y')[1].split()[0]):.7f}")
        for line in opl(osmium_tool, planted[0])
        if line.startswith("n")
    }
    assert len(set(places)) == len(places) > 40
    assert not set(places) & base


def test_running_again_on_the_applied_extract_finds_nothing_new(planted, imagery, osmium_tool, tmp_path):
    """Check 12, the first half."""
    base, frame = planted
    one = tmp_path / "one"
    diff(frame, base, out=one, imagery=imagery)  # one file, so that its ids are unique
    after = applied(osmium_tool, base, one, tmp_path / "after.osm.pbf")
    report = diff(frame, after, out=tmp_path / "again", imagery=imagery)
    assert report["counts"]["status"]["new"] == 0
    assert report["counts"]["reason"]["matched:iou"] == 64


def test_two_runs_and_shuffled_input_give_the_same_bytes(ran, planted, imagery, tmp_path):
    """Check 12, the second half: every file that is written."""
    out, _ = ran
    extract, frame = planted
    for k, rows in enumerate((frame, frame.sample(frac=1, random_state=3))):
        diff(rows, extract, out=tmp_path / str(k), imagery=imagery, options=OPTIONS)
        assert files_of(tmp_path / str(k)) == files_of(out)


def test_nothing_can_upload_or_delete(ran):
    """Check 2."""
    out, _ = ran
    for path in out.rglob("*"):
        if path.suffix in (".osc", ".osm"):
            text = path.read_text(encoding="utf-8")
            assert "<delete" not in text
            assert "<modify" not in text
    for package in ("groundplan", "osm", "review", "pipeline", "postprocess", "tiling", "detection", "training"):
        for path in (ROOT / package).rglob("*.py"):
            code = path.read_text(encoding="utf-8").lower()
            for word in ("api.openstreetmap.org", "oauth", "password", "requests.put", "requests.post"):
                assert word not in code, path


def test_ids_are_negative_unique_and_created_before_they_are_used(ran):
    """Check 3."""
    out, _ = ran
    for path in sorted(out.glob("proposals/*.osc")):
        known = set()
        for item in ET.parse(path).getroot().find("create"):
            assert item.get("version") == "1"
            used = [("node", ref.get("ref")) for ref in item.findall("nd")]
            used += [(member.get("type"), member.get("ref")) for member in item.findall("member")]
            assert set(used) <= known
            key = (item.tag, item.get("id"))
            assert int(key[1]) < 0
            assert key not in known
            known.add(key)


ALLOWED = (
    {"building": "yes"},
    {"building": "yes", "type": "multipolygon"},
    {"leisure": "pitch", "sport": "tennis"},
    {},
)
"""Tag sets of what the town lacks; nothing else may be proposed."""


def test_tags_are_those_of_the_table_and_no_others(ran):
    """Check 7."""
    out, _ = ran
    seen = []
    for path in sorted(out.glob("proposals/*.osc")):
        for item in ET.parse(path).getroot().find("create"):
            tags = {tag.get("k"): tag.get("v") for tag in item.findall("tag")}
            assert tags in ALLOWED
            assert item.tag != "node" or not tags
            seen.append(tags)
    assert all(tags in seen for tags in ALLOWED)


def test_ways_are_closed_simple_counter_clockwise_and_on_the_grid(ran):
    """Check 8, the ways."""
    out, _ = ran
    for path in sorted(out.glob("proposals/*.osc")):
        create = ET.parse(path).getroot().find("create")
        nodes = {each.get("id"): each for each in create.findall("node")}
        inner = {m.get("ref") for m in create.iter("member") if m.get("role") == "inner"}
        for node in nodes.values():
            assert all(len(node.get(axis).split(".")[1]) == 7 for axis in ("lat", "lon"))
        for way in create.findall("way"):
            refs = [nd.get("ref") for nd in way.findall("nd")]
            assert refs[0] == refs[-1]
            assert 5 <= len(refs) <= 2000
            assert len(set(refs)) == len(refs) - 1
            ring = shapely.LinearRing([(float(nodes[r].get("lon")), float(nodes[r].get("lat"))) for r in refs])
            assert ring.is_simple
            assert ring.is_ccw != (way.get("id") in inner)


def test_files_stay_small_and_compact(ran):
    """Check 9."""
    out, _ = ran
    for path in sorted(out.glob("proposals/*.osc")):
        create = ET.parse(path).getroot().find("create")
        assert len(list(create)) <= 9500
        tagged = [each for each in create if each.find("tag") is not None]
        assert 1 <= len(tagged) <= OPTIONS.batch_features
        spots = shapely.MultiPoint([(float(n.get("lon")), float(n.get("lat"))) for n in create.findall("node")])
        west, south, east, north = spots.bounds
        assert np.hypot((east - west) * 76_000, (north - south) * 111_000) <= 10_000


def test_every_task_is_one_change_that_applies_alone(ran, planted, osmium_tool, xmllint, tmp_path):
    """Check 10."""
    out, _ = ran
    changes = read_vector(out / "changes.parquet").set_index("change_id")
    lines = (out / "maproulette.geojsonl").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    ids = []
    for number, line in enumerate(lines):
        assert line[0] == "\x1e"
        collection = json.loads(line[1:])
        (feature,) = collection["features"]
        ids.append(feature["id"])
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.normalize().equals_exact(changes.loc[feature["id"]].geometry.normalize(), 1e-7)
        content = collection["cooperativeWork"]["file"]["content"]
        change = tmp_path / f"{number}.osc"
        change.write_bytes(base64.b64decode(content, validate=True))
        assert tool(xmllint, "--noout", "--schema", SCHEMA, change).returncode == 0
    # One is applied for all: each takes the tool a second.
    after = tmp_path / "after.osm.pbf"
    assert tool(osmium_tool, "apply-changes", "-O", "-o", after, planted[0], tmp_path / "0.osc").returncode == 0
    assert tool(osmium_tool, "check-refs", after).returncode == 0
    assert len(opl(osmium_tool, after)) > len(opl(osmium_tool, planted[0]))
    waiting = changes[changes["status"].isin(("new", "review"))]
    assert sorted(ids) == sorted(waiting.index)
    assert len(set(ids)) == len(ids) <= 50_000


def test_odd_input_gives_whole_files_or_one_clear_line(
    new_world, make_box, make_features, imagery, xmllint, osmium_tool, tmp_path
):
    """Check 13: odd tags, spikes, crossing outlines, detections beyond the extract and near a pole."""
    world = new_world()
    world.area(make_box(0, 0, 20, 20), {"building": "yes", "name": "a&b<c>\"d'e\U0001f3be"})
    extract = world.write(tmp_path / "odd.osm.pbf")
    spike = shapely.Polygon(
        [*make_box(100, 0, 20, 20).exterior.coords[:3], (540_110, 5_223_500), (540_110, 5_223_020)]
    )
    bow = shapely.Polygon([(540_300, 5_223_000), (540_320, 5_223_020), (540_320, 5_223_000), (540_300, 5_223_020)])
    far = make_box(80_000, 0, 20, 20)
    rows = [("building", make_box(0, 0, 20, 20)), ("building", spike), ("building", bow), ("building", far)]
    report = diff(make_features(rows), extract, out=tmp_path / "a", imagery=imagery)
    assert report["counts"]["status"]["matched"] == 1
    assert any("200 m" in each or "no bounding box" in each for each in report["warnings"])
    pole = gpd.GeoDataFrame({"label": ["building"]}, geometry=[shapely.box(10, 83.9, 10.003, 83.9002)], crs=4326)
    diff(pole, extract, out=tmp_path / "b", imagery=imagery)
    files = sorted(tmp_path.glob("*/proposals/*.osc"))
    assert len(files) >= 2
    assert tool(xmllint, "--noout", "--schema", SCHEMA, *files).returncode == 0
    for path in files:
        assert tool(osmium_tool, "fileinfo", path).returncode == 0
