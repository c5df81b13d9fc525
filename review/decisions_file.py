"""One decision -> the end of decisions.jsonl, as a whole line or not at all; and the file -> its lines."""

import codecs
import fcntl
import os
from io import FileIO
from pathlib import Path
from typing import Final

from groundplan.errors import ConfigError, OutputError, SchemaError
from review.decisions import Decision, decision_line, parse_decision

DECISIONS_NAME: Final = "decisions.jsonl"
"""In the review folder of a run."""

PIECE_BYTES: Final = 1 << 16
"""Read at once when the beginning of the last line is looked for."""


def append_line(path: Path, decision: Decision) -> None:
    """Append one decision to a file, synced to the disk.

    A line that a crash cut short is removed first: closed with a line end it would be a broken line in the middle
    of the file, which nobody reads over. What cannot be written whole is taken back.

    Raises
    ------
    OutputError
        The file cannot be written, or is a link.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(path, flags, 0o644)
        with os.fdopen(handle, "r+b", buffering=0) as stream:
            # A second server of the same folder must not see half a line of this one as torn.
            fcntl.flock(stream, fcntl.LOCK_EX)
            end, closing = _last_line(stream)
            try:
                _write_all(stream, closing + decision_line(decision).encode())
                os.fsync(stream.fileno())
            except OSError:
                stream.truncate(end)
                raise
    except OSError as err:
        raise OutputError(
            f"cannot write {path}: {err.strerror or err}; check the disk's space and that the file is writable"
        ) from err


def read_lines(path: Path) -> list[str]:
    """Return the file's text split at its line ends: the last line is empty, or was cut off while being written.

    Raises
    ------
    ConfigError
        The file is missing or cannot be read.
    """
    try:
        # A line may be cut off within a character, of which this decoder says nothing at the end. Not splitlines:
        # to it other characters that stand in reasons are line ends as well.
        return codecs.getincrementaldecoder("utf-8")().decode(path.read_bytes()).split("\n")
    except FileNotFoundError as err:
        raise ConfigError(f"no decisions at {path}; review the run first, or give --decisions FILE") from err
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"cannot read {path}: {err}; give a decisions.jsonl") from err


def _last_line(stream: FileIO) -> tuple[int, bytes]:
    """Return where the file ends without a torn line, which is cut off, and what its last line lacks."""
    end = start = stream.seek(0, os.SEEK_END)
    tail = b""
    while start and b"\n" not in tail:
        behind, start = start, max(0, start - PIECE_BYTES)
        stream.seek(start)
        tail = stream.read(behind - start) + tail
    torn = tail.rpartition(b"\n")[2]
    if not torn.strip():
        return end, b"\n" if torn else b""
    try:
        parse_decision(torn.decode("utf-8"))
    except (SchemaError, UnicodeDecodeError):
        stream.truncate(end - len(torn))
        return end - len(torn), b""
    # Whole, but for its line end: written by an editor, or cut short at the very last byte.
    return end, b"\n"


def _write_all(stream: FileIO, data: bytes) -> None:
    """Write everything: on a disk that fills up `write` takes a part, and only the next one says why."""
    while data:
        data = data[stream.write(data) or 0 :]
