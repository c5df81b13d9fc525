"""An OSM file -> its areas with negative ids, which libosmium's own area assembly leaves out.

Such files come from JOSM, and from an extract to which proposals were applied.
"""

from pathlib import Path
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely

from groundplan.crs import LON_LAT
from groundplan.schema import OSM_FEATURES, empty_frame
from osm.read_broken import broken, mapped_roles, ring_ground
from osm.read_way_places import new_nodes, new_ways, shared_places, way_places
from osm.roles import Row, area_roles, is_track_line, line_roles, node_roles
from osm.tags import KEYS

_Found: TypeAlias = tuple[tuple[str, int, int, str], list[Row], Any]
"""Type, id, version and time of an element, its rows and its geometry."""


def read_placeholders(path: Path) -> gpd.GeoDataFrame:
    """Return OSM_FEATURES of the elements with negative ids; empty where there are none.

    Closed ways and multipolygons whose nodes are all in the file become areas; others that ought to, rows of role
    "broken". Nodes that a new way shares with others may have positive ids. In a sorted file negative ids come
    first in each type, so a file without any costs one look at its start.
    """
    places: dict[int, tuple[float, float]] = {}
    found: list[_Found] = []
    for node in new_nodes(path):
        if node.location.valid():
            places[node.id] = (node.lon, node.lat)
            if len(node.tags) and (rows := node_roles(node.tags.get)):
                found.append((_about("node", node), rows, shapely.Point(places[node.id])))
    # In a large file ways lie behind all nodes: not worth it for new ways that have no new node.
    if places or path.suffix == ".osm":
        places |= shared_places(path)
    if not places:
        return empty_frame(OSM_FEATURES, crs=LON_LAT)
    for way in new_ways(path):
        if any(key in way.tags for key in KEYS):
            rows, shape = _way(way, places)
            if rows:
                found.append((_about("way", way), rows, shape))
    return _frame(found + _relations(path))


def _way(way: Any, places: dict[int, tuple[float, float]]) -> tuple[list[Row], Any]:
    """Return rows and geometry of a new way; no rows where libosmium has made an area of it."""
    get, refs = way.tags.get, [node.ref for node in way.nodes]
    known = [places[ref] for ref in refs if ref in places]
    whole, closed = len(known) == len(refs) >= 2, len(refs) >= 4 and refs[0] == refs[-1]
    if whole and closed and not is_track_line(get):
        ring = shapely.Polygon(known)
        rows = area_roles(get)
        # libosmium knows the places of nodes with positive ids.
        if min(refs) > 0 and shapely.is_valid(ring):
            return [], None
        if rows:
            return rows, ring
    if whole and (rows := line_roles(get, closed=closed)):
        return (rows, shapely.LineString(known)) if min(refs) < 0 else ([], None)
    if known and not is_track_line(get) and (rows := mapped_roles(get)):
        return broken(rows), ring_ground(known)
    return [], None


def _relations(path: Path) -> list[_Found]:
    waiting: list[tuple[tuple[str, int, int, str], list[Row], list[tuple[int, str]]]] = []
    relations: Any = osmium.FileProcessor(str(path), osmium.osm.RELATION)
    for relation in relations:
        if relation.id > 0:
            break
        if relation.tags.get("type") == "multipolygon" and (rows := area_roles(relation.tags.get)):
            members = [(member.ref, member.role) for member in relation.members if member.type == "w"]
            waiting.append((_about("relation", relation), rows, members))
    courses = way_places(path, {ref for _, _, members in waiting for ref, _ in members})
    found: list[_Found] = []
    for about, rows, members in waiting:
        own = [courses[ref] for ref, _ in members if ref in courses]
        whole = len(own) == len(members) and all(course.whole and len(course.known) > 1 for course in own)
        if own and whole:
            if not any(course.drawn for course in own):
                continue  # libosmium has made its area
            lines = {ref: shapely.LineString(courses[ref].known) for ref, _ in members}
            if not (shape := _multipolygon(members, lines)).is_empty:
                found.append((about, rows, shape))
                continue
        places = [place for course in own for place in course.known]
        if places and (rows := [row for row in rows if row[0] in ("area", "other_sport")]):
            found.append((about, broken(rows), shapely.convex_hull(shapely.multipoints(places))))
    return found


def _about(kind: str, item: Any) -> tuple[str, int, int, str]:
    return kind, int(item.id), int(item.version), ""


def _multipolygon(members: list[tuple[int, str]], lines: dict[int, Any]) -> Any:
    outer = shapely.union_all(shapely.polygonize([lines[ref] for ref, role in members if role != "inner"]))
    inner = shapely.union_all(shapely.polygonize([lines[ref] for ref, role in members if role == "inner"]))
    return outer.difference(inner)


def _frame(found: list[_Found]) -> gpd.GeoDataFrame:
    flat = [(about, row, shape) for about, rows, shape in found for row in rows if not shape.is_empty]
    if not flat:
        return empty_frame(OSM_FEATURES, crs=LON_LAT)
    nodes = np.empty(len(flat), dtype=object)
    nodes[:] = [()] * len(flat)
    columns = {
        "osm_type": pd.Series([about[0] for about, _, _ in flat], dtype="str"),
        "osm_id": np.array([about[1] for about, _, _ in flat], np.int64),
        "version": np.array([about[2] for about, _, _ in flat], np.int64),
        "timestamp": pd.Series([about[3] for about, _, _ in flat], dtype="str"),
        "label": pd.Series([row[1] for _, row, _ in flat], dtype="str"),
        "role": pd.Series([row[0] for _, row, _ in flat], dtype="str"),
        "tags": pd.Series([row[2] for _, row, _ in flat], dtype="object"),
        "nodes": nodes,
    }
    return gpd.GeoDataFrame(columns, geometry=[shape for _, _, shape in flat], crs=LON_LAT)
