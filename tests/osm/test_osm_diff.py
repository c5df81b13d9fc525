"""The OSM stage on a planted town, judged by osmium, xmllint and the files' own readers."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import geopandas as gpd
import osmium
import pytest
import shapely

from groundplan.errors import OsmFileError, SchemaError
from groundplan.records import Imagery
from groundplan.schema import CHANGES, STATUSES, check_frame
from groundplan.vector import read_vector
from osm import propose
from osm.diff import diff
from osm.memory import Decision
from osm.options import DiffOptions
from tests.osm.deciding import append_decision

SCHEMA = Path(__file__).with_name("osmchange.xsd")
OPTIONS = DiffOptions(batch_features=5)
SHIFT = (2.0, -1.5)


def test_what_is_missing_is_new_and_the_rest_is_matched(ran):
    _, report = ran
    assert report["counts"]["status"] == {
        "new": 10,
        "matched": 54,
        "matched_group": 0,
        "review": 1,
        "suppressed": 0,
        "osm_only": 0,
    }
    assert report["counts"]["reason"] == {"matched:iou": 54, "new:no_candidate": 10, "review:low_score": 1}


def test_the_offset_is_found_and_taken_out_of_what_is_proposed(ran, planted):
    out, report = ran
    offset = report["offset_m"]
    assert (offset["east"], offset["north"]) == pytest.approx(SHIFT, abs=0.02)
    assert offset["n_pairs"] == 54
    assert report["cells"][0]["source"] == "cell"
    changes = read_vector(out / "changes.parquet").to_crs("EPSG:32632")
    truth = planted[1].geometry.translate(-SHIFT[0], -SHIFT[1]).to_numpy()
    for shape in changes[changes["status"] == "new"].geometry:
        best = max(shape.intersection(each).area / shape.union(each).area for each in truth)
        assert best > 0.98


def test_changes_are_the_same_in_both_formats_and_fit_the_schema(ran):
    out, report = ran
    table, features = read_vector(out / "changes.parquet"), json.loads((out / "changes.geojson").read_text())
    table = check_frame(table, CHANGES, what="changes")
    assert [each["id"] for each in features["features"]] == table["change_id"].to_list()
    assert set(table["status"]) <= set(STATUSES)
    assert table["change_id"].is_unique
    assert features["properties"]["offset_m"]["east"] == report["offset_m"]["east"]
    assert "OpenStreetMap" in features["properties"]["osm"]["attribution"]
    for each in features["features"]:
        ring = shapely.LinearRing(each["geometry"]["coordinates"][0])
        assert ring.is_ccw


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_without_a_licence_changes_are_written_and_stale_proposals_are_gone(planted, imagery, tmp_path):
    extract, frame = planted
    diff(frame, extract, out=tmp_path, imagery=imagery)
    assert list(tmp_path.glob("proposals/*.osc"))
    (tmp_path / "features.geojson").write_text("{}")
    report = diff(frame, extract, out=tmp_path, imagery=Imagery(id="shop", licence="proprietary"))
    assert not report["proposals"]["written"]
    assert "proprietary" in report["proposals"]["reason"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "changes.geojson",
        "changes.parquet",
        "diff_report.json",
        "features.geojson",
    }
    assert not read_vector(tmp_path / "changes.parquet")["proposal"].any()


def test_a_failed_run_leaves_the_older_files_and_no_litter(planted, imagery, tmp_path):
    extract, frame = planted
    diff(frame, extract, out=tmp_path, imagery=imagery)
    before = files_of(tmp_path)
    with pytest.raises(OsmFileError):
        diff(frame, tmp_path / "absent.osm.pbf", out=tmp_path, imagery=imagery)
    with pytest.raises(SchemaError):
        diff(frame.drop(columns="label"), extract, out=tmp_path, imagery=imagery)
    assert files_of(tmp_path) == before


def remember(path, row, word):
    append_decision(path, Decision(id=row.change_id, label=row.label, polygon=row.geometry, decision=word))


def test_a_rejected_object_stays_rejected_across_models(ran, planted, imagery, tmp_path):
    out, _ = ran
    extract, frame = planted
    changes = read_vector(out / "changes.parquet")
    rejected = changes[changes["status"] == "new"].iloc[0]
    memory = tmp_path / "decisions.jsonl"
    remember(memory, rejected, "rejected")
    other_model = frame.set_geometry(frame.geometry.buffer(0.4, join_style="mitre"))
    options = DiffOptions(batch_features=50)
    report = diff(other_model, extract, out=tmp_path / "b", imagery=imagery, options=options, decisions=memory)
    assert report["counts"]["reason"]["suppressed:memory"] == 1
    again = read_vector(tmp_path / "b" / "changes.parquet")
    gone = again[again["status"] == "suppressed"].iloc[0]
    assert gone["review"] == "rejected"
    assert gone["proposal"] == ""
    assert report["proposals"]["features"] == report["counts"]["status"]["new"]


def test_once_something_is_accepted_the_files_hold_just_that(ran, planted, imagery, tmp_path):
    out, _ = ran
    extract, frame = planted
    changes = read_vector(out / "changes.parquet")
    memory = tmp_path / "decisions.jsonl"
    chosen = [changes[changes["status"] == status].iloc[0] for status in ("new", "review")]
    for row in chosen:
        remember(memory, row, "accepted")
    report = diff(frame, extract, out=tmp_path / "b", imagery=imagery, decisions=memory)
    again = read_vector(tmp_path / "b" / "changes.parquet").set_index("change_id")
    assert report["proposals"]["features"] == 2
    assert set(again[again["proposal"] != ""].index) == {row.change_id for row in chosen}
    assert set(again.loc[[row.change_id for row in chosen], "review"]) == {"accepted"}


def test_what_is_accepted_but_no_outline_for_osm_does_not_keep_the_new_ones_back(planted, imagery, tmp_path):
    extract, frame = planted
    # A hole that touches its shell has a vertex twice.
    shell = frame.geometry.iloc[-1]
    (x, y), (right, _) = shell.exterior.coords[0], shell.exterior.coords[2]
    hole = [(x, y), (x + (right - x) / 2, y + 2), (x + (right - x) / 2, y + 5), (x, y)]
    frame = frame.set_geometry([*frame.geometry.iloc[:-1], shapely.Polygon(shell.exterior, [hole])], crs=frame.crs)
    memory = tmp_path / "decisions.jsonl"
    shape = frame.translate(-SHIFT[0], -SHIFT[1]).to_crs(4326).iloc[-1]
    append_decision(memory, Decision(id="p-x", label="building", polygon=shape, decision="accepted"))
    report = diff(frame, extract, out=tmp_path / "a", imagery=imagery, decisions=memory)
    changes = read_vector(tmp_path / "a" / "changes.parquet")
    (accepted,) = changes[changes["review"] == "accepted"].itertuples()
    assert "outline_does_not_fit_osm" in accepted.qa
    assert report["proposals"]["features"] == report["counts"]["status"]["new"] > 0
    only = DiffOptions(propose="accepted")
    report = diff(frame, extract, out=tmp_path / "b", imagery=imagery, decisions=memory, options=only)
    assert report["proposals"] == {"written": True, "reason": "", "files": 0, "features": 0}
    assert not (tmp_path / "b" / "proposals").exists()


def test_challenges_of_more_tasks_than_maproulette_takes_go_on_in_other_files(
    ran, planted, imagery, tmp_path, monkeypatch
):
    extract, frame = planted
    monkeypatch.setattr(propose, "MAX_TASKS", 4)
    diff(frame, extract, out=tmp_path, imagery=imagery, options=OPTIONS)
    names = ["maproulette.geojsonl", *(f"proposals/maproulette-{k}.geojsonl" for k in (2, 3))]
    texts = [(tmp_path / name).read_text(encoding="utf-8") for name in names]
    assert [text.count("\n") for text in texts] == [4, 4, 3]
    assert "".join(texts) == (ran[0] / "maproulette.geojsonl").read_text(encoding="utf-8")


def test_tasks_are_the_new_and_the_review_rows(ran):
    out, _ = ran
    changes = read_vector(out / "changes.parquet")
    waiting = changes[changes["status"].isin(("new", "review"))]
    lines = (out / "maproulette.geojsonl").read_text(encoding="utf-8").split("\n")[:-1]
    ids = [json.loads(line[1:])["features"][0]["id"] for line in lines]
    assert sorted(ids) == sorted(waiting["change_id"])


def test_nothing_detected_and_nothing_mapped_are_fine(planted, imagery, make_features, tmp_path):
    extract, frame = planted
    report = diff(frame.iloc[:0], extract, out=tmp_path / "a", imagery=imagery)
    assert set(report["counts"]["status"].values()) == {0}
    assert "there are no features to compare" in report["warnings"]
    memory = tmp_path / "decisions.jsonl"
    far = shapely.box(-90.31, -0.71, -90.3, -0.7)  # where the CRS of no place has no coordinates
    append_decision(memory, Decision(id="p-1", label="building", polygon=far, decision="rejected"))
    assert diff(frame.iloc[:0], extract, out=tmp_path / "c", imagery=imagery, decisions=memory) == report
    empty = tmp_path / "empty.osm"
    empty.write_text("<?xml version='1.0'?><osm version='0.6'></osm>")
    report = diff(frame, empty, out=tmp_path / "b", imagery=imagery)
    assert report["counts"]["status"]["new"] == 64
    assert any("everything looks new" in each for each in report["warnings"])


def test_without_a_stated_box_what_lies_beyond_all_of_many_nodes_is_for_review(
    new_world, imagery, make_box, make_features, tmp_path
):
    world = new_world()
    for row in range(16):
        for col in range(16):
            world.area(make_box(30 * col, 30 * row, 10, 10), {"building": "yes"})
    extract = world.write(tmp_path / "a.osm.pbf")
    rows = [("building", make_box(47, 45, 8, 8)), ("building", make_box(470, 0, 20, 10))]
    report = diff(make_features(rows), extract, out=tmp_path, imagery=imagery)
    assert report["counts"]["status"]["new"] == report["counts"]["reason"]["review:edge"] == 1
    (warning,) = [each for each in report["warnings"] if "no bounding box" in each]
    assert "becomes review" in warning and "--set-bounds" in warning
    assert report["osm"]["bbox_stated"] is False


def test_no_new_node_lies_on_a_mapped_one_of_a_road_or_a_pitch(
    new_world, imagery, make_box, make_features, tmp_path
):
    world = new_world()
    house = make_box(0, 0, 20, 10)
    corner = house.exterior.coords[0]
    world.line(shapely.LineString([corner, (corner[0] - 40, corner[1] - 30)]), {"highway": "residential"})
    world.place(shapely.Point(house.exterior.coords[2]), {"leisure": "pitch"})
    extract = world.write(tmp_path / "a.osm.pbf")
    report = diff(
        make_features([("building", house)]),
        extract,
        out=tmp_path,
        imagery=imagery,
        options=DiffOptions(offset="off", simplify_m=0.0),
    )
    assert report["counts"]["status"]["new"] == 1
    new = {
        (float(node.attrib["lon"]), float(node.attrib["lat"]))
        for node in ElementTree.parse(tmp_path / "proposals" / "001.osc").iter("node")
    }
    mapped = {
        (round(node.location.lon, 7), round(node.location.lat, 7))
        for node in osmium.FileProcessor(str(extract), osmium.osm.NODE)
    }
    assert len(new) == 4 and not new & mapped


def test_what_lies_at_the_edge_of_the_extract_is_for_review(imagery, make_box, make_features, tmp_path):
    extract = tmp_path / "small.osm"
    reach = gpd.GeoSeries([make_box(300, 50, 300, 300)], crs="EPSG:32632").to_crs(4326).total_bounds
    sides = " ".join(f"{k}='{v}'" for k, v in zip(("minlon", "minlat", "maxlon", "maxlat"), reach, strict=True))
    extract.write_text(f"<?xml version='1.0'?><osm version='0.6'><bounds {sides}/></osm>")
    rows = [("building", make_box(400, 100, 20, 20)), ("building", make_box(400, 5000, 20, 20))]
    report = diff(make_features(rows), extract, out=tmp_path / "a", imagery=imagery)
    assert report["counts"]["reason"] == {"new:no_candidate": 1, "review:edge": 1}
    assert any("200 m" in each for each in report["warnings"])


def test_features_cut_by_the_end_of_the_imagery_are_for_review(
    planted, imagery, make_box, make_features, tmp_path
):
    rows = [("building", make_box(600, 600, 20, 20))]
    report = diff(make_features(rows, cut="n"), planted[0], out=tmp_path, imagery=imagery)
    assert report["counts"]["reason"]["review:edge"] == 1


def test_an_offset_too_long_to_be_believed_makes_everything_review(planted, imagery, tmp_path):
    extract, frame = planted
    report = diff(frame, extract, out=tmp_path, imagery=imagery, options=DiffOptions(offset_max_m=1.0))
    assert report["counts"]["status"]["new"] == 0
    assert report["counts"]["reason"]["review:offset_doubtful"] == 10
    assert report["proposals"]["features"] == 0


def test_missing_metadata_and_dates_are_said(new_world, make_box, make_features, tmp_path):
    world = new_world(metadata=False)
    world.area(make_box(0, 0, 20, 20), {"building": "yes"})
    frame = make_features([("building", make_box(0, 0, 20, 20))])
    nameless = Imagery(id="planted", licence="CC0-1.0")
    report = diff(frame, world.write(tmp_path / "a.osm.pbf"), out=tmp_path / "a", imagery=nameless)
    assert any("no versions" in each for each in report["warnings"])
    world = new_world()
    world.area(make_box(0, 0, 20, 20), {"building": "yes"})
    report = diff(frame, world.write(tmp_path / "b.osm.pbf"), out=tmp_path / "b", imagery=nameless)
    assert any("no date" in each for each in report["warnings"])


def test_the_180th_meridian_gives_no_broken_files(imagery, xmllint, tmp_path):
    shapes = [shapely.box(179.9995, 10, 179.9998, 10.0003), shapely.box(-179.9998, 10, -179.9995, 10.0003)]
    frame = gpd.GeoDataFrame({"label": ["building"] * 2}, geometry=shapes, crs="EPSG:4326")
    across = frame.to_crs("EPSG:32660").geometry.union_all().convex_hull
    frame = gpd.GeoDataFrame({"label": ["building"]}, geometry=[across], crs="EPSG:32660")
    empty = tmp_path / "empty.osm"
    empty.write_text("<?xml version='1.0'?><osm version='0.6'></osm>")
    report = diff(frame, empty, out=tmp_path / "a", imagery=imagery)
    assert report["counts"]["reason"] == {"review:size_shape": 1}
    assert not list((tmp_path / "a").glob("proposals/*.osc"))


def test_proposals_are_drawn_where_the_imagery_shows_them_when_asked(planted, imagery, tmp_path):
    extract, frame = planted
    options = DiffOptions(proposal_frame="imagery")
    report = diff(frame, extract, out=tmp_path, imagery=imagery, options=options)
    assert report["counts"]["status"]["new"] == 10
    assert json.loads((tmp_path / "changes.geojson").read_text())["properties"]["frame"] == "imagery"
    changes = read_vector(tmp_path / "changes.parquet").to_crs("EPSG:32632")
    seen = frame.geometry.to_numpy()
    for shape in changes[changes["status"] == "new"].geometry:
        assert max(shape.intersection(each).area / shape.union(each).area for each in seen) > 0.98
    memory = tmp_path / "decisions.jsonl"
    lon_lat = read_vector(tmp_path / "changes.parquet")
    remember(memory, lon_lat[lon_lat["status"] == "new"].iloc[0], "rejected")
    again = diff(frame, extract, out=tmp_path, imagery=imagery, options=options, decisions=memory)
    assert again["counts"]["reason"]["suppressed:memory"] == 1


def test_what_mappers_decided_in_maproulette_does_not_come_back(planted, ran, imagery, tmp_path):
    out, _ = ran
    extract, frame = planted
    lines = (out / "maproulette.geojsonl").read_text(encoding="utf-8").split("\n")[:-1]
    features = [json.loads(line[1:])["features"][0] for line in lines]
    for feature, status in zip(features, ("Not_An_Issue", "Fixed", "Already_Fixed", "Skipped"), strict=False):
        feature["properties"]["mr_taskStatus"] = status
    for feature in features[4:]:
        feature["properties"]["mr_taskStatus"] = "Created"
    export = tmp_path / "challenge.geojson"
    export.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    # Another model draws all of it a little larger; the ids may change, the places do not.
    other = frame.set_geometry(frame.geometry.buffer(0.4, join_style="mitre"))
    report = diff(other, extract, out=tmp_path / "out", imagery=imagery, decisions=[export])
    assert report["counts"]["reason"]["suppressed:memory"] == 3


def test_an_infield_is_matched_in_a_mapped_field_and_needs_an_outline_without_one(
    new_world, make_box, make_features, imagery, tmp_path
):
    world = new_world()
    world.area(make_box(0, 0, 110, 110), {"leisure": "pitch", "sport": "baseball"})
    infield, alone, whole = make_box(5, 5, 28, 28), make_box(500, 5, 32, 32), make_box(1000, 5, 90, 90)
    rows = [("baseball_diamond", shape) for shape in (infield, alone, whole)]
    frame = make_features(rows, shape=["rectangle", "wedge", "wedge"], feature_id=["infield", "alone", "whole"])
    extract = world.write(tmp_path / "fields.osm.pbf")
    report = diff(frame, extract, out=tmp_path / "out", imagery=imagery, options=DiffOptions(offset="off"))
    changes = read_vector(tmp_path / "out" / "changes.parquet").set_index("feature_id")
    got = {name: (changes.loc[name, "status"], changes.loc[name, "reasons"][0]) for name in frame["feature_id"]}
    assert got == {
        "infield": ("matched", "containment"),
        "alone": ("review", "outline_needed"),
        "whole": ("new", "no_candidate"),
    }
    assert report["proposals"]["features"] == 1
    # The mapper gets the infield as a task all the same, and draws the field around it.
    assert "outline_needed" in (tmp_path / "out" / "maproulette.geojsonl").read_text(encoding="utf-8")
