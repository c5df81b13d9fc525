"""Files of a comparison replace those before all together, whenever the process that writes them is killed."""

import contextlib
from pathlib import Path

import pytest

from groundplan.errors import OutputError
from osm.publish import NAMES, finish_published, published
from osm.replaced_proposals import RECORD

BEFORE = {"changes.geojson", "changes.parquet", "maproulette.geojsonl", "proposals"}
AFTER = {"changes.geojson", "changes.parquet", "diff_report.json", "proposals"}
RENAMES = 1 + 1 + len(BEFORE) + len(AFTER)
"""Of the list of names, of the folder that is ready, and of files."""


class KilledError(BaseException):
    """Ends the process, as far as these files can tell."""


def write(folder: Path, names: set[str], text: str) -> None:
    for name in names:
        if name == "proposals":
            (folder / name).mkdir()
            (folder / name / "001.osc").write_text(text)
        else:
            (folder / name).write_text(text)


def texts(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files if path.name != RECORD}


def expected(names: set[str], text: str) -> dict[str, str]:
    return {"proposals/001.osc" if name == "proposals" else name: text for name in names} | {"mine.txt": "kept"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    with published(tmp_path) as fresh:
        write(fresh, BEFORE, "before")
    (tmp_path / "mine.txt").write_text("kept")
    return tmp_path


def publish(out: Path) -> None:
    with published(out) as fresh:
        write(fresh, AFTER, "after")


def die_at(patch: pytest.MonkeyPatch, number: int) -> None:
    """Let the rename of this number be the first that does not happen any more."""
    left = iter(range(number))

    def dying(real):
        def rename(self: Path, target: Path) -> Path:
            if next(left, None) is None:
                raise KilledError
            return real(self, target)

        return rename

    for name in ("rename", "replace"):
        patch.setattr(Path, name, dying(getattr(Path, name)))


@pytest.mark.parametrize("number", range(RENAMES))
def test_a_kill_between_any_two_files_leaves_the_old_set_or_brings_the_new(
    out: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        die_at(patch, number)
        publish(out)
    # The next start dies as well, one file further.
    with monkeypatch.context() as patch, contextlib.suppress(KilledError):
        die_at(patch, 1)
        finish_published(out)
    finish_published(out)
    assert texts(out) == (expected(BEFORE, "before") if number < 2 else expected(AFTER, "after"))
    assert not list(out.glob(".diff-*"))


def test_what_a_kill_left_does_not_come_over_a_later_comparison(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        die_at(patch, 4)
        publish(out)
    with published(out) as fresh:
        write(fresh, BEFORE, "later")
    finish_published(out)
    assert texts(out) == expected(BEFORE, "later")


def test_a_comparison_that_fails_changes_nothing(out: Path) -> None:
    for error, told in ((ValueError, ValueError), (OSError, OutputError)):
        with pytest.raises(told), published(out) as fresh:
            write(fresh, AFTER, "after")
            raise error("half way")
        assert texts(out) == expected(BEFORE, "before")


def test_an_empty_folder_and_one_that_is_not_there_are_served_too(tmp_path: Path) -> None:
    finish_published(tmp_path / "none")
    publish(tmp_path / "none")
    assert {path.name for path in (tmp_path / "none").iterdir()} == AFTER < set(NAMES)


@pytest.mark.parametrize("inside", [[], ["new/"], ["new/a", "old/"], ["names.json", "old-12345678/a"]])
def test_what_a_kill_left_half_written_is_removed(out: Path, inside: list[str]) -> None:
    fill(out / ".diff-ab_d1234", inside)
    finish_published(out)
    assert texts(out) == expected(BEFORE, "before") and not list(out.glob(".diff-*"))


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        (".diff-ab_d1234", ["new/changes.geojson", "old/changes.geojson"]),
        (".diff-ab_d1234", ["notes.txt"]),
        (".diff-ab_d1234", ["ready/changes.geojson"]),
        (".diff-of-mine", ["new/changes.geojson"]),
        (".diff-ab_d12345", []),
    ],
)
def test_what_somebody_may_still_want_stays(out: Path, name: str, inside: list[str]) -> None:
    fill(out / name, inside)
    before = texts(out)
    finish_published(out)
    assert texts(out) == before and (out / name).is_dir()


def test_a_link_is_not_followed(out: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    fill(other, ["new/changes.geojson"])
    (out / ".diff-ab_d1234").symlink_to(other)
    finish_published(out)
    assert (other / "new" / "changes.geojson").is_file() and (out / ".diff-ab_d1234").is_symlink()


def fill(folder: Path, inside: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    for name in inside:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text("theirs")
