"""An OSM file and the ids of some ways -> where their nodes lie, old and new ones, as far as the file says.

libosmium hands out places of nodes with positive ids only; those with negative ids come from JOSM.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import osmium

Places: TypeAlias = list[tuple[float, float]]
"""Longitude and latitude of nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayPlaces:
    """What is known of a way's course."""

    known: Places
    """Of the nodes that the file has, in order."""
    whole: bool
    """None is missing."""
    drawn: bool
    """Some are new, so that libosmium could make no area of it."""


def way_places(path: Path, wanted: Collection[int]) -> dict[int, WayPlaces]:
    """Return where the nodes of some ways lie; ways that are not in the file are left out.

    A pass over the file's ways, and a look at its start, where negative ids are.
    """
    if not wanted:
        return {}
    found: dict[int, WayPlaces] = {}
    fresh = dict(new_places(path))
    if min(wanted) < 0:
        places = fresh | shared_places(path)
        for way in new_ways(path):
            if way.id in wanted:
                found[way.id] = _course([(node.ref, places.get(node.ref)) for node in way.nodes])
    if old := {number for number in wanted if number > 0}:
        ways: Any = osmium.FileProcessor(str(path)).with_locations()
        ways = ways.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
        for way in ways.with_filter(osmium.filter.IdFilter(old)):
            found[way.id] = _course(
                [
                    (node.ref, (node.lon, node.lat) if node.location.valid() else fresh.get(node.ref))
                    for node in way.nodes
                ]
            )
    return found


def new_nodes(path: Path) -> Iterator[Any]:
    """Yield the nodes with negative ids, which come first in a sorted file."""
    nodes: Any = osmium.FileProcessor(str(path), osmium.osm.NODE)
    for node in nodes:
        if node.id > 0:
            break
        yield node


def new_places(path: Path) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield id and place of the nodes with negative ids."""
    for node in new_nodes(path):
        if node.location.valid():
            yield node.id, (node.lon, node.lat)


def new_ways(path: Path) -> Iterator[Any]:
    """Yield the ways with negative ids."""
    ways: Any = osmium.FileProcessor(str(path), osmium.osm.WAY)
    for way in ways:
        if way.id > 0:
            break
        yield way


def shared_places(path: Path) -> dict[int, tuple[float, float]]:
    """Return where the nodes with positive ids lie that ways with negative ones use."""
    wanted = {node.ref for way in new_ways(path) for node in way.nodes if node.ref > 0}
    if not wanted:
        return {}
    nodes: Any = osmium.FileProcessor(str(path), osmium.osm.NODE).with_filter(osmium.filter.IdFilter(wanted))
    return {node.id: (node.lon, node.lat) for node in nodes if node.location.valid()}


def _course(nodes: list[tuple[int, tuple[float, float] | None]]) -> WayPlaces:
    known = [place for _, place in nodes if place is not None]
    return WayPlaces(known=known, whole=len(known) == len(nodes), drawn=any(ref < 0 for ref, _ in nodes))
