"""Mapped things in local metres -> an .osm.pbf extract with ids, versions and timestamps."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Point

from groundplan.whole import whole_file
from training.demo_mapping import Mapped

LonLat = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(N, 2) local metres -> (N, 2) longitude and latitude."""


@dataclass(slots=True, kw_only=True)
class _Elements:
    """Elements by type; ids are positive and small, as they would be in a young database."""

    nodes: list[tuple[float, float, dict[str, str], Mapped]] = field(default_factory=list)
    ways: list[tuple[list[int], dict[str, str], Mapped]] = field(default_factory=list)
    relations: list[tuple[list[tuple[str, int, str]], dict[str, str], Mapped]] = field(default_factory=list)

    def way(self, coords: NDArray[np.float64], tags: dict[str, str], thing: Mapped, lon_lat: LonLat) -> int:
        """Add a way with nodes of its own, closed when its ends meet; return its id."""
        closed = bool(np.array_equal(coords[0], coords[-1]))
        first = len(self.nodes) + 1
        for lon, lat in lon_lat(coords[:-1] if closed else coords):
            self.nodes.append((float(lon), float(lat), {}, thing))
        refs = list(range(first, len(self.nodes) + 1))
        self.ways.append((refs + refs[:1] if closed else refs, tags, thing))
        return len(self.ways)


def write_extract(
    mapped: Sequence[Mapped], path: Path, *, lon_lat: LonLat, bounds_m: tuple[float, float, float, float]
) -> None:
    """Write an extract, sorted by type and id; equal input gives equal bytes.

    Parameters
    ----------
    mapped : sequence of Mapped
        In local metres.
    path : Path
        Ends in ``.osm.pbf``, or another suffix osmium writes.
    lon_lat : callable
        (N, 2) local metres to (N, 2) degrees.
    bounds_m : tuple of float
        Left, bottom, right, top of what the extract claims to cover, local metres.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    elements = _Elements()
    for thing in mapped:
        _add(elements, thing, lon_lat)
    header = osmium.io.Header()
    header.set("generator", "groundplan demo: rendered, no real place")
    corners = lon_lat(np.array([bounds_m[:2], bounds_m[2:]]))
    header.add_box(osmium.osm.Box(*(float(value) for value in corners.ravel())))
    with whole_file(path) as part:
        part.unlink()
        writer = osmium.SimpleWriter(str(part), header=header)
        try:
            _write(writer, elements)
        finally:
            writer.close()


def _add(elements: _Elements, thing: Mapped, lon_lat: LonLat) -> None:
    geometry = thing.geometry
    if isinstance(geometry, Point):
        lon, lat = lon_lat(shapely.get_coordinates(geometry))[0]
        elements.nodes.append((float(lon), float(lat), thing.tags, thing))
    elif isinstance(geometry, LineString) or not geometry.interiors:
        elements.way(shapely.get_coordinates(geometry), thing.tags, thing, lon_lat)
    else:
        rings = [("outer", geometry.exterior), *(("inner", ring) for ring in geometry.interiors)]
        members = [
            ("w", elements.way(shapely.get_coordinates(ring), {}, thing, lon_lat), role) for role, ring in rings
        ]
        elements.relations.append((members, {"type": "multipolygon", **thing.tags}, thing))


def _write(writer: osmium.SimpleWriter, elements: _Elements) -> None:
    for number, (lon, lat, tags, thing) in enumerate(elements.nodes, start=1):
        meta = _meta(number, thing)
        writer.add_node(osmium.osm.mutable.Node(location=(round(lon, 7), round(lat, 7)), tags=tags, **meta))
    for number, (refs, tags, thing) in enumerate(elements.ways, start=1):
        writer.add_way(osmium.osm.mutable.Way(nodes=refs, tags=tags, **_meta(number, thing)))
    for number, (members, tags, thing) in enumerate(elements.relations, start=1):
        writer.add_relation(osmium.osm.mutable.Relation(members=members, tags=tags, **_meta(number, thing)))


def _meta(number: int, thing: Mapped) -> dict[str, Any]:
    when = dt.datetime.fromisoformat(thing.timestamp)
    return {"id": number, "version": thing.version, "visible": True, "timestamp": when, "changeset": 1, "uid": 1,
            "user": "rendered"}  # fmt: skip
