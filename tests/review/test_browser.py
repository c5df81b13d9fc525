"""The review page in a real headless Chromium, opened from the file: choosing and deciding."""

import json
import shutil

import pytest

from review.decisions import current_decisions, parse_decision
from review.page import read_page_data
from tests.review.browsing import chosen, downloaded, index, opened


def test_the_page_opens_from_the_file_system_without_a_complaint_or_a_request_elsewhere(page, example_run):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, index(example_run))
    page.locator("#chip-svg image").wait_for()
    page.wait_for_timeout(200)
    assert page.complaints == []
    assert all(url.startswith(("file://", "data:")) for url in asked)
    assert page.locator("#title").text_content() == "demo"
    assert "0 of 16 decided" in page.locator("#progress-text").text_content()
    assert page.locator("#map canvas").count() == 1


def test_the_imagery_of_the_proposal_is_really_shown(page, example_run):
    opened(page, index(example_run))
    loaded = page.evaluate(
        "new Promise(done => { const image = new Image(); image.onload = () => done([image.naturalWidth,"
        " image.naturalHeight]); image.onerror = () => done(null);"
        " image.src = document.querySelector('#chip-svg image').getAttribute('href'); })"
    )
    assert loaded == [300, 300]


def test_accept_reject_skip_and_undo_by_keys_survive_a_reload_and_download(page, example_run, tmp_path):
    opened(page, index(example_run))
    page.fill("#who", "Ada")
    page.locator("#chip").click()
    first = chosen(page)
    page.keyboard.press("a")
    second = chosen(page)
    page.keyboard.press("r")
    page.keyboard.press("3")
    third = chosen(page)
    page.keyboard.press("s")
    fourth = chosen(page)
    page.keyboard.press("a")
    page.keyboard.press("u")
    assert chosen(page) == fourth
    assert len({first, second, third, fourth}) == 4
    assert "1 accepted, 1 rejected, 1 skipped" in page.locator("#progress-text").text_content()
    page.reload()
    page.wait_for_selector("#list [role=option]")
    assert "1 accepted, 1 rejected, 1 skipped" in page.locator("#progress-text").text_content()
    assert chosen(page) == fourth
    assert page.input_value("#who") == "Ada"
    held = current_decisions(downloaded(page, tmp_path).splitlines())
    assert {key: (each.decision, each.reason, each.who) for key, each in held.items()} == {
        first: ("accepted", "", "Ada"),
        second: ("rejected", "bad_outline", "Ada"),
    }
    page.keyboard.press("u")  # the skip, across the reload
    page.keyboard.press("u")  # the rejection
    assert "1 accepted, 0 rejected" in page.locator("#progress-text").text_content()
    assert page.complaints == []


def test_a_rejection_can_be_said_in_words_or_called_off(page, example_run, tmp_path):
    opened(page, index(example_run))
    first = chosen(page)
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    assert chosen(page) == first
    assert "0 of" in page.locator("#progress-text").text_content()
    page.keyboard.press("r")
    page.fill("#reason-text", 'a swimming pool, "blue" <b>')
    page.keyboard.press("Enter")
    (line,) = downloaded(page, tmp_path).splitlines()
    assert parse_decision(line).reason == 'a swimming pool, "blue" <b>'


def test_next_and_previous_move_through_the_list_and_the_map_and_list_are_linked(page, example_run):
    opened(page, index(example_run))
    first = chosen(page)
    page.keyboard.press("j")
    second = chosen(page)
    page.keyboard.press("k")
    assert chosen(page) == first != second
    assert page.locator("#previous").is_disabled()
    page.locator("#list [role=option]").nth(3).click()
    fourth = chosen(page)
    page.wait_for_selector('[aria-selected=true][aria-posinset="4"]')  # drawn with the next frame
    page.keyboard.press("k")
    assert chosen(page) != fourth


def test_a_click_on_the_map_chooses_the_proposal_there(page, example_run):
    opened(page, index(example_run))
    before = chosen(page)
    box = page.locator("#map").bounding_box()
    found = set()
    for step in range(1, 12):
        page.mouse.click(box["x"] + box["width"] * step / 12, box["y"] + box["height"] * step / 12)
        found.add(chosen(page))
    assert len(found - {before}) >= 2


def test_filters_and_sorting_choose_what_is_listed(page, example_run):
    data = read_page_data(example_run / "review")
    opened(page, index(example_run))

    def count():
        return int(page.locator("#count").text_content().split()[0])

    assert count() == sum(change["status"] in ("new", "review") for change in data["changes"])
    assert (
        chosen(page)
        == max(
            (change for change in data["changes"] if change["status"] in ("new", "review")),
            key=lambda c: c["doubt"],
        )["id"]
    )
    stays = chosen(page)
    page.select_option("#f-sort", "score_high")
    assert page.locator("[aria-selected=true]").get_attribute("aria-posinset") == "1"
    best = max(c["score"] for c in data["changes"] if c["status"] in ("new", "review"))
    assert next(c["score"] for c in data["changes"] if c["id"] == chosen(page)) == best
    page.select_option("#f-sort", "doubt")
    page.select_option("#f-status", "")
    assert chosen(page) == stays
    assert count() == len(data["changes"])
    page.select_option("#f-label", "tennis_court")
    assert count() == sum(change["label"] == "tennis_court" for change in data["changes"])
    page.select_option("#f-label", "")
    page.select_option("#f-reason", "low_score")
    assert count() == sum("low_score" in change["reasons"] for change in data["changes"])
    page.select_option("#f-reason", "")
    page.select_option("#f-status", "decide")
    page.fill("#f-min", "0.8")
    assert count() == sum(c["score"] >= 0.8 for c in data["changes"] if c["status"] in ("new", "review"))
    page.fill("#f-min", "2")
    assert count() == 0
    assert page.locator("#accept").is_disabled()
    assert page.complaints == []


def test_rows_for_information_cannot_be_decided(page, example_run):
    opened(page, index(example_run))
    page.select_option("#f-status", "osm_only")
    assert page.locator("#accept").is_disabled()
    page.locator("#chip").click()
    for key in "ars":
        page.keyboard.press(key)
    assert not page.locator("#reasons").is_visible()
    assert "0 of 16 decided" in page.locator("#progress-text").text_content()


def test_the_toggle_moves_the_outline_by_the_offset(page, example_run):
    opened(page, index(example_run))

    def middle():
        return page.evaluate(
            "(() => { const box = document.querySelector('#chip .detected .over').getBBox();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )

    gsd_m = page.evaluate("1 / window.GROUNDPLAN_REVIEW.changes[0].chip.to_px[0]")
    seen = middle()
    page.keyboard.press("f")
    assert page.locator("#frame-osm").is_checked()
    moved = middle()
    # The example's imagery lies 1.9 m east and 1.4 m south of OSM; the picture's y points south.
    assert (seen[0] - moved[0]) * gsd_m == pytest.approx(1.9, abs=0.05)
    assert (seen[1] - moved[1]) * gsd_m == pytest.approx(1.4, abs=0.05)
    page.keyboard.press("o")
    assert page.locator("#chip .detected").count() == 0


def test_behind_the_last_the_list_goes_on_at_what_was_left_out_and_says_when_all_is_decided(
    page, tmp_path, write_example
):
    write_example(tmp_path, count=6)  # four to decide
    opened(page, index(tmp_path))
    first = chosen(page)
    page.keyboard.press("j")
    for _ in range(3):
        page.keyboard.press("a")
    assert chosen(page) == first
    page.keyboard.press("a")
    assert "4 of 4 decided" in page.locator("#progress-text").text_content()
    assert page.title() == "Done: demo"
    assert "All 4 listed" in page.locator("#notice").text_content()
    page.keyboard.press("u")
    assert page.locator("#notice").is_hidden()
    assert page.title() == "(1) demo"


def test_a_key_held_down_decides_once(page, example_run):
    opened(page, index(example_run))
    page.locator("#chip").click()
    page.keyboard.down("a")
    for _ in range(5):
        page.keyboard.down("a")  # repeats
    page.keyboard.up("a")
    assert page.locator("#progress-text").text_content().startswith("1 of 16")


def test_escape_leaves_a_filter_so_that_keys_decide_again(page, example_run):
    opened(page, index(example_run))
    page.focus("#f-min")
    page.keyboard.press("a")
    assert page.locator("#progress-text").text_content().startswith("0 of 16")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    assert page.locator("#progress-text").text_content().startswith("1 of 16")


def test_what_was_accepted_of_something_else_waits_for_a_person_again(page, example_run, tmp_path):
    run = shutil.copytree(example_run, tmp_path / "run")
    opened(page, index(run))
    first = chosen(page)
    page.keyboard.press("a")
    assert "1 accepted" in page.locator("#progress-text").text_content()
    data, path = read_page_data(run / "review"), run / "review" / "data.js"
    (change,) = (each for each in data["changes"] if each["id"] == first)
    change |= {"shown": "partial_overlap: way/7", "qa": ["accepted_before_look_again"]}
    text = path.read_text(encoding="ascii")
    path.write_text(text[: text.index("{")] + json.dumps(data) + text[text.rindex("}") + 1 :], encoding="ascii")
    page.reload()
    page.wait_for_selector("#list [role=option]")
    assert "0 of 16 decided" in page.locator("#progress-text").text_content()
    page.locator("#list [role=option]").first.click()
    assert chosen(page) == first
    page.keyboard.press("a")
    page.reload()
    page.wait_for_selector("#list [role=option]")
    assert "1 accepted" in page.locator("#progress-text").text_content()
    (line,) = map(json.loads, downloaded(page, tmp_path).splitlines())
    assert (line["id"], line["shown"]) == (first, "partial_overlap: way/7")
