"""An OSM file -> its areas with negative ids, which libosmium's own area assembly leaves out.

Such files come from JOSM, and from an extract to which proposals were applied.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely

from groundplan.crs import LON_LAT
from groundplan.schema import OSM_FEATURES, empty_frame
from osm.roles import Row, area_roles, is_track_line, line_roles, node_roles
from osm.tags import KEYS


def read_placeholders(path: Path) -> gpd.GeoDataFrame:
    """Return OSM_FEATURES of the elements with negative ids; empty where there are none.

    Only closed ways and multipolygons whose nodes are all in the file become areas; nodes that a new way shares
    with others may have positive ids. In a sorted file negative ids come first in each type, so a file without any
    costs one look at its start.
    """
    places: dict[int, tuple[float, float]] = {}
    found: list[tuple[Any, list[Row], Any]] = []
    nodes: Any = osmium.FileProcessor(str(path), osmium.osm.NODE)
    for node in nodes:
        if node.id > 0:
            break
        if node.location.valid():
            places[node.id] = (node.lon, node.lat)
            if len(node.tags) and (rows := node_roles(node.tags.get)):
                found.append((_about("node", node), rows, shapely.Point(places[node.id])))
    # In a large file ways lie behind all nodes: not worth it for new ways that have no new node.
    if places or path.suffix == ".osm":
        places |= _shared_places(path)
    if not places:
        return empty_frame(OSM_FEATURES, crs=LON_LAT)
    lines: dict[int, Any] = {}
    drawn: set[int] = set()
    for way in _new_ways(path):
        refs = [node.ref for node in way.nodes]
        if len(refs) < 2 or any(ref not in places for ref in refs):
            continue
        line = shapely.LineString([places[ref] for ref in refs])
        lines[way.id] = line
        if min(refs) < 0:
            drawn.add(way.id)
        # libosmium knows the places of nodes with positive ids, and has made an area of what has no other.
        if not any(key in way.tags for key in KEYS) or min(refs) > 0:
            continue
        get = way.tags.get
        closed = way.is_closed() and len(refs) >= 4
        as_area = closed and not is_track_line(get)
        rows = area_roles(get) if as_area else []
        shape = shapely.Polygon(line) if rows else line
        if rows := rows or line_roles(get, closed=closed):
            found.append((_about("way", way), rows, shape))
    relations: Any = osmium.FileProcessor(str(path), osmium.osm.RELATION)
    for relation in relations:
        if relation.id > 0:
            break
        if relation.tags.get("type") == "multipolygon" and (rows := area_roles(relation.tags.get)):
            members = [(member.ref, member.role) for member in relation.members if member.type == "w"]
            known = all(ref in lines for ref, _ in members)
            if members and known and any(ref in drawn for ref, _ in members):
                found.append((_about("relation", relation), rows, _multipolygon(members, lines)))
    return _frame(found)


def _new_ways(path: Path) -> Iterator[Any]:
    ways: Any = osmium.FileProcessor(str(path), osmium.osm.WAY)
    for way in ways:
        if way.id > 0:
            break
        yield way


def _shared_places(path: Path) -> dict[int, tuple[float, float]]:
    """Return where the nodes with positive ids lie that ways with negative ones use."""
    wanted = {node.ref for way in _new_ways(path) for node in way.nodes if node.ref > 0}
    if not wanted:
        return {}
    nodes: Any = osmium.FileProcessor(str(path), osmium.osm.NODE).with_filter(osmium.filter.IdFilter(wanted))
    return {node.id: (node.lon, node.lat) for node in nodes if node.location.valid()}


def _about(kind: str, item: Any) -> tuple[str, int, int, str]:
    return kind, int(item.id), int(item.version), ""


def _multipolygon(members: list[tuple[int, str]], lines: dict[int, Any]) -> Any:
    outer = shapely.union_all(shapely.polygonize([lines[ref] for ref, role in members if role != "inner"]))
    inner = shapely.union_all(shapely.polygonize([lines[ref] for ref, role in members if role == "inner"]))
    return outer.difference(inner)


def _frame(found: list[tuple[Any, list[Row], Any]]) -> gpd.GeoDataFrame:
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
