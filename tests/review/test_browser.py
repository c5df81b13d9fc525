"""The review page in a real headless Chromium, from the file system and from the local server."""

import json
import re
import threading
import time
from contextlib import contextmanager

import pytest

from review.decisions import current_decisions, parse_decision
from review.page import read_page_data
from review.server import make_server

HOSTILE = '"><script>window.hacked=1</script><img src=x onerror="window.hacked=1">'
TURNED = "gnp.\u202egpj.exe\x07"
"""Looks like another name where the direction override and the bell are drawn as they are."""


@contextmanager
def running(run_dir):
    with make_server(run_dir, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def opened(page, address):
    page.goto(address)
    page.wait_for_selector("#list [role=option]")
    return page


def wait_for(page, where, text):
    """Wait for a text; Playwright's wait_for_function needs eval, which the page's policy forbids."""
    # As a pattern, because a plain has_text ignores case: "Saved" would be found in "1 not saved yet".
    page.locator(where).filter(has_text=re.compile(re.escape(text))).wait_for(state="attached", timeout=60_000)


def wait_for_lines(path, count):
    """Wait until a file has so many lines: what the page says may still be about the decision before."""
    end = time.monotonic() + 60
    while path.read_text(encoding="utf-8").count("\n") < count and time.monotonic() < end:
        time.sleep(0.02)
    assert path.read_text(encoding="utf-8").count("\n") == count


def index(run_dir):
    return (run_dir / "review" / "index.html").as_uri()


def decided_lines(run_dir):
    return [json.loads(line) for line in (run_dir / "review/decisions.jsonl").read_text().splitlines()]


def chosen(page):
    return page.evaluate("document.querySelector('#facts dl').lastElementChild && JSON.stringify("
                         "[...document.querySelectorAll('#facts dt')].find(dt => dt.textContent === 'Id')"
                         ".nextElementSibling.textContent)").strip('"')  # fmt: skip


def downloaded(page, tmp_path):
    with page.expect_download() as waited:
        page.keyboard.press("d")
    assert waited.value.suggested_filename == "decisions.jsonl"
    waited.value.save_as(tmp_path / "decisions.jsonl")
    return (tmp_path / "decisions.jsonl").read_text(encoding="utf-8")


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
    assert page.locator("[aria-selected=true]").get_attribute("aria-posinset") == "4"
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


def test_a_hostile_name_is_text_and_runs_nothing(page, tmp_path, write_example):
    write_example(tmp_path, count=8, hostile=HOSTILE, region=HOSTILE)
    opened(page, index(tmp_path))
    page.select_option("#f-status", "")
    for _ in range(8):
        page.keyboard.press("j")
    page.select_option("#f-reason", HOSTILE)
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#title").text_content() == HOSTILE
    assert page.locator("main script, main img").count() == 0
    assert HOSTILE in page.locator("#facts").text_content()
    assert page.complaints == []


def test_characters_that_cannot_be_seen_are_written_out(page, tmp_path, write_example):
    write_example(tmp_path, count=8, hostile=TURNED)
    opened(page, index(tmp_path))
    page.select_option("#f-status", "")
    for _ in range(8):
        said = page.locator("#facts").text_content() + page.locator("#list").text_content()
        assert "gnp.⟨U+202E⟩gpj.exe⟨U+0007⟩" in said
        assert "\u202e" not in said and "\x07" not in said
        page.keyboard.press("j")
    page.select_option("#f-reason", TURNED)  # the filter still knows the reason itself
    assert page.locator("#count").text_content().startswith("8 ")
    assert page.complaints == []


def test_the_policy_stops_inline_scripts_and_foreign_addresses(page, example_run):
    opened(page, index(example_run))
    page.evaluate(
        "() => { const script = document.createElement('script'); script.textContent = 'window.inline = 1';"
        " document.body.append(script); const image = new Image(); image.src = 'http://127.0.0.1:9/x.png';"
        " document.body.append(image); }"
    )
    page.wait_for_timeout(100)
    assert page.evaluate("window.inline") is None
    assert sum("Content Security Policy" in text for text in page.complaints) >= 2


def test_the_server_saves_each_decision_and_undo_as_they_are_made(page, tmp_path, write_example):
    write_example(tmp_path, count=8)
    with running(tmp_path) as server:
        opened(page, server.url)
        first = chosen(page)
        page.keyboard.press("a")
        wait_for(page, "#saved", "Saved")
        second = chosen(page)
        page.keyboard.press("r")
        page.keyboard.press("1")
        page.keyboard.press("u")
        page.keyboard.press("s")  # at once: the line of the undo must still be written before it
        page.keyboard.press("k")
        page.keyboard.press("k")
        page.keyboard.press("s")  # later skipped: the acceptance does not hold any more
        page.keyboard.press("u")
        wait_for_lines(tmp_path / "review/decisions.jsonl", 5)
        wait_for(page, "#saved", "Saved")
    lines = decided_lines(tmp_path)
    said = [(line["id"], line["decision"], line["reason"]) for line in lines]
    assert said == [
        (first, "accepted", ""),
        (second, "rejected", "not_there"),
        (second, "pending", ""),
        (first, "pending", ""),
        (first, "accepted", ""),
    ]
    assert list(current_decisions(map(json.dumps, lines))) == [first]
    assert page.complaints == []


def test_what_no_file_can_hold_is_cleaned_and_what_is_refused_holds_nothing_up(page, tmp_path, write_example):
    write_example(tmp_path, count=12)
    with running(tmp_path) as server:
        opened(page, server.url)
        page.fill("#who", "Ada\u00a0\u202eL")
        page.locator("#chip").click()
        page.keyboard.press("r")
        page.fill(
            "#reason-text", "a\u00a0roof \u200bgarden"
        )  # no-break and zero-width spaces are no printable characters
        page.keyboard.press("Enter")
        wait_for(page, "#saved", "Saved")
        (line,) = decided_lines(tmp_path)
        assert (line["who"], line["reason"]) == ("Ada L", "a roof garden")
        refused = chosen(page)
        del server.proposals[refused]  # as when the run was made anew behind the open page
        page.keyboard.press("a")
        wait_for(page, "#saved", "1 refused (decision is about")
        page.keyboard.press("a")
        wait_for_lines(tmp_path / "review/decisions.jsonl", 2)
        wait_for(page, "#saved", "Saved")
    assert [each["decision"] for each in decided_lines(tmp_path)] == ["rejected", "accepted"]
    assert refused not in {each["id"] for each in decided_lines(tmp_path)}


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


def test_a_decision_made_while_the_servers_file_is_read_is_written_once(page, tmp_path, write_example):
    write_example(tmp_path, count=8)
    held = []
    with running(tmp_path) as server:
        page.route("**/decisions", lambda route: held.append(route) if not held else route.continue_())
        opened(page, server.url)
        while not held:
            page.wait_for_timeout(10)
        answer = held[0].fetch()  # the file as it was before
        page.keyboard.press("a")
        page.wait_for_timeout(300)
        held[0].fulfill(response=answer)
        wait_for(page, "#saved", "Saved")
        page.wait_for_timeout(300)
    assert len(decided_lines(tmp_path)) == 1


def test_a_new_browser_goes_on_where_the_servers_file_ends(browser, page, tmp_path, write_example):
    write_example(tmp_path, count=8)
    with running(tmp_path) as server:
        opened(page, server.url)
        page.keyboard.press("a")
        wait_for(page, "#saved", "Saved")
        other = browser.new_context().new_page()
        opened(other, server.url)
        wait_for(other, "#progress-text", "1 accepted")
        other.context.close()


def test_what_could_not_be_saved_is_said_and_saved_later(page, tmp_path, write_example):
    write_example(tmp_path, count=8)
    obstacle = tmp_path / "review" / "decisions.jsonl"
    obstacle.mkdir()  # a folder where the file should be: the server cannot write
    with running(tmp_path) as server:
        opened(page, server.url)
        page.keyboard.press("a")
        wait_for(page, "#saved", "1 not saved yet (cannot write")
        obstacle.rmdir()
        # The page tries again by itself; only once it has, the next decision is made, so that "Saved" is said
        # of both and not of the first alone.
        wait_for(page, "#saved", "Saved")
        page.keyboard.press("a")
        wait_for_lines(obstacle, 2)
        wait_for(page, "#saved", "Saved")


def test_downloaded_decisions_can_be_loaded_in_another_browser(browser, page, example_run, tmp_path):
    opened(page, index(example_run))
    page.keyboard.press("a")
    text = downloaded(page, tmp_path)
    (tmp_path / "more.jsonl").write_text(text + "oops\n" + text.replace("c-0", "d-0"), encoding="utf-8")
    other = browser.new_context().new_page()
    opened(other, index(example_run))
    other.set_input_files("#load-file", tmp_path / "more.jsonl")
    wait_for(other, "#progress-text", "1 accepted")
    assert other.locator("#notice").text_content().startswith("1 decisions taken over; 2 lines")
    other.context.close()


def test_decisions_of_the_run_itself_are_where_the_review_starts(page, tmp_path, write_example):
    write_example(tmp_path, count=8)
    script = tmp_path / "review" / "data.js"
    script.write_text(script.read_text().replace('"review":"pending"', '"review":"rejected"', 1))
    opened(page, index(tmp_path))
    assert "0 accepted, 1 rejected" in page.locator("#progress-text").text_content()


def test_a_page_without_its_data_says_so(page, tmp_path, write_example):
    write_example(tmp_path, count=8)
    (tmp_path / "review" / "data.js").unlink()
    page.goto(index(tmp_path))
    assert "missing" in page.locator("#notice").text_content()


def test_a_run_without_proposals_and_one_without_imagery_can_be_opened(page, tmp_path, write_example):
    write_example(tmp_path, count=0)
    page.goto(index(tmp_path))
    assert page.locator("#count").text_content() == "0 proposals listed"
    assert page.complaints == []
    write_example(tmp_path, count=3)
    for chip in (tmp_path / "review" / "chips").iterdir():
        chip.unlink()
    opened(page, index(tmp_path))
    wait_for(page, "#chip-note", "is missing")


def test_every_control_has_a_name_and_is_reached_by_the_tab_key(page, example_run):
    opened(page, index(example_run))
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input:not([hidden]), select, a[href], [tabindex=\"0\"]')]"
        ".filter(node => !(node.textContent.trim() || node.getAttribute('aria-label') || node.title ||"
        " (node.labels && node.labels.length))).map(node => node.outerHTML)"
    )
    assert nameless == []
    page.locator("body").focus()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    wanted = {
        "who",
        "load",
        "download",
        "help",
        "f-status",
        "f-label",
        "f-reason",
        "f-decision",
        "f-sort",
        "f-min",
    }
    assert (
        wanted | {"f-max", "list", "outlines", "zoom-in", "accept", "reject", "skip", "undo", "next", "map"}
        <= reached
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_of_level_aa(page, example_run, low_contrast, scheme):
    page.emulate_media(color_scheme=scheme)
    opened(page, index(example_run))
    page.keyboard.press("a")
    page.keyboard.press("k")
    assert low_contrast(page) == []
    page.keyboard.press("r")
    assert low_contrast(page) == []


def test_on_a_phone_nothing_is_wider_than_the_screen_and_the_buttons_stay_in_reach(page, example_run):
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, index(example_run))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = page.locator("#accept").bounding_box()
    assert box["y"] + box["height"] <= 844
    assert box["height"] >= 40
    page.locator("#accept").click()
    assert "1 accepted" in page.locator("#progress-text").text_content()
