import copy
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.markup import clean, element, markup_text
from review.plots import arrows, bars, histogram, share_bars, tile_map
from review.report import report_html

HOSTILE = '</style><script>window.hacked=1</script><img src=x onerror="window.hacked=1">'
FULL = {
    "region": "banepa",
    "created": "2026-06-02T10:11:12Z",
    "area_km2": 12.345,
    "imagery": {"id": "demo-2026", "date": "2026-06-01", "licence": "CC0-1.0", "attribution": "Demo survey"},
    "model": {"name": "default", "sha256": "ab" * 32, "gsd_m": 0.3, "labels": ["building", "tennis_court"]},
    "scenes": [{"path": "scene.tif", "width_px": 12000, "height_px": 9000, "gsd_m": 0.3, "crs": "EPSG:32645"}],
    "counts": {
        "building": {
            "features": 1466,
            "new": 310,
            "review": 120,
            "matched": 980,
            "matched_group": 40,
            "osm_only": 88,
        },
        "tennis_court": {"features": 41, "new": 12, "review": 4, "matched": 25},
    },
    "scores": {"building": [0, 0, 0, 0, 80, 120, 160, 220, 380, 506], "tennis_court": [0] * 10},
    "score": {"building": {"precision": 0.87, "recall": None, "f1": 0.839, "mean_iou": 0.78, "n_truth": 1554}},
    "offset_m": {"east": 1.9, "north": -1.4, "n_pairs": 812, "mad": 0.31},
    "cells": [{"x": 0, "y": 0, "east": 2, "north": -1, "n_pairs": 40}, {"x": 900, "y": 0, "east": 1, "north": -2}],
    "tiles": {
        "total": 8,
        "done": 5,
        "skipped": 1,
        "failed": [{"row": 0, "col": 3, "error": "truncated"}, {"row": 1, "col": 1, "error": "out of memory"}],
        "map": ["-..x", ".x.."],
    },
    "stages": [{"name": "detect", "seconds": 512.3, "km2_per_h": 86.7}, {"name": "exports", "seconds": 1.1}],
    "proposals": {"files": 2, "features": 322},
    "versions": {"groundplan": "0.1.0"},
    "commit": "6cd521a",
    "warnings": ["2 tiles failed"],
}


def poisoned(value):
    """Return the report with every text replaced by a hostile one; a map's characters stay."""
    if isinstance(value, dict):
        return {
            HOSTILE if key in ("building", "groundplan") else key: each if key == "map" else poisoned(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [poisoned(each) for each in value]
    return HOSTILE if isinstance(value, str) else value


def test_failures_of_the_coarse_pass_and_errors_of_cells_are_told_apart_from_the_rest():
    failed = [{"row": 0, "col": 3, "error": "truncated", "coarse": True}, {"row": 1, "col": 1, "error": "lost"}]
    cells = [
        {"x": 0, "y": 0, "column": 4, "row": 7, "east": 2.0, "north": -1.0, "n_pairs": 40, "error_m": 0.05},
        {"x": 9, "y": 0, "column": 5, "row": 7, "east": 1.0, "north": -2.0, "n_pairs": 9, "error_m": None},
        {"x": 18, "y": 0, "column": 6, "row": 7, "east": 1.0, "north": -2.0, "n_pairs": 31, "error_m": 0.21},
    ]
    text = report_html(FULL | {"tiles": FULL["tiles"] | {"failed": failed}, "cells": cells})
    assert "<code>row 0, column 3</code> of the coarse pass: truncated" in text
    assert "<code>row 1, column 1</code>: lost" in text
    assert "2 failed (1 of them in the coarse pass" in text
    assert "standard error 0.05 to 0.21 m by cell" in text
    assert "+2.00 m east, -1.00 m north, give or take 0.05 m" in text
    assert text.count('class="error"') == 2
    assert "<td>6 / 7</td>" in text


def test_a_taken_over_detection_says_so_and_thresholds_are_words():
    stages = [{"name": "detect", "seconds": 0.2, "km2_per_h": None, "note": "9 of 9 blocks taken over"}]
    text = report_html(FULL | {"stages": stages, "model": {"min_score": {"building": 0.25}}})
    assert "0.2 s, 9 of 9 blocks taken over" in text
    assert "building 0.25" in text


def test_the_direction_of_a_line_cannot_be_turned():
    assert "\u202e" not in report_html(poisoned(FULL) | {"region": "gnp.\u202egpj.exe", "warnings": ["\u2067a"]})
    assert clean("gnp.\u202egpj.exe\x07") == "gnp.gpj.exe"


def test_a_full_report_says_what_was_found_and_what_failed():
    text = report_html(FULL)
    for said in ("1,507", "322", "1,045", "12.3 km²", "8 min 33 s", "87.0 %", "out of memory", "row 1, column 1"):
        assert said in text
    assert "1.90 m east and 1.40 m south of OSM, from 812 pairs" in text
    assert "5 of 8 tiles done, 1 skipped, 2 failed" in text


def test_equal_reports_give_equal_texts_and_are_not_changed():
    before = copy.deepcopy(FULL)
    assert report_html(FULL) == report_html(copy.deepcopy(FULL))
    assert before == FULL


@pytest.mark.parametrize("missing", sorted(set(FULL) - {"region"}))
def test_each_part_may_be_missing_or_null(missing):
    whole = report_html(FULL)
    without = report_html({key: value for key, value in FULL.items() if key != missing})
    assert len(without) < len(whole)
    assert report_html(FULL | {missing: None}) == without


def test_a_report_of_nothing_but_a_name_is_a_page():
    assert "<h1>alone</h1>" in report_html({"region": "alone"})


def test_the_report_is_one_file_without_scripts_or_addresses():
    text = report_html(FULL)
    assert not re.search(r"<script|\son[a-z]+=|\sstyle=|https?://|url\(|@import", text)
    assert "default-src 'none'" in text


def test_hostile_texts_stay_texts(page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(report_html(poisoned(FULL)), encoding="utf-8")
    page.goto(path.as_uri())
    assert page.evaluate("window.hacked") is None
    assert page.locator("script, img").count() == 0
    assert page.locator("h1").text_content() == HOSTILE
    assert page.complaints == []


def test_the_report_fits_a_phone_and_reads_well_light_and_dark(page, tmp_path, low_contrast):
    path = tmp_path / "report.html"
    path.write_text(report_html(FULL), encoding="utf-8")
    page.set_viewport_size({"width": 390, "height": 844})
    for scheme, colour in (("light", "rgb(244, 245, 242)"), ("dark", "rgb(20, 25, 26)")):
        page.emulate_media(color_scheme=scheme)
        page.goto(path.as_uri())
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == colour
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert low_contrast(page) == []
    assert page.locator("svg[role=img] > title").count() == page.locator("svg").count() >= 5
    assert page.complaints == []


class Reader(HTMLParser):
    """Collects what an HTML parser of others sees."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@given(st.text())
def test_any_text_is_escaped_and_control_characters_are_dropped(text):
    out = markup_text(element("p", {"title": text}, text))
    reader = Reader()
    reader.feed(out)
    reader.close()
    assert reader.tags == [("p", {"title": clean(text)})]
    assert reader.text == clean(text)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", out)
    out.encode("utf-8")


def rectangles(svg, name):
    return [each for each in svg.iter("rect") if each.get("class") == name]


@given(st.lists(st.text(alphabet=".-x ", min_size=1, max_size=80), min_size=1, max_size=60))
def test_the_tile_map_covers_each_state_by_its_number_of_tiles(rows):
    names = {".": "done", "-": "skipped", "x": "failed"}
    svg = tile_map(rows, classes=names, names=names, label="tiles")
    columns = max(map(len, rows))
    step = min(360 / columns, 420 / len(rows), 28)
    gap = 1 if step > 5 else 0
    for state, name in names.items():
        area = sum(float(each.get("width")) * float(each.get("height")) for each in rectangles(svg, name))
        assert area == pytest.approx(sum(row.count(state) for row in rows) * (step - gap) ** 2, rel=0.02, abs=0.5)


def test_histogram_bars_are_as_high_as_their_counts():
    bars_of = rectangles(histogram([0, 5, 10, 20], label="h"), "mark")
    heights = [float(each.get("height")) for each in bars_of]
    assert heights[0] == 0
    assert heights[3] == pytest.approx(2 * heights[2]) == pytest.approx(4 * heights[1])


def test_share_bars_fill_the_width_by_share():
    svg = share_bars([("a", {"new": 3, "matched": 1}, "4")], classes={"new": "n", "matched": "m"}, label="s")
    assert float(rectangles(svg, "n")[0].get("width")) == 270
    assert float(rectangles(svg, "m")[0].get("x")) == 270


def test_plots_of_nothing_are_pictures_still():
    nothing = [
        histogram([], label="h"),
        histogram([0, 0], label="h"),
        bars([], label="b"),
        share_bars([("a", {}, "0")], classes={"new": "n"}, label="s"),
        arrows([], label="a"),
        arrows([(0, 0, 0.0, 0.0)], label="a"),
        tile_map([], classes={}, names={}, label="t"),
    ]
    assert all(markup_text(each).startswith("<svg") for each in nothing)


def test_an_arrow_points_where_the_offset_goes():
    svg = arrows([(0, 0, 3.0, 4.0)], label="a")
    path = next(each for each in svg.iter("path"))
    dx, dy = map(float, re.match(r"M\S+ \S+l(\S+) (-?[\d.]+)", path.get("d")).groups())
    assert dx > 0 > dy  # north is up
    assert dy / dx == pytest.approx(-4 / 3, rel=0.01)
