"""What a comparison found -> the dict that becomes diff_report.json, and its warnings."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.records import Imagery
from groundplan.schema import STATUSES
from osm.boxes import covered_ground
from osm.extract import ExtractInfo
from osm.frames import Offsets
from osm.offset_field import Offset, OffsetField
from osm.options import DiffOptions
from osm.surroundings import Surroundings

STATE_BOUNDS: Final = "let it state what it covers: osmium extract --set-bounds"


def offset_record(offset: Offset) -> dict[str, Any]:
    """Return an offset as it is reported: detections minus OSM, metres."""
    return {
        "east": offset.east,
        "north": offset.north,
        "n_pairs": offset.n_pairs,
        "mad": offset.mad,
        "error_m": offset.error_m,
        "used": offset.used,
    }


def cell_records(field: OffsetField, *, crs: Any) -> list[dict[str, Any]]:
    """Return the cells of an offset field, sorted by column and row, with their centres in degrees."""
    keys = sorted(field.cells)
    middles = (
        shapely.points([[(c + 0.5) * field.cell_m, (r + 0.5) * field.cell_m] for c, r in keys]) if keys else []
    )
    places = transform_geometries(middles, source=crs, target=LON_LAT)
    return [
        {
            "column": column,
            "row": row,
            "lon": round(float(place.x), 6),
            "lat": round(float(place.y), 6),
            "source": field.sources[(column, row)],
            **offset_record(field.cells[(column, row)]),
        }
        for (column, row), place in zip(keys, places, strict=True)
    ]


def imagery_record(imagery: Imagery | None) -> dict[str, Any] | None:
    """Return what is known of the imagery; None when nothing is."""
    if imagery is None:
        return None
    record = asdict(imagery)
    record["date"] = imagery.date.isoformat() if imagery.date else None
    return record


def osm_record(info: ExtractInfo) -> dict[str, Any]:
    """Return what is known of the extract, with the credit its licence asks for."""
    return {
        "file": info.name,
        "timestamp": info.timestamp,
        "bbox": list(info.bbox) if info.bbox else None,
        "bbox_stated": info.stated,
        "metadata": info.has_metadata,
        "attribution": "© OpenStreetMap contributors, ODbL 1.0",
    }


def count_records(statuses: Sequence[str], reasons: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Return how many changes there are by status, by reason and by label, all in a fixed order."""
    status = Counter(statuses)
    reason = Counter(map("{}:{}".format, statuses, reasons))
    both = Counter(zip(labels, statuses, strict=True))
    by_label = {
        label: {state: n for state in STATUSES if (n := both[(label, state)])}
        for label in sorted({label for label, _ in both})
    }
    return {
        "status": {state: status[state] for state in STATUSES},
        "reason": dict(sorted(reason.items())),
        "label": by_label,
    }


def find_warnings(
    features: gpd.GeoDataFrame,
    *,
    info: ExtractInfo,
    near: Surroundings,
    offsets: Offsets,
    repairs: dict[str, int],
    imagery: Imagery | None,
    options: DiffOptions,
) -> list[str]:
    """Return what a person should know before believing the result, one sentence each."""
    found = [
        f"{count} input polygons: {what.replace('_', ' ')}"
        for what, count in repairs.items()
        if count and what != "split"
    ]
    if info.n_broken or near.n_repaired:
        found.append(f"{info.n_broken} OSM elements have broken outlines and {near.n_repaired} were repaired")
    if len(features) == 0:
        return [*found, "there are no features to compare"]
    found += _reach(features, info, options)
    if not len(near):
        found.append("the extract has nothing that matters near the features; everything looks new")
    if not info.has_metadata and len(near):
        found.append("the extract carries no versions: whether OSM is newer than the imagery is not checked")
    elif imagery is None or imagery.date is None:
        found.append("the imagery has no date: whether OSM is newer than the imagery is not checked")
    if options.offset == "auto" and not offsets.all.whole.used:
        pairs = offsets.all.whole.n_pairs
        few = pairs < options.offset_min_pairs_global
        said = f"only {pairs} sure pairs with OSM" if few else f"{pairs} pairs with OSM do not agree well enough"
        found.append(f"{said}: the offset of the imagery is unknown and not taken out")
    reason = offset_doubt(offsets, options)
    return [*found, reason] if reason else found


def offset_doubt(offsets: Offsets, options: DiffOptions) -> str:
    """Return why the offset cannot be believed, so that nothing may be new; empty when it can."""
    fields = [offsets.all] + ([offsets.fields] if offsets.fields else [])
    # Cells that lean on others, or on the trend, say nothing of their own.
    own = [field.cells[cell] for field in fields for cell, source in field.sources.items() if source == "cell"]
    values = [value for value in (*(field.whole for field in fields), *own) if value.used]
    longest = max((float(np.hypot(each.east, each.north)) for each in values), default=0.0)
    if longest > options.offset_max_m:
        return (
            f"the offset of {longest:.1f} m is more than {options.offset_max_m:g} m: everything new becomes review"
        )
    for field in fields:
        if field.rival is not None:
            one, other = field.whole, field.rival
            return (
                f"the offset may be {one.east:.1f} m east, {one.north:.1f} m north ({one.n_pairs} pairs), or as "
                f"well {other.east:.1f}, {other.north:.1f} ({other.n_pairs}), as where like houses stand in rows: "
                "everything new becomes review"
            )
    if any(field.disagree for field in fields):
        return (
            f"neighbouring cells have offsets more than {options.offset_disagreement_m:g} m apart: everything new "
            "becomes review"
        )
    return ""


def _reach(features: gpd.GeoDataFrame, info: ExtractInfo, options: DiffOptions) -> list[str]:
    if not info.boxes:
        return [f"the extract states no bounding box: objects at its edge may look new; {STATE_BOUNDS}"]
    if not info.stated:
        west, south, east, north = info.bbox or (0.0,) * 4
        return [
            "the extract states no bounding box: what is not within that of its nodes "
            f"({west:.4f}, {south:.4f} to {east:.4f}, {north:.4f}) becomes review; {STATE_BOUNDS}"
        ]
    margin = options.edge_margin_m
    # Several downloads leave gaps, in which nothing need lie: each feature is asked for.
    bounds = np.atleast_2d(features.total_bounds if len(info.boxes) == 1 else features.bounds.to_numpy())
    needed = shapely.box(*(bounds + np.array([-margin, -margin, margin, margin])).T)
    places = shapely.bounds(transform_geometries(needed, source=features.crs, target=LON_LAT))
    if not shapely.covers(covered_ground(info.boxes), shapely.box(*places.T)).all():
        return [f"the extract does not reach {margin:g} m beyond the features; take a larger one"]
    return []
