"""An OSM file -> where it reaches, from its header or from its nodes."""

from dataclasses import dataclass
from pathlib import Path

from groundplan.errors import OsmFileError
from osm.boxes import BBox, around
from osm.read import NEEDED, clear_errors, file_header
from osm.read_reach import node_reach


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
        reach = node_reach(path)
    return Extent(boxes=(reach.box,) if reach.box else (), stated=False, whole=reach.whole)
