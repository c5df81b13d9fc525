"""Elements of an OSM file that give no area, though by their tags they should -> what is known of their ground.

Something is mapped there: what would be proposed on it may be its double.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import osmium
import shapely

from groundplan.tangles import tangled
from osm.read_way_places import Places, way_places
from osm.roles import Row, area_roles, is_track_line
from osm.tags import Get

Element: TypeAlias = tuple[str, int, int, Any]
"""Type, id, version and time of the last edit."""


@dataclass(slots=True)
class Unbuilt:
    """Gathered while a file is read: what ought to become an area, until it has."""

    ways: dict[int, tuple[Element, list[Row]]] = field(default_factory=dict)
    """Ways that give no area."""
    relations: dict[int, tuple[Element, list[Row], tuple[int, ...]]] = field(default_factory=dict)
    """Multipolygons without an area so far, with the ways around them."""
    built: set[int] = field(default_factory=set)
    """Those whose area came before the relation itself."""

    def look_at_way(self, way: Any) -> None:
        """Keep a way of which no area can come: it is open, or places of its nodes are not in the file."""
        get = way.tags.get
        if is_track_line(get) or not (rows := mapped_roles(get)):
            return
        try:
            # Of all that libosmium does with a way's nodes the cheapest that asks for each one's place.
            osmium.geom.haversine_distance(way.nodes)
        except osmium.InvalidLocationError:
            pass
        else:
            if way.is_closed() and len(way.nodes) >= 4:
                return
        self.ways[way.id] = (("way", way.id, way.version, way.timestamp), rows)

    def look_at_relation(self, relation: Any) -> None:
        """Keep a multipolygon until its area comes, if it has not come already."""
        if relation.id in self.built:
            self.built.remove(relation.id)
            return
        get = relation.tags.get
        if get("type") == "multipolygon" and (rows := mapped_roles(get)):
            members = tuple(each.ref for each in relation.members if each.type == "w" and each.role != "inner")
            element = ("relation", relation.id, relation.version, relation.timestamp)
            self.relations[relation.id] = (element, rows, members)

    def look_at_area(self, area: Any, *, built: bool) -> None:
        """Remember of which relation this is the area, and keep a way of which none could be made."""
        number = area.orig_id()
        if number < 0:  # `osm.read_placeholders` has these
            return
        if built and not area.from_way():
            if self.relations.pop(number, None) is None:
                self.built.add(number)
        elif not built and area.from_way() and (rows := mapped_roles(area.tags.get)):
            self.ways[number] = (("way", number, area.version, area.timestamp), rows)

    def __len__(self) -> int:
        return len(self.ways) + len(self.relations)

    def outlines(self, source: Path) -> Iterator[tuple[Element, list[Row], shapely.Geometry]]:
        """Yield each with role "broken", and what is known of its ground, in EPSG:4326.

        A second pass over the file, for the ways that are needed only. What has no node in the file is left out.
        Ways whose only fault is a new node keep their roles, and no longer count.
        """
        wanted = set(self.ways).union(*(members for _, _, members in self.relations.values()))
        courses = way_places(source, wanted)
        for number, (element, rows) in list(self.ways.items()):
            course = courses.get(number)
            if course is None or not course.known:
                continue
            ground = ring_ground(course.known)
            if course.whole and course.drawn and _is_outline(course.known):
                # A mapped way to which a mapper gave a new node: nothing is wrong with it.
                del self.ways[number]
                yield element, rows, ground
            else:
                yield element, broken(rows), ground
        for element, rows, members in self.relations.values():
            known = [place for number in members if number in courses for place in courses[number].known]
            if known:
                yield element, broken(rows), shapely.convex_hull(shapely.multipoints(known))


def mapped_roles(get: Get) -> list[Row]:
    """Return the rows of what would be a building, a pitch or a track, had it an area."""
    return [row for row in area_roles(get) if row[0] in ("area", "other_sport")]


def broken(rows: list[Row]) -> list[Row]:
    """Return the same rows with role "broken"."""
    return [("broken", label, tags) for _, label, tags in rows]


def _is_outline(places: Places) -> bool:
    return len(places) >= 4 and places[0] == places[-1] and bool(shapely.is_valid(shapely.Polygon(places)))


def ring_ground(places: Places) -> shapely.Geometry:
    """Return the ground that a ring encloses, however it crosses itself; or its line, or its point."""
    if len(set(places)) >= 3:
        ring = shapely.Polygon(places)
        if tangled(np.array([ring], dtype=object))[0]:
            return shapely.convex_hull(ring)
        parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(ring)))
        ground = shapely.union_all(parts[shapely.get_type_id(parts) == 3])
        if not ground.is_empty:
            return ground
    return shapely.LineString(places) if len(places) > 1 else shapely.Point(places[0])
