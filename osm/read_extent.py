"""An OSM file -> where it reaches, from its header or from its nodes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import osmium

from groundplan.errors import OsmFileError
from osm.boxes import BBox, around
from osm.read import NEEDED, clear_errors, file_header

MAX_NODES = 3_000_000
"""Nodes that are looked at where the header says nothing: a few seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where an extract reaches."""

    boxes: tuple[BBox, ...]
    """West, south, east, north in degrees of each part; () = it has no nodes."""
    stated: bool
    """Whether the header says so; else it is where nodes lie."""
    whole: bool
    """Whether all nodes were looked at."""

    @property
    def bbox(self) -> BBox | None:
        """The box around all of them; None = it has no nodes."""
        return around(self.boxes)


def read_extent(path: Path) -> Extent:
    """Return where an extract reaches.

    Raises
    ------
    OsmFileError
        The file is missing, truncated or no OSM file.
    """
    if not path.is_file():
        raise OsmFileError(f"no OSM file at {path}; {NEEDED}")
    with clear_errors(path):
        stated = file_header(path)[0]
        if stated:
            return Extent(boxes=stated, stated=True, whole=True)
        west, south, east, north = 180.0, 90.0, -180.0, -90.0
        count = 0
        nodes: Any = osmium.FileProcessor(str(path), osmium.osm.NODE)
        for node in nodes:
            if count == MAX_NODES:
                break
            place = node.location
            if place.valid():
                count += 1
                west, east = min(west, place.lon), max(east, place.lon)
                south, north = min(south, place.lat), max(north, place.lat)
    boxes = ((west, south, east, north),) if count else ()
    return Extent(boxes=boxes, stated=False, whole=count < MAX_NODES)
