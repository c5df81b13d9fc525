"""Decisions and their evidence -> the CHANGES frame, one row per decision, in EPSG:4326."""

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.schema import CHANGES, check_frame
from osm.decide import Decisions
from osm.evidence import Evidence, element_records, touched_elements
from osm.options import DiffOptions
from osm.outline import round_lon_lat
from osm.tags import deprecated_notes, proposed_tags
from osm.world import World


def change_rows(
    features: gpd.GeoDataFrame,
    world: World,
    decisions: Decisions,
    evidence: Evidence,
    *,
    osm: gpd.GeoDataFrame,
    ids: Sequence[str],
    memory: NDArray[np.object_],
    options: DiffOptions,
) -> gpd.GeoDataFrame:
    """Return CHANGES with one row per feature.

    Parameters
    ----------
    features : GeoDataFrame
        FEATURES in the metric CRS, in the order of the world's detections.
    world, decisions, evidence
        Of these features.
    osm : GeoDataFrame
        The OSM_FEATURES rows that the world was made of.
    ids : sequence of str
        change_id per feature.
    memory : ndarray of str
        What was decided before: "accepted", "rejected", "done" or "".
    """
    lon_lat = decisions.lon_lat.copy()
    plain = np.flatnonzero(lon_lat == None)  # noqa: E711 - elementwise
    lon_lat[plain] = round_lon_lat(
        transform_geometries(decisions.polygon[plain], source=features.crs, target=LON_LAT)
    )
    records = element_records(osm)
    tags_of = osm["tags"].to_list()
    open_ = np.isin(decisions.status, ("new", "review"))
    holes = shapely.get_num_interior_rings(lon_lat) > 0
    tags, review, notes = [], [], []
    for index, label in enumerate(world.det.label):
        ring = bool(holes[index])
        tags.append(proposed_tags(label, track_tags=options.track_tags, ring=ring) if open_[index] else {})
        review.append(_review(str(memory[index]), bool(open_[index])))
        mapped = [tags_of[row] for row in evidence.osm[index]]
        notes.append(_notes(decisions, index, mapped, bool(open_[index])))
    # Areas of what is proposed are those of the rounded outline; of the rest, as detected.
    columns = {
        "change_id": list(ids),
        "feature_id": features["feature_id"].to_list(),
        "status": decisions.status,
        "label": world.det.label,
        "tags": pd.Series(tags, dtype="object"),
        "score": world.det.score,
        "reasons": pd.Series([[str(reason)] for reason in decisions.reason], dtype="object"),
        "osm": pd.Series([[records[row] for row in rows] for rows in evidence.osm], dtype="object"),
        "iou": evidence.iou,
        "cov_det": evidence.cov_det,
        "cov_osm": evidence.cov_osm,
        "nearest_m": evidence.nearest_m,
        "area_m2": shapely.area(decisions.polygon),
        "shape": features["shape"].to_list(),
        "shape_residual": features["shape_residual"].to_numpy(),
        "review": review,
        "proposal": "",
        "qa": pd.Series(notes, dtype="object"),
    }
    frame = gpd.GeoDataFrame(columns, geometry=lon_lat, crs=LON_LAT)
    return check_frame(frame, CHANGES, what="changes")


def osm_only_rows(
    world: World, *, osm: gpd.GeoDataFrame, osm_lon_lat: NDArray[np.object_], options: DiffOptions
) -> gpd.GeoDataFrame:
    """Return CHANGES rows for mapped objects that no detection meets: information, never a deletion.

    Only labels that were detected at all, inside the bounds of the detections, are reported: elsewhere nobody
    has looked.
    """
    role, label = world.osm.role, world.osm.label
    sought = np.isin(role, ("area", "line", "node")) & np.isin(label, np.unique(world.det.label.astype("str")))
    sought &= ~np.isin(world.osm.element, touched_elements(world, options=options))
    if sought.any():
        around = shapely.box(*shapely.total_bounds(world.det.polygon))
        sought &= np.asarray(shapely.intersects(world.osm.geometry, around))
    rows = np.flatnonzero(sought)
    _, first = np.unique(world.osm.element[rows], return_index=True)
    rows = rows[np.sort(first)]
    records = element_records(osm.iloc[rows])
    n = len(rows)
    columns: dict[str, Any] = {
        "change_id": [f"o-{each['type']}-{each['id']}" for each in records],
        "feature_id": [""] * n,
        "status": ["osm_only"] * n,
        "label": label[rows],
        "tags": pd.Series([{} for _ in range(n)], dtype="object"),
        "score": np.full(n, np.nan),
        "reasons": pd.Series([["not_detected"] for _ in range(n)], dtype="object"),
        "osm": pd.Series([[each] for each in records], dtype="object"),
        "iou": np.zeros(n),
        "cov_det": np.zeros(n),
        "cov_osm": np.zeros(n),
        "nearest_m": np.full(n, np.nan),
        "area_m2": shapely.area(world.osm.geometry[rows]),
        "shape": ["free"] * n,
        "shape_residual": np.zeros(n),
        "review": ["none"] * n,
        "proposal": [""] * n,
        "qa": pd.Series([deprecated_notes(tags) for tags in osm["tags"].iloc[rows]], dtype="object"),
    }
    frame = gpd.GeoDataFrame(columns, geometry=osm_lon_lat[rows], crs=LON_LAT)
    return check_frame(frame, CHANGES, what="changes")


def _review(remembered: str, is_open: bool) -> str:
    if remembered in ("accepted", "rejected"):
        return remembered
    if remembered == "done":
        return "accepted"
    return "pending" if is_open else "none"


def _notes(decisions: Decisions, index: int, mapped: list[dict[str, str]], is_open: bool) -> list[str]:
    notes = []
    if decisions.touches[index] and decisions.status[index] == "new":
        notes.append("touching")
    if decisions.cut[index]:
        notes.append("cut_clear_of_neighbour")
    if is_open and not decisions.outline_ok[index]:
        notes.append("outline_does_not_fit_osm")
    if decisions.reason[index] == "many_det_one_osm":
        notes.append("one_element_holds_several_capacity_or_split")
    if decisions.status[index] == "matched_group" and decisions.reason[index] == "containment":
        notes.append("sizes_differ")
    for tags in mapped:
        notes += [note for note in deprecated_notes(tags) if note not in notes]
    return notes
