from pathlib import Path

import pytest

from groundplan.errors import OutputError
from groundplan.whole import whole_file, write_text_whole


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
