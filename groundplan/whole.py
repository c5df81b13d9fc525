"""Files that are whole or not there: write beside the target, then rename."""

import os
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from groundplan.errors import OutputError

LEFTOVER = re.compile(r"\.(?P<stem>.+)-[a-z0-9_]{8}\.tmp(\.[^.]+){0,2}", re.DOTALL)
"""Temporary names as `whole_file` has `tempfile.mkstemp` make them."""


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; rename it to the target when the block ends well.

    The folder is made when missing. When the block raises, the temporary file is removed and an older
    target stays as it was. The temporary name keeps the target's suffix, because GDAL and osmium choose the
    format by it.

    Parameters
    ----------
    path : path-like
        Target file.

    Raises
    ------
    OutputError
        The folder cannot be made or written to.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        suffix = "".join(target.suffixes[-2:])
        handle, name = tempfile.mkstemp(prefix=f".{target.stem[:40]}-", suffix=f".tmp{suffix}", dir=target.parent)
        os.close(handle)
    except OSError as err:
        raise OutputError(
            f"cannot write {target}: {err.strerror or err}; choose a folder that can be written to with --out"
        ) from err
    part = Path(name)
    try:
        yield part
        # mkstemp makes files private; results are for sharing, so they get the usual mode.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_text_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text so that a reader sees either all of it or the file as it was before."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_bytes_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write bytes so that a reader sees either all of them or the file as it was before."""
    with whole_file(path) as part:
        part.write_bytes(data)


def sweep_leftovers(folder: Path, *, stems: Collection[str] | None = None) -> None:
    """Remove the temporary files that a killed process left in a folder, not those in folders below it.

    Only while nobody else writes what is swept.

    Parameters
    ----------
    folder : Path
        Nothing happens where it does not exist.
    stems : collection of str, optional
        Names, without suffixes, of the files whose temporary files go; all when not given, which is for folders
        that hold nothing but ours.
    """
    for path in folder.glob(".*-????????.tmp*"):
        named = LEFTOVER.fullmatch(path.name)
        if named and (stems is None or named["stem"] in stems):
            path.unlink(missing_ok=True)
