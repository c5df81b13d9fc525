"""Files of one comparison -> the output folder, replaced together."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundplan.errors import OutputError
from groundplan.whole import write_text_whole
from osm.replaced_proposals import clear_proposals, record_written

NAMES = ("changes.geojson", "changes.parquet", "maproulette.geojsonl", "diff_report.json", "proposals")
"""Everything a comparison may write; what it does not write this time is taken away."""

STAGING = re.compile(r"\.diff-[a-z0-9_]{8}")
"""As `tempfile.mkdtemp` makes names."""
FRESH, READY, LIST, OLD = "new", "ready", "names.json", "old-"
"""In a staging folder: files in the making; the same once all are whole; their names; what they replace."""


@contextmanager
def published(out: Path) -> Iterator[Path]:
    """Yield a folder to write the files of a comparison into; all of them or none come into `out`.

    It is a hidden folder beside their place; the renames at the end are the only moment at which old and new files
    can stand side by side. A process that is killed at that moment leaves them to `finish_published`. Files of an
    earlier run that have no successor are removed, so no stale proposal can be uploaded; what a person did
    in proposals/ is kept (`osm.replaced_proposals`).

    Parameters
    ----------
    out : Path
        Folder, made when missing; other files in it stay.

    Raises
    ------
    OutputError
        The folder cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        # Now, and not when they would replace the newer files of this comparison.
        for left in _left_behind(out):
            if (left / READY).exists():
                _move_in(left)
        staging = Path(tempfile.mkdtemp(prefix=".diff-", dir=out))
    except OSError as err:
        raise OutputError(
            f"cannot write into {out}: {err.strerror or err}; choose another folder with --out"
        ) from err
    try:
        fresh = staging / FRESH
        fresh.mkdir()
        yield fresh
        record_written(fresh / "proposals")
        write_text_whole(staging / LIST, json.dumps([name for name in NAMES if (fresh / name).exists()]))
        # From here on the new files are whole, and whoever comes next can bring them to their places.
        fresh.rename(staging / READY)
        _move_in(staging)
    except OSError as err:
        raise OutputError(f"cannot write into {out}: {err.strerror or err}; check its space and rights") from err
    finally:
        if not (staging / READY).exists():
            shutil.rmtree(staging, ignore_errors=True)


def finish_published(out: Path) -> None:
    """Bring what a killed comparison had ready to its place, and remove what was half written.

    Only for folders that nobody else writes to.

    Parameters
    ----------
    out : Path
        Of `published`; nothing happens where it does not exist.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    try:
        for staging in _left_behind(out):
            if (staging / READY).exists():
                _move_in(staging)
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as err:
        raise OutputError(f"cannot write into {out}: {err.strerror or err}; check its space and rights") from err


def withdraw(out: Path) -> None:
    """Take away what an earlier comparison left in a folder in which none follows.

    Parameters
    ----------
    out : Path
        Of `published`; what a person did in proposals/ is kept as there.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    if any((out / name).exists() for name in NAMES):
        with published(out):
            pass


def _move_in(staging: Path) -> None:
    """Put the files that are ready into the folder above, in the place of the old; goes on from any point."""
    out, ready = staging.parent, staging / READY
    wanted = json.loads((staging / LIST).read_text(encoding="utf-8"))
    old = Path(tempfile.mkdtemp(prefix=OLD, dir=staging))
    for name in NAMES:
        # What is wanted and no longer here has come to its place before.
        if (ready / name).exists() or name not in wanted:
            if name == "proposals":
                clear_proposals(out / name, coming=ready / name, going=old / name)
            elif (out / name).exists():
                (out / name).rename(old / name)
            if (ready / name).exists():
                (ready / name).rename(out / name)
    ready.rmdir()


def _left_behind(out: Path) -> list[Path]:
    return [path for path in sorted(out.glob(".diff-*")) if _is_ours(path)]


def _is_ours(staging: Path) -> bool:
    """Return whether a folder was made by `published`, and holds nothing that somebody may still want."""
    if not STAGING.fullmatch(staging.name) or staging.is_symlink() or not staging.is_dir():
        return False
    names = {path.name for path in staging.iterdir() if not path.name.startswith(OLD)}
    # Earlier versions kept there, without saying so, the only copy of files that they were about to replace.
    if (staging / "old").is_dir() and not any((staging / "old").iterdir()):
        names.remove("old")
    return names <= {FRESH, READY, LIST} and (READY not in names or LIST in names)
