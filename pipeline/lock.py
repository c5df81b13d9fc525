"""A run folder -> held by one run at a time."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from groundplan.errors import OutputError
from groundplan.whole import sweep_leftovers
from osm.publish import STAGING, finish_published

TOP_STEMS = (
    "features", "changes", "diff_report", "report", "manifest", "aoi", "looked_at", "tiles", "tiles_coarse",
)  # fmt: skip
"""Files that are written into the run folder itself, where with ``--out .`` other programs work as well."""

OWN_FOLDERS = ("parts", "review", "review/chips", "review/leaflet", "review/leaflet/images")
"""Folders in it to which nobody else writes."""


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make the folder and hold it until the block ends; the kernel lets go when the process dies.

    Half-written files of a run that was killed are removed before it, and those of workers that died after it; a
    comparison that was stopped between two files of its result is brought to its end.

    Raises
    ------
    OutputError
        The folder cannot be made or written to, or another run holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / ".lock").open("w")
    except OSError as err:
        raise OutputError(
            f"cannot write to the run folder {folder}: {err.strerror or err}; choose another with --out"
        ) from err
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            raise OutputError(f"another run is writing to {folder}; wait for it, or choose another --out") from err
        _sweep(folder)
        finish_published(folder)
        try:
            yield
        finally:
            _sweep(folder)
            # What ended the block is what there is to tell; the next run tries again.
            with contextlib.suppress(OutputError):
                finish_published(folder)


def _sweep(folder: Path) -> None:
    """Remove temporary files where runs write them; not everywhere below, where other runs may be at work."""
    sweep_leftovers(folder, stems=TOP_STEMS)
    staging = [path for path in folder.glob(".diff-*") if STAGING.fullmatch(path.name)]
    for inner in [folder / name for name in OWN_FOLDERS] + staging + [path / "new" for path in staging]:
        above = [each for each in (inner, *inner.parents) if each != folder and each.is_relative_to(folder)]
        if not any(each.is_symlink() or (each / ".lock").exists() for each in above):
            sweep_leftovers(inner)
