"""What is decided, and what nobody detected -> rows of CHANGES, one per decision, in EPSG:4326."""

from collections.abc import Collection
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT
from groundplan.schema import CHANGES, check_frame
from osm.decided import Decided
from osm.options import DiffOptions
from osm.surroundings import Surroundings
from osm.tags import deprecated_notes, proposed_tags


def change_rows(
    index: NDArray[np.int64],
    features: pd.DataFrame,
    decided: Decided,
    near: Surroundings,
    *,
    ids: NDArray[np.object_],
    options: DiffOptions,
) -> gpd.GeoDataFrame:
    """Return CHANGES of some features.

    Parameters
    ----------
    index : ndarray of int, shape (K,)
        Their positions.
    features : DataFrame
        FEATURES of the region; the geometry is not asked for.
    decided : Decided
        Of these features.
    near : Surroundings
        The OSM rows they were compared with.
    ids : ndarray of str, shape (N,)
        change_id per feature.
    options : DiffOptions
    """
    lon_lat = np.asarray(shapely.from_wkb(decided.lon_lat[index]), dtype=object)
    count = decided.count[index]
    evidence = np.concatenate([np.empty(0, np.int64), *map(decided.evidence, index.tolist())])
    records, tags_of = near.records(evidence), near.rows["tags"].iloc[evidence].to_list()
    ends = np.cumsum(count)
    spans = [slice(end - n, end) for end, n in zip(ends.tolist(), count.tolist(), strict=True)]
    open_ = decided.is_open[index]
    holes = shapely.get_num_interior_rings(lon_lat) > 0
    labels, some = features["label"].iloc[index].to_list(), features.iloc[index]
    tags, review, notes = [], [], []
    for place, (label, span) in enumerate(zip(labels, spans, strict=True)):
        ring, is_open = bool(holes[place]), bool(open_[place])
        tags.append(proposed_tags(label, track_tags=options.track_tags, ring=ring) if is_open else {})
        review.append(_review(decided.memory[index[place]], is_open))
        notes.append(_notes(decided, int(index[place]), tags_of[span], is_open))
    # Areas of what is proposed are those of the rounded outline; of the rest, as detected.
    columns = {
        "change_id": pd.Series(ids[index], dtype="str"),
        "feature_id": some["feature_id"].to_list(),
        "status": decided.status[index],
        "label": labels,
        "tags": pd.Series(tags, dtype="object"),
        "score": some["score"].to_numpy(np.float64),
        "reasons": pd.Series([[str(reason)] for reason in decided.reason[index]], dtype="object"),
        "osm": pd.Series([records[span] for span in spans], dtype="object"),
        "iou": decided.overlap[index, 0],
        "cov_det": decided.overlap[index, 1],
        "cov_osm": decided.overlap[index, 2],
        "nearest_m": decided.nearest_m[index],
        "area_m2": decided.area_m2[index],
        "shape": some["shape"].to_list(),
        "shape_residual": some["shape_residual"].to_numpy(),
        "review": review,
        "proposal": "",
        "qa": pd.Series(notes, dtype="object"),
    }
    frame = gpd.GeoDataFrame(columns, geometry=lon_lat, crs=LON_LAT)
    return check_frame(frame, CHANGES, what="changes")


def find_missed(
    near: Surroundings, labels: Collection[str], touched: NDArray[np.int64], ground: Any
) -> NDArray[np.int64]:
    """Return positions of the mapped objects that no detection meets, in the order of their change_id.

    Of areas at least half has to lie on the ground that was looked at: elsewhere nobody would have seen them.

    Parameters
    ----------
    near : Surroundings
    labels : collection of str
        What was looked for.
    touched : ndarray of int
        Numbers of the elements that some detection of their family meets.
    ground : Polygon or MultiPolygon
        What was looked at, in the metric CRS.
    """
    bounds = np.asarray(shapely.bounds(ground))
    sought = near.rows["role"].isin(("area", "line", "node")) & near.rows["label"].isin(labels)
    rows = np.flatnonzero(sought.to_numpy() & ~np.isin(near.element, touched))
    rows = rows[np.isin(rows, near.within(bounds))]
    rows = rows[_lies_on(near.geometry(rows), ground)] if len(rows) else rows
    _, first = np.unique(near.element[rows], return_index=True)
    rows = rows[np.sort(first)]
    names = _osm_only_ids(rows, near)
    return rows[sorted(range(len(rows)), key=names.__getitem__)]


def _lies_on(geometry: NDArray[np.object_], ground: Any) -> NDArray[np.bool_]:
    """Return which geometries meet the ground, of areas those that lie on it by half."""
    shapely.prepare(ground)
    on = np.asarray(shapely.intersects(geometry, ground))
    partly = np.flatnonzero(on & (shapely.area(geometry) > 0) & ~shapely.contains(ground, geometry))
    shared = shapely.area(shapely.intersection(geometry[partly], ground))
    on[partly] = shared >= 0.5 * shapely.area(geometry[partly])
    return on


def osm_only_rows(index: NDArray[np.int64], near: Surroundings) -> gpd.GeoDataFrame:
    """Return CHANGES of mapped objects that no detection meets: information, never a deletion."""
    n, rows = len(index), near.rows.iloc[index]
    columns: dict[str, Any] = {
        "change_id": _osm_only_ids(index, near),
        "feature_id": [""] * n,
        "status": ["osm_only"] * n,
        "label": rows["label"].to_list(),
        "tags": pd.Series([{} for _ in range(n)], dtype="object"),
        "score": np.full(n, np.nan),
        "reasons": pd.Series([["not_detected"] for _ in range(n)], dtype="object"),
        "osm": pd.Series([[each] for each in near.records(index)], dtype="object"),
        "iou": np.zeros(n),
        "cov_det": np.zeros(n),
        "cov_osm": np.zeros(n),
        "nearest_m": np.full(n, np.nan),
        "area_m2": shapely.area(near.geometry(index)),
        "shape": ["free"] * n,
        "shape_residual": np.zeros(n),
        "review": ["none"] * n,
        "proposal": [""] * n,
        "qa": pd.Series([deprecated_notes(tags) for tags in rows["tags"]], dtype="object"),
    }
    frame = gpd.GeoDataFrame(columns, geometry=shapely.from_wkb(near.lon_lat[index]), crs=LON_LAT)
    return check_frame(frame, CHANGES, what="changes")


def _osm_only_ids(index: NDArray[np.int64], near: Surroundings) -> list[str]:
    kinds, numbers = near.rows["osm_type"].iloc[index].to_list(), near.rows["osm_id"].iloc[index].to_list()
    return [f"o-{kind}-{number}" for kind, number in zip(kinds, numbers, strict=True)]


def _review(remembered: str, is_open: bool) -> str:
    if remembered in ("accepted", "rejected"):
        return remembered
    if remembered == "done":
        return "accepted"
    return "pending" if is_open else "none"


def _notes(decided: Decided, index: int, mapped: list[dict[str, str]], is_open: bool) -> list[str]:
    notes = []
    if decided.touches[index] and decided.status[index] == "new":
        notes.append("touching")
    if decided.cut[index]:
        notes.append("cut_clear_of_neighbour")
    if decided.lapsed[index]:
        notes.append("accepted_before_look_again")
    if is_open and not decided.outline_ok[index]:
        notes.append("outline_does_not_fit_osm")
    if decided.reason[index] == "many_det_one_osm":
        notes.append("one_element_holds_several_capacity_or_split")
    if decided.status[index] == "matched_group" and decided.reason[index] == "containment":
        notes.append("sizes_differ")
    for tags in mapped:
        notes += [note for note in deprecated_notes(tags) if note not in notes]
    return notes
