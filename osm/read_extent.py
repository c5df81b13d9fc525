"""An OSM file -> where it reaches, from its header or from its nodes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import osmium

from groundplan.errors import OsmFileError
from osm.read import NEEDED, clear_errors, file_header

MAX_NODES = 3_000_000
"""Nodes that are looked at where the header says nothing: a few seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Where an extract reaches."""

    bbox: tuple[float, float, float, float] | None
    """West, south, east, north in degrees; None = it has no nodes."""
    stated: bool
    """Whether the header says so; else it is where nodes lie."""
    whole: bool
    """Whether all nodes were looked at."""


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
        if stated is not None:
            return Extent(bbox=stated, stated=True, whole=True)
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
    bbox = (west, south, east, north) if count else None
    return Extent(bbox=bbox, stated=False, whole=count < MAX_NODES)
