import hashlib
import json
import re
from importlib import resources
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

import osm.decide
from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import SchemaError
from groundplan.records import Imagery
from groundplan.schema import CHANGES, empty_frame
from review.chips import ChipInfo
from review.decisions import parse_decision
from review.nearby import MAX_NEARBY
from review.page import ASSETS, data_script, read_page_data, script_data, write_review
from review.proposals import PageOptions, page_data

UTM = "EPSG:32632"
IMAGERY = Imagery(id="demo")
LEAFLET_SHA256 = {  # of the files in the npm package leaflet@1.9.4
    "leaflet.js": "db49d009c841f5ca34a888c96511ae936fd9f5533e90d8b2c4d57596f4e5641a",
    "leaflet.css": "a7837102824184820dfa198d1ebcd109ff6d0ff9a2672a074b9a1b4d147d04c6",
}


def changes(*outlines, **columns):
    rows = {
        "change_id": [f"c-{i}" for i in range(len(outlines))],
        "feature_id": "f",
        "status": "new",
        "label": "building",
        "tags": [{"building": "yes"}] * len(outlines),
        "score": 0.9,
        "reasons": [["no_candidate"]] * len(outlines),
        "osm": [[]] * len(outlines),
        "iou": 0.0,
        "cov_det": 0.0,
        "cov_osm": 0.0,
        "nearest_m": np.nan,
        "area_m2": 100.0,
        "shape": "free",
        "shape_residual": 0.0,
        "review": "pending",
        "proposal": "",
        "qa": [[]] * len(outlines),
    } | columns
    geometry = transform_geometries(list(outlines), source=UTM, target=LON_LAT)
    return gpd.GeoDataFrame(rows, geometry=geometry, crs=LON_LAT)


def mapped(*outlines, tags=None):
    rows = {
        "osm_type": "way",
        "osm_id": range(1, len(outlines) + 1),
        "version": 1,
        "timestamp": "",
        "label": "building",
        "role": "area",
        "tags": [tags or {}] * len(outlines),
        "nodes": [()] * len(outlines),
    }
    geometry = transform_geometries(list(outlines), source=UTM, target=LON_LAT)
    return gpd.GeoDataFrame(rows, geometry=geometry, crs=LON_LAT)


def square(x, y, side=10.0):
    return shapely.box(x, y, x + side, y + side)


def drawn(item, *, move=(0.0, 0.0)):
    """Return an outline's first ring in its chip's pixels, as the page computes it."""
    a, b, c, d, e, f = item["chip"]["to_px"]
    xy = np.array(item["outline"]["rings"][0], float).reshape(-1, 2) / 100 + move
    return np.column_stack([a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f])


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.05, 2),
    st.floats(-3.1, 3.1),
    st.floats(-15, 15),
    st.floats(-15, 15),
    st.sampled_from(["osm", "imagery"]),
)
def test_outlines_are_drawn_on_the_pixels_that_show_them(gsd, turn, east, north, frame):
    """The place in a turned picture is chosen first; the page must find it again from either frame."""
    pixels = np.array([(30.0, 40.0), (90.0, 40.0), (90.0, 80.0), (30.0, 80.0)])
    chip = Affine.translation(540000, 5220000) @ Affine.rotation(np.degrees(turn)) @ Affine.scale(gsd, -gsd)
    a, b, c, d, e, f = chip[:6]
    ground = np.column_stack([a * pixels[:, 0] + b * pixels[:, 1] + c, d * pixels[:, 0] + e * pixels[:, 1] + f])
    seen = shapely.Polygon(ground if frame == "imagery" else ground - (east, north))
    data = page_data(
        changes(seen),
        None,
        chips={"c-0": ChipInfo(path="chips/0.jpg", width_px=120, height_px=120, transform=chip)},
        imagery=IMAGERY,
        options=PageOptions(crs=UTM, offset_m=(east, north), frame=frame),
    )
    (item,) = data["changes"]
    ring = shapely.Polygon(drawn(item, move=item["shift"]))
    # Ground is kept to 1 cm and the shift to 1 cm: 2 cm on the ground is the most the outline may be off.
    assert ring.hausdorff_distance(shapely.Polygon(pixels)) < 0.02 / gsd + 0.01


def test_an_osm_only_row_is_never_moved_by_the_offset():
    both = changes(square(540000, 5220000), square(540100, 5220000), status=["new", "osm_only"])
    data = page_data(
        both, None, chips={}, imagery=IMAGERY, options=PageOptions(crs=UTM, offset_m=(3, 0), frame="imagery")
    )
    left = [min(item["outline"]["rings"][0][0::2]) for item in data["changes"]]
    assert left[1] - left[0] == pytest.approx(10300, abs=1)


def test_mapped_objects_on_a_chip_are_named_nearest_first_and_written_once():
    data = page_data(
        changes(square(540000, 5220000), square(540020, 5220000)),
        mapped(square(540025, 5220000), square(540001, 5220000), square(541000, 5220000)),
        chips={},
        imagery=IMAGERY,
        options=PageOptions(crs=UTM),
    )
    refs = [[data["osm"][at]["ref"] for at in item["near"]] for item in data["changes"]]
    assert refs == [["way/2", "way/1"], ["way/1", "way/2"]]
    assert len(data["osm"]) == 2


def test_a_dense_town_shows_only_the_nearest_objects():
    crowd = [square(539980 + i % 10 * 5, 5219980 + i // 10 * 5, 4) for i in range(100)]
    data = page_data(changes(square(540000, 5220000)), mapped(*crowd), chips={}, imagery=IMAGERY)
    assert len(data["changes"][0]["near"]) == MAX_NEARBY


def test_lines_points_and_holes_keep_their_kind():
    ring = square(540000, 5220000, 30).difference(square(540010, 5220010, 5))
    line = shapely.LineString([(540000, 5220000), (540030, 5220030)])
    data = page_data(changes(ring), mapped(line, shapely.Point(540010, 5220010)), chips={}, imagery=IMAGERY)
    assert sorted(each["outline"]["kind"] for each in data["osm"]) == ["line", "point"]
    assert len(data["changes"][0]["outline"]["rings"]) == 2


def test_the_polygon_of_a_decision_has_seven_decimals():
    data = page_data(changes(square(540000, 5220000)), None, chips={}, imagery=IMAGERY)
    numbers = re.findall(r"\d+\.\d+", data["changes"][0]["polygon"])
    assert len(numbers) == 10
    assert all(len(number.split(".")[1]) == 7 for number in numbers)


def test_rows_without_an_outline_and_no_rows_at_all_make_a_page():
    bare = changes(square(540000, 5220000), square(540000, 5220000))
    bare.loc[0, "geometry"] = None
    data = page_data(bare, None, chips={}, imagery=IMAGERY)
    assert data["changes"][0]["chip"] is None
    assert data["changes"][0]["at"] is None
    assert data["changes"][1]["at"] is not None
    empty = page_data(empty_frame(CHANGES, crs=LON_LAT), None, chips={}, imagery=IMAGERY)
    assert empty["changes"] == []


def test_equal_runs_give_equal_bytes(tmp_path):
    rows = changes(square(540000, 5220000))
    for name in ("a", "b"):
        write_review(tmp_path / name, rows, mapped(square(540005, 5220000)), {}, imagery=IMAGERY)
    files = [sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*")) for name in "ab"]
    assert files[0] == files[1]
    assert (tmp_path / "a/review/data.js").read_bytes() == (tmp_path / "b/review/data.js").read_bytes()


def test_decisions_made_before_survive_a_new_page(tmp_path):
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "decisions.jsonl").write_text("kept\n")
    write_review(tmp_path, changes(square(540000, 5220000)), None, {}, imagery=IMAGERY)
    assert (tmp_path / "review" / "decisions.jsonl").read_text() == "kept\n"


@given(st.text())
def test_any_text_travels_as_plain_ascii_without_a_tag(text):
    script = data_script({"form": "groundplan-review/1", "text": text})
    assert script.isascii()
    assert "<" not in script
    assert script_data(script)["text"] == text


def test_a_tag_named_like_a_prototype_stays_a_tag():
    data = page_data(
        changes(square(540000, 5220000)),
        mapped(square(540000, 5220000), tags={"__proto__": "x", "building": "yes"}),
        chips={},
        imagery=IMAGERY,
    )
    assert data["osm"][0]["tags"] == [["__proto__", "x"], ["building", "yes"]]


def test_every_asset_is_there_and_named_by_the_page():
    static = resources.files("review") / "static"
    index = static.joinpath("index.html").read_text(encoding="utf-8")
    assert all(static.joinpath(name).is_file() for name in ASSETS)
    named = set(re.findall(r'(?:src|href)="([^"#:]+)"', index)) - {"data.js"}
    assert named == {name for name in ASSETS if name.endswith((".js", ".css"))}


def test_the_page_allows_no_inline_script_or_style():
    index = (resources.files("review") / "static" / "index.html").read_text(encoding="utf-8")
    assert "unsafe" not in index
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=", index)


def test_no_script_of_ours_parses_html():
    static = resources.files("review") / "static"
    for name in ASSETS:
        if name.endswith(".js") and "/" not in name:
            text = static.joinpath(name).read_text(encoding="utf-8")
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text
            )


def test_leaflet_is_the_published_file_with_its_licence():
    folder = resources.files("review") / "static" / "leaflet"
    for name, digest in LEAFLET_SHA256.items():
        assert hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest() == digest
    assert "Copyright" in folder.joinpath("LICENSE").read_text()


def test_frames_of_another_form_are_refused(tmp_path):
    twice = changes(square(0, 0), square(9, 9), change_id=["c", "c"])
    with pytest.raises(SchemaError, match="'c' twice"):
        page_data(twice, None, chips={}, imagery=IMAGERY)
    with pytest.raises(SchemaError, match="status 'odd'"):
        page_data(changes(square(0, 0), status="odd"), None, chips={}, imagery=IMAGERY)
    with pytest.raises(SchemaError, match="no column change_id"):
        page_data(changes(square(0, 0)).drop(columns="change_id"), None, chips={}, imagery=IMAGERY)
    with pytest.raises(SchemaError, match="osm has no column"):
        page_data(changes(square(0, 0)), changes(square(0, 0)), chips={}, imagery=IMAGERY)


def test_a_folder_without_a_page_is_named(tmp_path):
    with pytest.raises(SchemaError, match="no review page"):
        read_page_data(tmp_path)
    (tmp_path / "data.js").write_text("window.GROUNDPLAN_REVIEW = {")
    with pytest.raises(SchemaError, match="cannot read"):
        read_page_data(tmp_path)
    (tmp_path / "data.js").write_text(data_script({"form": "other"}))
    with pytest.raises(SchemaError, match="does not have the form"):
        read_page_data(tmp_path)


def test_an_imagery_id_that_no_decision_could_hold_is_cleaned():
    data = page_data(
        changes(square(540000, 5220000)), None, chips={}, imagery=Imagery(id="a\u00a0b\u202ec" + "d" * 300)
    )
    line = {"id": "c", "label": "building", "polygon": "POLYGON ((0 0, 1 0, 1 1, 0 0))", "decision": "accepted"}
    line |= {"when": "2026-06-01T12:00:00Z", "imagery": data["imagery"]["id"]}
    assert parse_decision(json.dumps(line)).imagery.startswith("a b cddd")


def test_each_reason_of_the_comparison_is_said_in_words():
    rows = {row.reason for row in (*osm.decide.KNOWN, *osm.decide.PARTLY, *osm.decide.PLACE)}
    others = {"touching", "self_overlap", "low_score", "no_candidate", "offset_doubtful", "not_detected"}
    source = "".join(path.read_text(encoding="utf-8") for path in Path(osm.decide.__file__).parent.glob("*.py"))
    assert all(f'"{reason}"' in source for reason in others)
    facts = (resources.files("review") / "static" / "facts.js").read_text(encoding="utf-8")
    assert rows | others == set(re.findall(r"^    (\w+): \"", facts, flags=re.MULTILINE))


def test_pictures_that_the_page_no_longer_names_are_removed_and_nothing_else(tmp_path):
    chips = tmp_path / "review" / "chips"
    chips.mkdir(parents=True)
    names = ["p-0123456789abcdef.jpg", "p-0123456789abcdef-2.jpg", "p-fedcba9876543210.jpg", "p-mine.jpg", "a.txt"]
    for name in names:
        (chips / name).write_text("picture")
    info = ChipInfo(path=f"chips/{names[0]}", width_px=4, height_px=4, transform=Affine(1, 0, 0, 0, -1, 0))
    rows = changes(square(540000, 5220000))
    with pytest.raises(SchemaError):
        write_review(tmp_path, rows.drop(columns="label"), None, {}, imagery=IMAGERY)
    assert len(list(chips.iterdir())) == len(names)
    write_review(tmp_path, rows, None, {"c-0": info}, imagery=IMAGERY)
    assert {path.name for path in chips.iterdir()} == {names[0], "p-mine.jpg", "a.txt"}


def test_pictures_behind_a_link_stay(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "p-0123456789abcdef.jpg").write_text("picture")
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "chips").symlink_to(tmp_path / "elsewhere")
    write_review(tmp_path, changes(square(540000, 5220000)), None, {}, imagery=IMAGERY)
    assert (tmp_path / "elsewhere" / "p-0123456789abcdef.jpg").exists()
