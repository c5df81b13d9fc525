"""An OSM file (.osm.pbf, .osm, .osm.gz, .osm.bz2) -> the elements that matter, in EPSG:4326."""

import datetime as dt
import gc
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT
from groundplan.errors import OsmFileError
from groundplan.schema import OSM_FEATURES, empty_frame
from osm.boxes import BBox, stated_boxes
from osm.extract import Extract, ExtractInfo, extract_name
from osm.read_broken import Unbuilt
from osm.read_guard import check_pbf_texts
from osm.read_history import split_history
from osm.read_placeholders import read_placeholders
from osm.read_reach import node_reach
from osm.roles import Row, area_roles, is_track_line, line_roles, node_roles, veto_roles
from osm.tags import KEYS, LIFECYCLE_KEYS
from osm.window import Window, meets

ROWS_AT_ONCE = 50_000
"""Outlines that are geometries at the same time."""

NEEDED = "give an .osm.pbf, .osm, .osm.gz or .osm.bz2 file"


NEVER = dt.datetime.fromtimestamp(0, dt.UTC)
"""What libosmium gives elements without a time."""

Element = tuple[str, int, int, dt.datetime]
"""Type, id, version and time of the last edit."""


@dataclass(slots=True)
class _Rows:
    """What the pass over the file gathers."""

    window: Window | None
    """What lies elsewhere is forgotten; None = nothing is."""
    wkb: list[bytes] = field(default_factory=list)
    element: list[Element] = field(default_factory=list)
    row: list[Row] = field(default_factory=list)
    waiting: list[tuple[str, Element, Row]] = field(default_factory=list)
    """With the geometry as hexadecimal WKB, as libosmium writes it."""
    seen: dict[tuple[object, ...], Row] = field(default_factory=dict)
    newest: dt.datetime = NEVER
    """Of all elements, wherever they lie: how old the file is."""
    has_metadata: bool = False
    n_broken: int = 0

    def add(self, rows: list[Row], wkb: str, element: Element) -> None:
        for row in rows:
            # Most elements share one of a few sets of tags: dicts of their own would weigh more than outlines.
            role, label, tags = row
            self.waiting.append((wkb, element, self.seen.setdefault((role, label, *tags.items()), row)))
        if len(self.waiting) >= ROWS_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Keep of the rows that wait those that matter."""
        if not self.waiting:
            return
        texts, elements, rows = zip(*self.waiting, strict=True)
        self.waiting.clear()
        self.newest = max(self.newest, *(stamp for _, _, _, stamp in elements))
        # Placeholders carry a version of 1 or none; only real elements tell whether the extract has metadata.
        self.has_metadata |= any(version > 0 and number > 0 for _, number, version, _ in elements)
        wkb, bounds = _plain_wkb(texts)
        near = range(len(wkb)) if self.window is None else np.flatnonzero(meets(bounds, self.window)).tolist()
        self.wkb += [wkb[place] for place in near]
        self.element += [elements[place] for place in near]
        self.row += [rows[place] for place in near]


def read_osm(path: Path, *, window: Window | None = None) -> Extract:
    """Read the elements of an OSM file that matter to the comparison.

    One pass in which the filtering by key happens in C++; the values are looked at in Python. Elements with
    negative ids (files saved by JOSM, or an extract with proposals applied) are read too.

    Parameters
    ----------
    path : Path
        ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``, sorted by type and id; or ``.osh.pbf`` with the
        history of a region, which gives the present state and rows of role "deleted".
    window : tuple of float, optional
        West, south, east, north in degrees: elements whose bounds do not meet it are read over, so that the
        extract of a country takes no more memory than that of a town. See `osm.window.window_around`.

    Returns
    -------
    Extract
        OSM_FEATURES in EPSG:4326, one row per element and label: a pitch that may be two sports gives two
        rows. ``nodes`` stays empty, because no existing way is ever modified. An extract without elements
        gives an empty frame, one without metadata versions of 0 and timestamps of "".

    Raises
    ------
    OsmFileError
        The file is missing, truncated, damaged, unsorted or no OSM file.

    Notes
    -----
    About 450,000 elements a second on one core.
    """
    source = Path(path)
    if not source.is_file():
        raise OsmFileError(f"no OSM file at {source}; {NEEDED}")
    check_pbf_texts(source)
    with clear_errors(source), _no_collection():
        boxes, timestamp, history = file_header(source)
        stated = bool(boxes)
        if not stated:
            reach = node_reach(source)
            boxes = (reach.box,) if reach.box and reach.telling else ()
        if history:
            # libosmium builds areas from one version of everything, so the present state gets a file of its own.
            with tempfile.TemporaryDirectory() as folder:
                current = Path(folder) / "current.osm.pbf"
                deleted = split_history(source, current)
                rows = _scan(current, window)
            for element, row, shape in deleted:
                rows.add([row], shapely.to_wkb(shape, hex=True), element)
            placeholders = empty_frame(OSM_FEATURES, crs=LON_LAT)
        else:
            rows = _scan(source, window)
            placeholders = read_placeholders(source)
        rows.settle()
    table, lon_lat = _table(rows, placeholders)
    n_new_broken = (
        placeholders.loc[placeholders["role"] == "broken", ["osm_type", "osm_id"]].drop_duplicates().shape[0]
    )
    newest = max((*placeholders["timestamp"], *_stamps([rows.newest])))
    info = ExtractInfo(
        name=extract_name(source),
        boxes=boxes,
        stated=stated,
        timestamp=timestamp or newest,
        has_metadata=rows.has_metadata,
        n_broken=rows.n_broken + n_new_broken,
    )
    return Extract(info=info, rows=table, lon_lat=lon_lat)


def file_header(source: Path) -> tuple[tuple[BBox, ...], str, bool]:
    """Return the boxes it covers, how old it is, and whether it holds several versions of its elements."""
    with osmium.io.Reader(str(source), osmium.osm.NOTHING) as reader:
        header = reader.header()
        box = header.box()
        stamp = header.get("osmosis_replication_timestamp") or header.get("timestamp")
        history = bool(header.has_multiple_object_versions) or ".osh" in source.name
        if not box.valid():
            return (), stamp, history
        low, high = box.bottom_left, box.top_right
        return stated_boxes(source, (low.lon, low.lat, high.lon, high.lat)), stamp, history


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from searching for cycles while many small objects are made that have none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _scan(source: Path, window: Window | None) -> _Rows:
    has_key = osmium.filter.KeyFilter(*KEYS)
    factory = osmium.geom.WKBFactory()
    rows = _Rows(window=window)
    unbuilt, n_lines = Unbuilt(), 0
    # Most tagged nodes are crossings and trees: leaving them to C++ saves a third of the time.
    as_node = osmium.filter.KeyFilter("building", "leisure", *LIFECYCLE_KEYS)
    as_node.enable_for(osmium.osm.NODE)
    as_line = osmium.filter.KeyFilter("building", "building:part", "leisure", "highway", "railway", "waterway")
    as_line.enable_for(osmium.osm.WAY)
    objects: Any = osmium.FileProcessor(str(source)).with_areas(has_key)
    objects = objects.with_filter(has_key).with_filter(as_node).with_filter(as_line)
    for item in objects:
        get = item.tags.get
        if item.is_area():
            found = area_roles(get) or veto_roles((tag.k for tag in item.tags), get)
            if not found or (item.from_way() and found[0][1] == "running_track" and is_track_line(get)):
                continue
            try:
                wkb = factory.create_multipolygon(item)
            except (RuntimeError, osmium.InvalidLocationError):
                unbuilt.look_at_area(item, built=False)
                continue
            unbuilt.look_at_area(item, built=True)
            rows.add(
                found,
                wkb,
                ("way" if item.from_way() else "relation", item.orig_id(), item.version, item.timestamp),
            )
        elif item.is_relation():
            if item.id > 0:  # `read_placeholders` has the others
                unbuilt.look_at_relation(item)
        elif item.is_way():
            if item.id > 0:
                unbuilt.look_at_way(item)
            found = line_roles(get, closed=item.is_closed())
            if not found or item.id < 0:
                continue
            try:
                wkb = factory.create_linestring(item)
            except (RuntimeError, osmium.InvalidLocationError):
                n_lines += 1
                continue
            rows.add(found, wkb, ("way", item.id, item.version, item.timestamp))
        elif item.is_node():
            found = node_roles(get) or veto_roles((tag.k for tag in item.tags), get)
            if found and item.id > 0:
                rows.add(found, factory.create_point(item), ("node", item.id, item.version, item.timestamp))
    for element, found, ground in unbuilt.outlines(source):
        rows.add(found, shapely.to_wkb(ground, hex=True), element)
    rows.n_broken = len(unbuilt) + n_lines
    return rows


def _stamps(moments: Sequence[dt.datetime]) -> list[str]:
    """Return moments as ISO 8601; `NEVER` becomes ""."""
    # All at once: isoformat on each takes as long as reading its tags.
    seconds = pd.DatetimeIndex(moments).tz_convert(None).to_numpy().astype("datetime64[s]")
    text = np.char.add(np.datetime_as_string(seconds, unit="s"), "Z")
    return np.where(seconds.astype(np.int64) > 0, text, "").tolist()


def _table(rows: _Rows, placeholders: gpd.GeoDataFrame) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Return OSM_FEATURES without their geometry, and the geometry as WKB."""
    kinds, numbers, versions, stamps = zip(*rows.element, strict=True) if rows.element else ((), (), (), ())
    roles, labels, tags = zip(*rows.row, strict=True) if rows.row else ((), (), ())
    nodes = np.empty(len(roles), dtype=object)
    nodes[:] = [()] * len(roles)
    columns = {
        "osm_type": pd.Series(kinds, dtype="str"),
        "osm_id": np.array(numbers, np.int64),
        "version": np.array(versions, np.int64),
        "timestamp": pd.Series(_stamps(stamps) if stamps else [], dtype="str"),
        "label": pd.Series(labels, dtype="str"),
        "role": pd.Series(roles, dtype="str"),
        "tags": pd.Series(list(tags), dtype="object"),
        "nodes": nodes,
    }
    table = pd.DataFrame(columns)
    if not placeholders.empty:
        others = pd.DataFrame(placeholders.drop(columns="geometry"))
        table = pd.concat([table, others], ignore_index=True) if len(table) else others
    own = np.empty(len(rows.wkb), dtype=object)
    own[:] = rows.wkb
    lon_lat = np.concatenate((own, shapely.to_wkb(placeholders.geometry.to_numpy())))
    table = table.sort_values(["role", "osm_type", "osm_id", "label"], kind="stable")
    return table.reset_index(drop=True), lon_lat[table.index]


def _plain_wkb(texts: Sequence[str]) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Return as bytes what libosmium wrote, and bounds; its multipolygons of one polygon as that polygon."""
    wkb = np.empty(len(texts), dtype=object)
    # GEOS reads hexadecimal through a text stream; turning it into bytes first takes a fifth of the time.
    wkb[:] = [bytes.fromhex(text) for text in texts]
    geometry = shapely.from_wkb(wkb)
    single = (shapely.get_type_id(geometry) == 6) & (shapely.get_num_geometries(geometry) == 1)
    wkb[single] = shapely.to_wkb(shapely.get_geometry(geometry[single], 0))
    return wkb, shapely.bounds(geometry)


@contextmanager
def clear_errors(source: Path) -> Iterator[None]:
    """Turn what libosmium raises into one line that says what to do."""
    try:
        yield
    except (RuntimeError, ValueError, OSError, osmium.InvalidLocationError) as err:
        reason = str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__
        if "out of order" in reason or "not in order" in reason:
            raise OsmFileError(
                f"{source} is not sorted by type and id ({reason}); sort it first: "
                f"osmium sort {source.name} -o sorted.osm.pbf"
            ) from err
        if "Could not detect file format" in reason or "top-level element" in reason or "syntax error" in reason:
            raise OsmFileError(f"{source} is not an OSM file ({reason}); {NEEDED}") from err
        raise OsmFileError(
            f"{source} is truncated, damaged or not an OSM file ({reason}); fetch it again"
        ) from err
