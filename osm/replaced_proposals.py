"""The proposals of an earlier comparison -> out of the way of new ones; what a person did to them is kept."""

import hashlib
import json
import logging
import re
from pathlib import Path

log = logging.getLogger(__name__)

RECORD = ".written.json"
"""In proposals/: names of the files written there, and the SHA-256 of what was written."""

CHANGED = "proposals_changed"
"""Folder beside proposals/ for files that were changed since: JOSM saves finished work into the file it opened."""

OWN_NAME = re.compile(r"\d{3,}\.(osc|osm|changeset\.json)|maproulette-\d+\.geojsonl")
"""Files of ours, also where no record names them."""


def record_written(proposals: Path) -> None:
    """Note in a folder of proposals what each file holds, so that a later change can be told.

    Parameters
    ----------
    proposals : Path
        Nothing happens where it does not exist.
    """
    if proposals.is_dir():
        written = {path.name: _sha256(path) for path in sorted(proposals.iterdir())}
        text = json.dumps(written, indent=1, sort_keys=True) + "\n"
        (proposals / RECORD).write_text(text, encoding="utf-8", newline="\n")


def clear_proposals(held: Path, *, coming: Path, going: Path) -> None:
    """Take the proposals of an earlier comparison away.

    Files that are not named as ours stay: they go over to the new proposals, or remain alone. Of ours, those that
    are neither as they were written nor as they are written now are moved to the folder `CHANGED` beside; a line
    in the log says so. After a kill another call goes on.

    Parameters
    ----------
    held : Path
        proposals/ as it is.
    coming : Path
        The new one, where there is one.
    going : Path
        Gets what may be deleted; made here.
    """
    if held.is_symlink() or not held.is_dir():
        if held.is_symlink() or held.exists():
            held.rename(going)
        return
    written = _written(held)
    theirs, changed = [], []
    for path in sorted(held.iterdir()):
        if path.name == RECORD:
            continue
        if path.name not in written and not OWN_NAME.fullmatch(path.name):
            theirs.append(path)
        elif not _same(path, written.get(path.name), coming / path.name):
            changed.append(path)
    if changed:
        for path in changed:
            _set_aside(path, held.parent / CHANGED)
        log.warning(
            "%d files in %s were changed since they were written, such as %s; they are now in %s",
            len(changed), held, changed[0].name, held.parent / CHANGED,
        )  # fmt: skip
    if theirs:
        log.info(
            "%d files in %s are not of this comparison, such as %s; they stay", len(theirs), held, theirs[0].name
        )
    if coming.is_dir():
        for path in theirs:
            path.rename(coming / path.name)
    elif theirs:
        going.mkdir()
        # The record last: without it, what a kill leaves would count as changed.
        for path in sorted(set(held.iterdir()) - set(theirs), key=lambda each: (each.name == RECORD, each.name)):
            path.rename(going / path.name)
        return
    held.rename(going)


def _written(proposals: Path) -> dict[str, str]:
    """Return the record; empty where there is none, as in folders of earlier versions."""
    try:
        found = json.loads((proposals / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _same(path: Path, written: str | None, coming: Path) -> bool:
    """Return whether a file holds what was written into it, or what comes in its place."""
    if path.is_symlink() or not path.is_file():
        return False
    held = _sha256(path)
    return held == written or (coming.is_file() and held == _sha256(coming))


def _set_aside(path: Path, folder: Path) -> None:
    """Move a file into a folder, under a name that is free there."""
    folder.mkdir(exist_ok=True)
    stem, dot, suffixes = path.name.partition(".")
    target, number = folder / path.name, 1
    while target.is_symlink() or target.exists():
        number += 1
        target = folder / f"{stem}-{number}{dot}{suffixes}"
    path.rename(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
