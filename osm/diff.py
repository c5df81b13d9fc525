"""FEATURES and an OSM extract -> changes, proposals and a report in a folder: the OSM stage."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import LicenceError
from groundplan.records import Imagery
from osm.apart import keep_apart
from osm.changes import change_rows, osm_only_rows
from osm.decide import Decisions, decide
from osm.evidence import gather_evidence
from osm.extract import Extract
from osm.frames import detected, drawn_in_imagery, find_offsets, in_osm_frame, surroundings
from osm.ids import change_ids
from osm.licence import check_licence
from osm.maproulette_export import read_memory
from osm.match import components
from osm.memory import Decision, recall, still_valid
from osm.normalise import normalise
from osm.options import DiffOptions
from osm.outline import round_lon_lat
from osm.propose import proposal_texts
from osm.publish import publish
from osm.read import read_osm
from osm.report import (
    cell_records,
    count_records,
    find_warnings,
    imagery_record,
    offset_doubt,
    offset_record,
    osm_record,
)
from osm.world import World, build_world, mapped

log = logging.getLogger(__name__)

SCHEMA = "groundplan-changes/1"
"""Version of the form of changes.geojson."""


def diff(
    features: gpd.GeoDataFrame,
    osm_file: Path,
    *,
    out: Path,
    imagery: Imagery | None = None,
    options: DiffOptions | None = None,
    decisions: Path | Sequence[Path] | None = None,
) -> dict[str, Any]:
    """Compare features with OpenStreetMap and write what follows into a folder.

    Nothing is ever uploaded, deleted or changed in place: proposals create objects, and a person reviews each.

    Parameters
    ----------
    features : GeoDataFrame
        FEATURES, or any polygons with a ``label`` (and perhaps a ``score``) in any CRS.
    osm_file : Path
        ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``.
    out : Path
        Folder; gets changes.geojson, changes.parquet and diff_report.json, and if the imagery's licence permits
        it proposals/ and maproulette.geojsonl. Files of an earlier run are replaced or removed.
    imagery : Imagery, optional
        Where the features come from; without it no proposals are written.
    options : DiffOptions, optional
    decisions : Path or sequence of Path, optional
        Earlier decisions: decisions.jsonl of reviews, or MapRoulette's exports of challenges. Of several about one
        object the last counts.

    Returns
    -------
    dict
        What diff_report.json holds: counts, offset_m, cells, warnings, proposals, osm, imagery, options.

    Raises
    ------
    OsmFileError, SchemaError, OutputError
        An input cannot be read or used, or the folder not written. Nothing is written then.
    """
    options = options or DiffOptions()
    files = [decisions] if isinstance(decisions, str | Path) else decisions or ()
    remembered = tuple(decision for file in files for decision in read_memory(file))
    changes, report = compare(features, read_osm(osm_file), imagery=imagery, options=options, decisions=remembered)
    texts: dict[str, str] = {}
    try:
        check_licence(imagery)
        assert imagery is not None
        written, places = proposal_texts(changes, imagery=imagery, options=options)
        texts |= written
        changes = changes.assign(
            proposal=pd.Series([places.get(name, "") for name in changes["change_id"]], dtype="str")
        )
        n_files = sum(name.endswith(".osc") for name in texts)
        report["proposals"] = {"written": True, "reason": "", "files": n_files, "features": len(places)}
    except LicenceError as err:
        report["proposals"] = {"written": False, "reason": str(err), "files": 0, "features": 0}
        report["warnings"].append(str(err))
    for warning in report["warnings"]:
        log.warning("%s", warning)
    properties = {
        "schema": SCHEMA,
        "frame": options.proposal_frame,
        **{name: report[name] for name in ("osm", "imagery", "offset_m")},
    }
    publish(Path(out), changes, properties=properties, texts=texts, report=report)
    return report


def compare(
    features: gpd.GeoDataFrame,
    extract: Extract,
    *,
    imagery: Imagery | None,
    options: DiffOptions,
    decisions: tuple[Decision, ...] = (),
) -> tuple[gpd.GeoDataFrame, dict[str, Any]]:
    """Compare features with an extract in memory.

    Returns
    -------
    tuple of GeoDataFrame and dict
        CHANGES in EPSG:4326, sorted by change_id, nothing proposed yet; and the report without its proposals.

    Raises
    ------
    SchemaError
        The features lack what is needed.
    """
    normal = normalise(features)
    rows = normal.features
    near = surroundings(rows, extract)
    offsets = find_offsets(rows, near.metric, options=options)
    polygons = in_osm_frame(rows, offsets)
    labels = rows["label"].to_numpy(dtype=object)
    # From the outlines as detected, so that ids outlast a better offset.
    ids = change_ids(
        labels,
        round_lon_lat(transform_geometries(rows.geometry.to_numpy(), source=rows.crs, target=LON_LAT)),
        imagery_id=imagery.id if imagery else "",
    )
    decisions = still_valid(decisions, imagery_date=imagery.date if imagery else None, options=options)
    memory = recall(decisions, ids=ids, labels=labels, polygons=polygons, crs=rows.crs)
    if options.proposal_frame == "imagery":
        # Decisions of such runs hold the outlines as they were shown: where the imagery has them.
        shown = recall(decisions, ids=ids, labels=labels, polygons=rows.geometry.to_numpy(), crs=rows.crs)
        memory = np.where(memory == "", shown, memory)
    refused = np.isin(memory, ("rejected", "done"))
    det = detected(rows, polygons, bbox=extract.info.bbox, rejected=refused)
    world = build_world(det, mapped(near.metric), imagery_date=imagery.date if imagery else None)
    decided = decide(world, crs=rows.crs, options=options)
    if offset_doubt(offsets, options):
        decided = _doubted(decided)
    if options.proposal_frame == "imagery":
        decided = drawn_in_imagery(decided, rows, offsets, options=options)
    areas = near.lon_lat[world.osm.areal & (world.osm.role == "area")]
    decided = keep_apart(decided, mapped=areas, order=ids, crs=rows.crs, options=options)
    evidence = gather_evidence(world, decided, options=options)
    changes = change_rows(rows, world, decided, evidence, osm=near.metric, ids=ids, memory=memory, options=options)
    missed = osm_only_rows(world, osm=near.metric, osm_lon_lat=near.lon_lat, options=options)
    if len(missed):
        changes = pd.concat([changes, missed], ignore_index=True) if len(changes) else missed
    changes = changes.sort_values("change_id", ignore_index=True)
    report = {
        "counts": count_records(changes),
        "offset_m": offset_record(offsets.all.whole),
        "offset_fields_m": offset_record(offsets.fields.whole) if offsets.fields else None,
        "cells": cell_records(offsets.all, crs=rows.crs),
        "components": _component_counts(world),
        "input": {"features": len(features), "compared": len(rows), **normal.counts},
        "crs": rows.crs.to_string(),
        "osm": osm_record(extract.info),
        "imagery": imagery_record(imagery),
        "warnings": find_warnings(
            rows,
            info=extract.info,
            near=near,
            offsets=offsets,
            repairs=normal.counts,
            imagery=imagery,
            options=options,
        ),
        "options": asdict(options),
    }
    return changes, report


def _doubted(decided: Decisions) -> Decisions:
    """Return the decisions with everything new sent to review, because the offset cannot be believed."""
    new = decided.status == "new"
    status, reason = decided.status.copy(), decided.reason.copy()
    status[new], reason[new] = "review", "offset_doubtful"
    return replace(decided, status=status, reason=reason)


def _component_counts(world: World) -> dict[str, int]:
    """Return how many groups hang together by how many detections and OSM areas they have."""
    n_det, n_osm = len(world.det), len(world.osm.label)
    det, osm = components(world.family, n_det=n_det, n_osm=n_osm, min_cov=0.3)
    size = n_det + n_osm
    per_det, per_osm = np.bincount(det, minlength=size), np.bincount(osm, minlength=size)
    one_det, many_det = per_det == 1, per_det > 1
    return {
        "one_to_one": int((one_det & (per_osm == 1)).sum()),
        "one_to_many": int((one_det & (per_osm > 1)).sum()),
        "many_to_one": int((many_det & (per_osm == 1)).sum()),
        "many_to_many": int((many_det & (per_osm > 1)).sum()),
    }
