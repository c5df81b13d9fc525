"""An OSM history file (.osh.pbf) -> the file as it is now, and what was mapped in it once and deleted."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import osmium
import shapely

from osm.roles import Row, area_roles, is_track_line, node_roles
from osm.tags import KEYS

Element: TypeAlias = tuple[str, int, int, dt.datetime]
Deleted: TypeAlias = tuple[Element, Row, Any]
"""Element (type, id, version, timestamp of the deletion), row of role "deleted", geometry in EPSG:4326."""


@dataclass(slots=True)
class _Track:
    """The element that is being followed through its versions."""

    key: tuple[str, int] = ("", 0)
    tags: dict[str, str] = field(default_factory=dict)
    refs: tuple[int, ...] = ()
    deletion: tuple[int, dt.datetime] | None = None


def split_history(source: Path, current: Path) -> list[Deleted]:
    """Write the present state of a history file and return the buildings and fields that were deleted from it.

    Closed ways and nodes are followed; a multipolygon's members are not. Two passes in Python, about 300,000
    versions a second: meant for the history of a region, not of a country.

    Parameters
    ----------
    source : Path
        Sorted by type, id and version.
    current : Path
        Written; its suffix chooses the format.

    Returns
    -------
    list of Deleted
        With the tags and nodes of the last version before the deletion, in the order of the file.
    """
    last, gone = _follow(source)
    wanted = {ref for _, _, refs in gone for ref in refs}
    wanted |= {key[1] for key, _, _ in gone if key[0] == "node"}
    places: dict[int, tuple[float, float]] = {}
    objects: Any = osmium.FileProcessor(str(source))
    with osmium.SimpleWriter(str(current), overwrite=True) as writer:
        for number, item in enumerate(objects):
            if item.visible and item.is_node() and item.id in wanted and item.location.valid():
                places[item.id] = (item.lon, item.lat)
            if last[number] and item.visible:
                writer.add(item)
    return [deleted for each in gone for deleted in _drawn(*each, places)]


def _follow(
    source: Path,
) -> tuple[bytearray, list[tuple[Element, dict[str, str], tuple[int, ...]]]]:
    """Return for each version whether it is the last of its element; and what was deleted, as it was last."""
    last = bytearray()
    gone = []
    track = _Track()

    def finish() -> None:
        if track.deletion and track.tags:
            gone.append(((*track.key, *track.deletion), track.tags, track.refs))

    objects: Any = osmium.FileProcessor(str(source))
    for item in objects:
        key = ("node" if item.is_node() else "way" if item.is_way() else "relation", item.id)
        if key == track.key:
            last[-1] = 0
        else:
            finish()
            track = _Track(key=key)
        last.append(1)
        if not item.visible:
            track.deletion = (item.version, item.timestamp)
            continue
        matters = key[0] != "relation" and any(name in item.tags for name in KEYS)
        track.tags = dict(item.tags) if matters else {}
        track.refs = tuple(node.ref for node in item.nodes) if matters and item.is_way() else ()
        track.deletion = None
    finish()
    return last, gone


def _drawn(
    element: Element,
    tags: dict[str, str],
    refs: tuple[int, ...],
    places: dict[int, tuple[float, float]],
) -> list[Deleted]:
    if element[0] == "node":
        rows, shape = node_roles(tags.get), shapely.Point(places.get(element[1], (0.0, 0.0)))
        known = element[1] in places
    else:
        known = len(refs) >= 4 and refs[0] == refs[-1] and all(ref in places for ref in refs)
        if not known or is_track_line(tags.get):
            return []
        rows, shape = area_roles(tags.get), shapely.Polygon([places[ref] for ref in refs])
    return [
        (element, ("deleted", label, kept), shape)
        for role, label, kept in rows
        if known and role in ("area", "node")
    ]
