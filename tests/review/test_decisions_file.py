import errno
import json
from io import FileIO

import pytest

from groundplan.errors import ConfigError, OutputError
from osm.memory import read_decisions
from review import decisions_file
from review.decisions import Decision, current_decisions, decision_line
from review.decisions_file import append_line, read_lines


def made(change_id, who="Zo\u00eb"):
    return Decision(
        id=change_id, label="building", polygon="POLYGON ((0 0, 1 0, 1 1, 0 0))", decision="accepted",
        who=who, when="2026-06-01T12:00:00Z",
    )  # fmt: skip


def ids(path):
    """What both readers of the file find in it."""
    found = list(current_decisions(read_lines(path)))
    assert [each.id for each in read_decisions(path)] == found
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "decisions.jsonl"


LINE = decision_line(made("c-0")).encode()


@pytest.mark.parametrize("piece_bytes", [7, 1 << 16])
@pytest.mark.parametrize("torn", [LINE[:20], LINE[: LINE.index("\u00eb".encode()) + 1], LINE[:-2], b"\0" * 300])
def test_a_line_that_a_crash_cut_short_is_removed_before_the_next(path, monkeypatch, torn, piece_bytes):
    monkeypatch.setattr(decisions_file, "PIECE_BYTES", piece_bytes)
    for before in (b"", LINE):
        path.write_bytes(before + torn)
        assert ids(path) == (["c-0"] if before else [])
        append_line(path, made("c-1"))
        append_line(path, made("c-2"))
        assert path.read_bytes().startswith(before + b'{"id": "c-1"')
        assert ids(path) == (["c-0"] if before else []) + ["c-1", "c-2"]


def test_a_whole_line_without_its_end_stays(path):
    path.write_bytes(LINE[:-1])
    append_line(path, made("c-1"))
    assert ids(path) == ["c-0", "c-1"]


def test_a_line_that_ends_within_its_line_is_closed(path):
    path.write_bytes(LINE + b"  ")
    append_line(path, made("c-1"))
    assert ids(path) == ["c-0", "c-1"]


def test_a_decision_that_the_disk_takes_in_part_is_taken_back_and_told(path, monkeypatch):
    append_line(path, made("c-0"))
    left = iter([40])

    class FullDisk(FileIO):
        def write(self, data):
            room = next(left, None)
            if room is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:room])

    with monkeypatch.context() as patch:
        patch.setattr(decisions_file.os, "fdopen", lambda handle, mode, buffering: FullDisk(handle, mode))
        with pytest.raises(OutputError, match=r"No space left.*check the disk"):
            append_line(path, made("c-1"))
    assert path.read_bytes() == LINE
    append_line(path, made("c-2"))
    assert ids(path) == ["c-0", "c-2"]


def test_a_disk_that_takes_little_at_a_time_gets_everything(path, monkeypatch):
    class SlowDisk(FileIO):
        def write(self, data):
            return super().write(data[:7])

    monkeypatch.setattr(decisions_file.os, "fdopen", lambda handle, mode, buffering: SlowDisk(handle, mode))
    append_line(path, made("c-0"))
    assert path.read_bytes() == LINE


def test_decisions_are_not_written_through_a_link(path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot write"):
        append_line(path, made("c-1"))
    assert not (tmp_path / "elsewhere").exists()


def test_lines_end_at_line_feeds_only_and_what_is_no_such_file_is_refused(path, tmp_path):
    path.write_text(json.dumps({"reason": "a\u2028b\x85"}, ensure_ascii=False) + "\n", encoding="utf-8")
    assert len(read_lines(path)) == 2 and read_lines(path)[1] == ""
    path.write_bytes(b"\xff\n")
    with pytest.raises(ConfigError, match="cannot read"):
        read_lines(path)
    with pytest.raises(ConfigError, match="no decisions at"):
        read_lines(tmp_path / "absent.jsonl")
