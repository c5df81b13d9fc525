"""The review page in a real headless Chromium, served: decisions saved, lost, loaded and found again."""

import json

from review.decisions import current_decisions
from tests.review.browsing import (
    chosen,
    decided_lines,
    downloaded,
    index,
    opened,
    running,
    wait_for,
    wait_for_lines,
)


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
