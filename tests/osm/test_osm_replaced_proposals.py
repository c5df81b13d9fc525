"""What a person did to proposals, or put beside them, outlasts the next comparison."""

import contextlib
import logging
from pathlib import Path

import pytest

from osm.publish import finish_published, published
from osm.replaced_proposals import RECORD
from tests.osm.test_osm_publish import KilledError, die_at, texts


def publish(out: Path, proposals: dict[str, str] | None) -> None:
    with published(out) as fresh:
        (fresh / "diff_report.json").write_text("report")
        if proposals is not None:
            (fresh / "proposals").mkdir()
            for name, text in proposals.items():
                (fresh / "proposals" / name).write_text(text)


def held(out: Path) -> dict[str, str]:
    return {name: text for name, text in texts(out).items() if name.startswith("proposals")}


OLD = {"001.osc": "a", "001.osm": "b", "002.osm": "c", "maproulette-2.geojsonl": "d"}
NEW = {"001.osc": "A", "001.osm": "B"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    publish(tmp_path, OLD)
    return tmp_path


def work(out: Path) -> None:
    """A mapper draws in one file, and saves another beside it."""
    (out / "proposals" / "001.osm").write_text("finished work")
    (out / "proposals" / "mine.osm").write_text("hand work")
    (out / "proposals" / "later").mkdir()
    (out / "proposals" / "later" / "notes.txt").write_text("notes")


KEPT = {
    "proposals/mine.osm": "hand work",
    "proposals/later/notes.txt": "notes",
    "proposals_changed/001.osm": "finished work",
}


@pytest.mark.parametrize("new", [NEW, {}, None])
def test_what_a_person_did_is_kept_and_what_we_wrote_goes(
    out: Path, new: dict[str, str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    work(out)
    with caplog.at_level(logging.INFO):
        publish(out, new)
    assert held(out) == KEPT | {f"proposals/{name}": text for name, text in (new or {}).items()}
    assert "1 files in" in caplog.text and "001.osm; they are now in" in caplog.text
    assert "such as later; they stay" in caplog.text


@pytest.mark.parametrize("new", [NEW, {}, None])
def test_untouched_proposals_are_replaced_without_a_word(
    out: Path, new: dict[str, str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        publish(out, new)
    assert held(out) == {f"proposals/{name}": text for name, text in (new or {}).items()}
    assert (out / "proposals").exists() == (new is not None)
    assert caplog.text == ""


def test_what_was_changed_twice_is_kept_twice(out: Path) -> None:
    for text in ("one", "two", "three"):
        (out / "proposals" / "001.osm").write_text(text)
        publish(out, NEW)
    kept = {"001.osm": "one", "001-2.osm": "two", "001-3.osm": "three"}
    assert {path.name: path.read_text() for path in (out / "proposals_changed").iterdir()} == kept


@pytest.mark.parametrize("text", [None, "no record", "[]"])
def test_without_a_record_only_what_comes_again_is_not_kept(out: Path, text: str | None) -> None:
    record = out / "proposals" / RECORD
    record.unlink() if text is None else record.write_text(text)
    publish(out, NEW | {"001.osm": "b"})
    assert not {"002.osm", "maproulette-2.geojsonl"} & {path.name for path in (out / "proposals").iterdir()}
    assert {path.name for path in (out / "proposals_changed").iterdir()} == {
        "001.osc", "002.osm", "maproulette-2.geojsonl",
    }  # fmt: skip


def test_the_record_depends_on_the_files_alone(out: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    publish(other, dict(reversed(OLD.items())))
    assert (other / "proposals" / RECORD).read_bytes() == (out / "proposals" / RECORD).read_bytes()


def test_a_link_in_the_place_of_proposals_is_not_followed(
    out: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "proposals"
    (out / "proposals").rename(elsewhere)
    (out / "proposals").symlink_to(elsewhere)
    publish(out, NEW)
    assert (elsewhere / "002.osm").read_text() == "c"
    assert held(out) == {f"proposals/{name}": text for name, text in NEW.items()}


@pytest.mark.parametrize("number", range(12))
@pytest.mark.parametrize("new", [NEW, None])
def test_a_kill_between_any_two_files_loses_nothing(
    out: Path, monkeypatch: pytest.MonkeyPatch, number: int, new: dict[str, str] | None
) -> None:
    work(out)
    with monkeypatch.context() as patch, contextlib.suppress(KilledError):
        die_at(patch, number)
        publish(out, new)
    with monkeypatch.context() as patch, contextlib.suppress(KilledError):
        die_at(patch, 1)
        finish_published(out)
    finish_published(out)
    if number < 2:
        changed = {"proposals/001.osm": "finished work"}
        whole = KEPT | {f"proposals/{name}": text for name, text in OLD.items()} | changed
        assert held(out) == {name: text for name, text in whole.items() if not name.startswith("proposals_")}
    else:
        assert held(out) == KEPT | {f"proposals/{name}": text for name, text in (new or {}).items()}
