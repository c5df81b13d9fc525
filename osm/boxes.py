"""An OSM file -> the boxes it covers: one for each download in JOSM, of which libosmium gives the first."""

import bz2
import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import shapely

BBox: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

HEAD_BYTES: Final = 1_000_000
"""Looked at for boxes; they stand before all elements, some hundred bytes each."""

_FIRST_ELEMENT = re.compile(rb"<(?:node|way|relation)\b")
# No value may hold a "<": without it no piece of the text is looked at twice, whatever it says.
_BOUNDS = re.compile(rb"""<bounds\b((?:[^<>"']|"[^<"]*"|'[^<']*')*+)>""")
_SIDE = re.compile(rb"""\b(minlon|minlat|maxlon|maxlat)\s*=\s*["']\s*([-+0-9.eE]+)\s*["']""")


def stated_boxes(path: Path, first: BBox | None) -> tuple[BBox, ...]:
    """Return the boxes that a file states.

    Parameters
    ----------
    path : Path
    first : tuple of float, optional
        The box that libosmium gives; None = the file states none.

    Returns
    -------
    tuple of tuple
        Empty where the file states none; the first alone where the file is no XML or its boxes cannot be read.
    """
    if first is None:
        return ()
    boxes = [first]
    for text in _BOUNDS.findall(_head(path)):
        try:
            sides = {name.decode(): float(value) for name, value in _SIDE.findall(text)}
            box = (sides["minlon"], sides["minlat"], sides["maxlon"], sides["maxlat"])
        except (ValueError, KeyError):
            continue
        if -180 <= box[0] <= box[2] <= 180 and -90 <= box[1] <= box[3] <= 90:
            boxes.append(box)
    # libosmium rounds to 1e-7 degrees: what it gave is among the others once they are rounded, too.
    return tuple(dict.fromkeys(tuple(round(side, 7) for side in box) for box in boxes))  # type: ignore[misc]


def covered_ground(boxes: Sequence[BBox]) -> Any:
    """Return the ground of all boxes together, without the gaps between them."""
    ground = shapely.union_all([shapely.box(*box) for box in boxes])
    shapely.prepare(ground)
    return ground


def around(boxes: Sequence[BBox]) -> BBox | None:
    """Return the box around all boxes; None = there are none."""
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _head(path: Path) -> bytes:
    name = path.name.lower()
    if not name.endswith((".osm", ".osm.gz", ".osm.bz2")):
        return b""
    opened: Any = gzip.open if name.endswith(".gz") else bz2.open if name.endswith(".bz2") else open
    try:
        with opened(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except (OSError, EOFError):
        return b""
    text = _without_comments(head)
    end = _FIRST_ELEMENT.search(text)
    return text[: end.start()] if end else text


def _without_comments(text: bytes) -> bytes:
    first, *others = text.split(b"<!--")
    return first + b"".join(piece.partition(b"-->")[2] for piece in others)
