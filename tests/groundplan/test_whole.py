from pathlib import Path

import pytest

from groundplan.errors import OutputError
from groundplan.whole import sweep_leftovers, whole_file, write_text_whole


def test_a_file_appears_whole_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_text_whole(tmp_path / "deep" / "a.txt", "text")
    assert (tmp_path / "deep" / "a.txt").read_text() == "text"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.txt"]


def test_a_failing_block_keeps_the_older_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), whole_file(target) as part:
        part.write_text("new, but only h")
        raise RuntimeError("half way")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*file/a\.txt.*--out"):
        write_text_whole(tmp_path / "file" / "a.txt", "text")


def test_what_was_left_half_written_is_swept_here_and_not_below(tmp_path: Path) -> None:
    ours = [".a.b-abcd_123.tmp.osm.gz", ".c-abcd1234.tmp"]
    theirs = [".c-ABCD1234.tmp", ".c-abcd1234.tmp.a.b.c", "c-abcd1234.tmp", "below/.c-abcd1234.tmp"]
    (tmp_path / "below").mkdir()
    for name in (*ours, *theirs):
        (tmp_path / name).write_text("half")
    sweep_leftovers(tmp_path, stems=["a.b"])
    assert [name for name in ours if (tmp_path / name).exists()] == ours[1:]
    sweep_leftovers(tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*c-*")} == set(theirs)
    sweep_leftovers(tmp_path / "none")
