"""The review page in a real headless Chromium: hostile names, empty runs, and who cannot see or point well."""

import pytest

from tests.review.browsing import index, opened, wait_for

HOSTILE = '"><script>window.hacked=1</script><img src=x onerror="window.hacked=1">'
TURNED = "gnp.\u202egpj.exe\x07"
"""Looks like another name where the direction override and the bell are drawn as they are."""


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
