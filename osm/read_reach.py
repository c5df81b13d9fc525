"""An OSM file that does not state what it covers -> the box around its nodes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import osmium

from osm.boxes import BBox

MAX_NODES: Final = 3_000_000
"""Nodes that are looked at: a few seconds."""

TELLING_NODES: Final = 1_000
"""From so many nodes on the box around them tells where an extract was cut; nothing is known beyond it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReach:
    """Where a file's nodes lie."""

    box: BBox | None
    """West, south, east, north in degrees; None = it has no nodes."""
    count: int
    """Nodes that were looked at."""
    whole: bool
    """Whether they are all."""

    @property
    def telling(self) -> bool:
        """Whether the box stands for what the extract covers."""
        return self.whole and self.count >= TELLING_NODES


def node_reach(path: Path, *, most: int = MAX_NODES) -> NodeReach:
    """Return the box around the nodes of a file, of which `most` are looked at."""
    west, south, east, north = 180.0, 90.0, -180.0, -90.0
    count = 0
    nodes: Any = osmium.FileProcessor(str(path), osmium.osm.NODE)
    for node in nodes:
        if count == most:
            return NodeReach(box=(west, south, east, north), count=count, whole=False)
        place = node.location
        if place.valid():
            count += 1
            west, east = min(west, place.lon), max(east, place.lon)
            south, north = min(south, place.lat), max(north, place.lat)
    return NodeReach(box=(west, south, east, north) if count else None, count=count, whole=True)
