"""Rendered town -> what its OSM extract holds, with planted gaps and faults, and what a comparison should say."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry import LineString, Point, Polygon, box

from training.render_town import Town, TownObject

OSM_SHIFT_M: Final = (1.8, -1.2)
"""Everything mapped lies so far east and north of the truth; detections minus OSM is the opposite."""

BEYOND_M: Final = 300.0
"""The extract reaches so far beyond the picture; 200 m is the least a comparison asks for."""

MISSING_SHARE: Final = 0.3
"""Share of buildings that nobody has mapped."""

LEAST_BUILDING_M2: Final = 15.0
"""Smaller buildings are not proposed without a look (osm.md, row 13)."""

SPORTS: Final[dict[str, dict[str, str]]] = {
    "tennis_court": {"leisure": "pitch", "sport": "tennis"},
    "basketball_court": {"leisure": "pitch", "sport": "basketball"},
    "baseball_diamond": {"leisure": "pitch", "sport": "baseball"},
    "soccer_field": {"leisure": "pitch", "sport": "soccer"},
    "american_football_field": {"leisure": "pitch", "sport": "american_football"},
    "running_track": {"leisure": "track", "sport": "athletics"},
}
"""Tags of mapped fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """One thing somebody mapped; becomes a node, a way, or a multipolygon relation."""

    geometry: Point | LineString | Polygon
    """Local metres, already shifted; polygons with holes become relations."""
    tags: dict[str, str]
    version: int
    timestamp: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the comparison should say about one object."""

    outline: Polygon
    """Local metres, where the picture shows it (where OSM has it, for osm_only)."""
    label: str
    status: str
    reason: str
    planted: str
    """What was done to the extract here, in a few words."""


@dataclass(slots=True, kw_only=True)
class Mapping:
    """A map being drawn: what is on it and what follows from that."""

    rng: np.random.Generator
    mapped: list[Mapped] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)

    def add(self, geometry: Any, tags: dict[str, str], *, jitter_m: float = 0.0) -> None:
        """Map a geometry: shift it, and as much again at random as mappers are off."""
        east, north = self.rng.normal(0.0, jitter_m, 2) if jitter_m else (0.0, 0.0)
        year, month, day = self.rng.integers((2012, 1, 1), (2025, 13, 29))
        self.mapped.append(
            Mapped(
                geometry=translate(geometry, OSM_SHIFT_M[0] + float(east), OSM_SHIFT_M[1] + float(north)),
                tags=tags,
                version=int(self.rng.integers(1, 6)),
                timestamp=f"{year:04d}-{month:02d}-{day:02d}T12:00:00Z",
            )
        )

    def expect(self, item: TownObject, status: str, reason: str, planted: str) -> None:
        """Note what should be said about an object."""
        self.expected.append(
            Expected(outline=item.outline, label=item.label, status=status, reason=reason, planted=planted)
        )


def map_town(town: Town) -> tuple[tuple[Mapped, ...], tuple[Expected, ...]]:
    """Map a town incompletely and with faults, and say what a comparison with the truth should find.

    Returns
    -------
    tuple
        What is mapped, and one expectation per object of the town, in its order, then those without an object.
    """
    mapping = Mapping(rng=np.random.default_rng((town.seed, 20)))
    map_roads(mapping, town)
    for park in town.parks:
        mapping.add(park, {"leisure": "park", "name": "Sports Park (rendered)"})
    fields = [item for item in town.objects if item.label != "building"]
    map_fields(mapping, fields)
    map_buildings(mapping, [item for item in town.objects if item.label == "building"])
    map_ghosts(mapping, town)
    return tuple(mapping.mapped), tuple(mapping.expected)


def map_roads(mapping: Mapping, town: Town) -> None:
    """Map streets as highways, all of them, as far as the extract reaches."""
    frame = box(-BEYOND_M, -BEYOND_M, town.size_m + BEYOND_M, town.size_m + BEYOND_M)
    for road in town.roads:
        for part in shapely.get_parts(road.line.intersection(frame)):
            if part.geom_type == "LineString" and part.length > 5.0:
                mapping.add(shapely.simplify(part, 0.3), {"highway": road.kind, "name": road.name})


def map_fields(mapping: Mapping, fields: Sequence[TownObject]) -> None:
    """Map fields: one battery as a single way, one with another sport, one as a node, tracks as lines."""
    sizes = {item.group: sum(other.group == item.group for other in fields) for item in fields}
    batteries = sorted({item.group for item in fields if item.label == "tennis_court" and sizes[item.group] >= 3})
    grouped = batteries[0] if batteries else -1
    if batteries:
        courts = [item.outline for item in fields if item.group == grouped]
        whole = shapely.union_all(courts).minimum_rotated_rectangle.buffer(3.0, join_style="mitre")
        mapping.add(whole, SPORTS["tennis_court"])
    planted = {"basketball_court": ["other_sport", "missing", "poi_node"], "soccer_field": ["mapped", "missing"]}
    planted["tennis_court"] = ["missing", "mapped", "mapped"]
    planted["baseball_diamond"] = ["mapped", "missing"]
    planted["american_football_field"] = ["missing", "mapped"]
    planted["running_track"] = ["line"]
    seen = dict.fromkeys(planted, 0)
    for item in fields:
        if item.group == grouped and item.label == "tennis_court":
            mapping.expect(item, "matched_group", "many_det_one_osm", "one way for several courts")
            continue
        plan = planted[item.label]
        others = [other.outline for other in fields if other.group != item.group]
        room_m = min([12.0, *(item.outline.distance(other) / 2.0 for other in others)])
        map_field(mapping, item, plan[seen[item.label] % len(plan)], room_m=room_m)
        seen[item.label] += 1


def map_field(mapping: Mapping, item: TownObject, how: str, *, room_m: float) -> None:
    """Map one field in one of the ways that are planted; `room_m` is free around it."""
    tags = SPORTS[item.label]
    if how == "missing" and item.label == "baseball_diamond":
        planted = "not mapped; OSM wants the outfield, which is not in the outline"
        mapping.expect(item, "review", "outline_needed", planted)
    elif how == "missing":
        mapping.expect(item, "new", "no_candidate", "not mapped")
    elif how == "other_sport":
        mapping.add(item.outline, {"leisure": "pitch", "sport": "volleyball"}, jitter_m=0.2)
        mapping.expect(item, "review", "class_conflict", "mapped with another sport")
    elif how == "poi_node":
        mapping.add(item.outline.centroid, tags)
        mapping.expect(item, "review", "poi_node", "mapped as a node")
    elif how == "line":
        middle = track_middle(item.outline)
        mapping.add(middle, tags)
        mapping.expect(item, "matched", "line", "mapped as a closed line along its lanes")
    else:
        # Diamonds are mapped with their surroundings, courts as their lines.
        outline = item.outline.buffer(room_m) if item.label == "baseball_diamond" else item.outline
        mapping.add(outline, tags, jitter_m=0.2)
        mapping.expect(item, "matched", "", "mapped")


def track_middle(ring: Polygon) -> LineString:
    """Return the closed line in the middle of a ring."""
    hole = Polygon(ring.interiors[0])
    wide = ring.area / (0.5 * (ring.exterior.length + ring.interiors[0].length))
    return LineString(shapely.simplify(hole.buffer(wide / 2.0), 0.1).exterior.coords)


def map_buildings(mapping: Mapping, buildings: Sequence[TownObject]) -> None:
    """Map seven buildings of ten; one of the others is mapped as demolished."""
    missing = mapping.rng.random(len(buildings)) < MISSING_SHARE
    large = [k for k, item in enumerate(buildings) if missing[k] and item.outline.area > 60.0]
    demolished = large[0] if large else -1
    for k, item in enumerate(buildings):
        if k == demolished:
            mapping.add(item.outline, {"demolished:building": "house"}, jitter_m=0.2)
            mapping.expect(item, "suppressed", "lifecycle", "mapped as demolished")
        elif missing[k] and item.outline.area < LEAST_BUILDING_M2:
            mapping.expect(item, "review", "size_shape", "not mapped; too small to be proposed unseen")
        elif missing[k]:
            mapping.expect(item, "new", "no_candidate", "not mapped")
        else:
            kind = "yes" if mapping.rng.random() < 0.7 else "house" if item.outline.area < 300 else "commercial"
            mapping.add(item.outline, {"building": kind}, jitter_m=0.15)
            mapping.expect(item, "matched", "iou", "mapped")


def map_ghosts(mapping: Mapping, town: Town) -> None:
    """Map three buildings where the picture shows none."""
    things = [item.outline for item in town.objects] + [road.line.buffer(9.0) for road in town.roads]
    taken = shapely.STRtree(things)
    found = 0
    for _ in range(400):
        x, y = mapping.rng.uniform(20.0, town.size_m - 20.0, 2)
        ghost = box(float(x) - 5.0, float(y) - 4.0, float(x) + 5.0, float(y) + 4.0)
        if len(taken.query(ghost.buffer(5.0), predicate="intersects")) == 0:
            mapping.add(ghost, {"building": "yes"})
            shifted = translate(ghost, *OSM_SHIFT_M)
            mapping.expected.append(
                Expected(
                    outline=shifted, label="building", status="osm_only", reason="", planted="mapped, not there"
                )
            )
            found += 1
        if found == 3:
            break
