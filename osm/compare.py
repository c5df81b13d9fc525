"""FEATURES and an extract in memory -> one decision about each, and what nobody detected: cell by cell."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.records import Imagery
from groundplan.schema import CHANGES, empty_frame
from osm.accepted import hold_back
from osm.apart import keep_apart
from osm.cells import make_cells
from osm.changes import change_rows, find_missed, osm_only_rows
from osm.decide import decide
from osm.decided import Decided, undecided
from osm.evidence import gather_evidence, touched_elements
from osm.extract import Extract
from osm.frames import Offsets, detected, drawn_in_imagery, find_offsets, offsets_of
from osm.ground import Ground
from osm.ids import change_ids
from osm.match import Pairs, count_components
from osm.memory import Decision, Remembered, recall, remember, still_valid
from osm.normalise import Normalised, normalise
from osm.offset import shifted
from osm.options import DiffOptions
from osm.report import (
    cell_records,
    count_records,
    find_warnings,
    imagery_record,
    offset_doubt,
    offset_record,
    osm_record,
)
from osm.rivals import decide_rivals
from osm.surroundings import Surroundings, surroundings
from osm.world import World, build_world

ROWS_AT_ONCE = 10_000
"""Rows of CHANGES that are a frame at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """N features that were compared with an extract; rows of CHANGES are made when they are asked for."""

    features: pd.DataFrame
    """FEATURES without their geometry."""
    ids: NDArray[np.object_]
    """(N,): change_id of each."""
    order: NDArray[np.int64]
    """(N,): their positions in the order of change_id."""
    decided: Decided
    """What is decided about them."""
    near: Surroundings
    """The OSM rows around them."""
    missed: NDArray[np.int64]
    """Positions of OSM rows that nobody detected, in the order of their change_id; they come before all others."""
    report: dict[str, Any]
    """The report, nothing proposed yet."""
    options: DiffOptions
    """As it was made."""

    def __len__(self) -> int:
        return len(self.ids) + len(self.missed)

    def rows(self, index: NDArray[np.int64]) -> gpd.GeoDataFrame:
        """Return the CHANGES of the features at these positions."""
        return change_rows(index, self.features, self.decided, self.near, ids=self.ids, options=self.options)

    def frames(self, proposal: NDArray[np.object_] | None = None) -> Iterator[gpd.GeoDataFrame]:
        """Yield all CHANGES in the order of change_id, in pieces; one without rows when there are none.

        Parameters
        ----------
        proposal : ndarray of str, shape (N,), optional
            Where each feature is proposed; nowhere when not given.
        """
        if len(self) == 0:
            yield empty_frame(CHANGES, crs="EPSG:4326")
        for start in range(0, len(self.missed), ROWS_AT_ONCE):
            yield osm_only_rows(self.missed[start : start + ROWS_AT_ONCE], self.near)
        for start in range(0, len(self.order), ROWS_AT_ONCE):
            index = self.order[start : start + ROWS_AT_ONCE]
            frame = self.rows(index)
            yield frame if proposal is None else frame.assign(proposal=pd.Series(proposal[index], dtype="str"))

    def frame(self) -> gpd.GeoDataFrame:
        """Return all CHANGES as one frame in EPSG:4326, sorted by change_id, nothing proposed yet."""
        return pd.concat(list(self.frames()), ignore_index=True)


def compare(
    features: gpd.GeoDataFrame | Normalised,
    extract: Extract,
    *,
    imagery: Imagery | None,
    options: DiffOptions,
    decisions: tuple[Decision, ...] = (),
    ground: Ground | None = None,
) -> Comparison:
    """Compare features with an extract.

    Offsets are estimated from all of the region. Then one cell after the other is compared with the OSM rows
    around it, and what nothing in OSM speaks against among itself.

    Parameters
    ----------
    features : GeoDataFrame or Normalised
        FEATURES, or what `osm.normalise` makes them of, or what it made.
    extract : Extract
    imagery : Imagery, optional
        Its id goes into the ids of changes, its date decides whether OSM is newer.
    options : DiffOptions
    decisions : tuple of Decision
        In the order in which they were taken.
    ground : Ground, optional
        What was looked at, in the imagery's frame; None = where something was detected, for labels that were.

    Raises
    ------
    SchemaError
        The features lack what is needed.
    """
    normal = features if isinstance(features, Normalised) else normalise(features)
    rows = normal.features
    ground = ground if len(rows) else None  # as below: there is no CRS to bring it into
    near = surroundings(rows, extract, ground=ground)
    offsets = find_offsets(rows, _areas(near, rows), options=options)
    labels = rows["label"].to_numpy(dtype=object)
    # From the outlines as detected, so that ids outlast a better offset.
    ids = np.empty(len(rows), dtype=object)
    ids[:] = change_ids(labels, rows.geometry.to_numpy(), crs=rows.crs, imagery_id=imagery.id if imagery else "")
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    kept = still_valid(decisions, imagery_date=imagery.date if imagery else None, options=options)
    if len(rows) == 0:
        kept = ()  # the CRS is then that of no place, into which decisions elsewhere cannot be brought
    region = _Region(
        rows=rows,
        ids=ids,
        offset_m=offsets_of(rows, offsets),
        near=near,
        extract=extract,
        remembered=remember(kept, crs=rows.crs),
        imagery=imagery,
        options=options,
    )
    decided, families, touched, bounds = _by_cells(region)
    _settle_rivals(decided, rows, options)
    if offset_doubt(offsets, options):
        new = decided.status == "new"
        decided.status[new], decided.reason[new] = "review", "offset_doubtful"
    hold_back(decided, labels=labels, scores=rows["score"].to_numpy(np.float64), near=near, options=options)
    keep_apart(decided, mapped=near.lon_lat, order=order, crs=rows.crs, options=options)
    decided.metric[:] = None
    missed = _missed(near, rows, touched, bounds, ground=ground)
    report = _report(region, normal, offsets, decided=decided, families=families, missed=missed)
    return Comparison(
        features=pd.DataFrame(rows.drop(columns="geometry")),
        ids=ids,
        order=order,
        decided=decided,
        near=near,
        missed=missed,
        report=report,
        options=options,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    """What the cells of a region are cut from."""

    rows: gpd.GeoDataFrame
    ids: NDArray[np.object_]
    offset_m: NDArray[np.float64]
    near: Surroundings
    extract: Extract
    remembered: Remembered
    imagery: Imagery | None
    options: DiffOptions


def _report(
    region: _Region,
    normal: Normalised,
    offsets: Offsets,
    *,
    decided: Decided,
    families: Pairs,
    missed: NDArray[np.int64],
) -> dict[str, Any]:
    rows, near, info = region.rows, region.near, region.extract.info
    n_missed = len(missed)
    return {
        "counts": count_records(
            [*decided.status, *["osm_only"] * n_missed],
            [*decided.reason, *["not_detected"] * n_missed],
            [*rows["label"], *near.rows["label"].iloc[missed]],
        ),
        "offset_m": offset_record(offsets.all.whole),
        "offset_fields_m": offset_record(offsets.fields.whole) if offsets.fields else None,
        "cells": cell_records(offsets.all, crs=rows.crs),
        "components": count_components(families, n_det=len(rows), n_osm=len(near)),
        "input": {"features": normal.n_given, "compared": len(rows), **normal.counts},
        "crs": rows.crs.to_string(),
        "osm": osm_record(info),
        "imagery": imagery_record(region.imagery),
        "warnings": find_warnings(
            rows,
            info=info,
            near=near,
            offsets=offsets,
            repairs=normal.counts,
            imagery=region.imagery,
            options=region.options,
        ),
        "options": asdict(region.options),
    }


def _missed(
    near: Surroundings,
    rows: gpd.GeoDataFrame,
    touched: NDArray[np.int64],
    bounds: NDArray[np.float64],
    *,
    ground: Ground | None,
) -> NDArray[np.int64]:
    if ground is None:
        seen = shapely.box(*bounds) if np.isfinite(bounds).all() else shapely.Polygon()
        return find_missed(near, set(rows["label"]), touched, seen)
    outline = shapely.make_valid(transform_geometries([ground.outline], source=LON_LAT, target=rows.crs)[0])
    return find_missed(near, ground.labels, touched, outline)


def _areas(near: Surroundings, rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the mapped areas of the labels that were detected, in the metric CRS."""
    wanted = ((near.rows["role"] == "area") & near.rows["label"].isin(set(rows["label"]))).to_numpy()
    return gpd.GeoDataFrame(near.rows.loc[wanted, ["role", "label"]], geometry=near.geometry(wanted), crs=rows.crs)


def _by_cells(
    region: _Region,
) -> tuple[Decided, Pairs, NDArray[np.int64], NDArray[np.float64]]:
    """Decide all cells.

    Returns
    -------
    tuple
        What is decided; how detections and mapped areas of their family hang together; the numbers of the elements
        that were met; and left, bottom, right, top of the detections in OSM's frame.
    """
    decided = undecided(len(region.rows))
    shapes = np.asarray(region.rows.geometry.to_numpy(), dtype=object)
    families: list[Pairs] = []
    touched = [np.empty(0, np.int64)]
    bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
    for cell in make_cells(shapes, region.offset_m, region.near):
        index = np.union1d(cell.own, cell.beside)
        chosen = np.searchsorted(index, cell.own)
        world, memory, shown = _look(region, index, cell.osm, shapes[index])
        around = shapely.total_bounds(world.det.polygon[chosen])
        bounds = np.r_[np.minimum(bounds[:2], around[:2]), np.maximum(bounds[2:], around[2:])]
        decisions = decide(world, crs=region.rows.crs, options=region.options)
        drawn = decisions
        if region.options.proposal_frame == "imagery":
            by = region.offset_m[index]
            drawn = drawn_in_imagery(decisions, by, crs=region.rows.crs, options=region.options)
        evidence = gather_evidence(world, decisions, options=region.options)
        decided.put(
            cell.own,
            decisions=decisions,
            drawn=drawn,
            evidence=evidence,
            memory=memory,
            shown=shown,
            chosen=chosen,
            osm=cell.osm,
            crs=region.rows.crs,
        )
        touched.append(touched_elements(world, options=region.options))
        family = world.family
        families.append(family.where(np.isin(family.det, chosen)).at(index, cell.osm))
    return decided, Pairs.joined(families), np.unique(np.concatenate(touched)), bounds


def _look(
    region: _Region, index: NDArray[np.int64], osm: NDArray[np.int64], shapes: NDArray[np.object_]
) -> tuple[World, NDArray[np.object_], NDArray[np.object_]]:
    """Return the world of some detections, what was decided about them before, and what the person saw."""
    rows, ids = region.rows.iloc[index], region.ids[index]
    labels = rows["label"].to_numpy(dtype=object)
    polygons = shifted(shapes, -region.offset_m[index])

    def before(polygons: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        known = region.remembered.within(shapely.total_bounds(polygons))
        return recall(known, ids=ids, labels=labels, polygons=polygons)

    memory, shown = before(polygons)
    if region.options.proposal_frame == "imagery":
        # Decisions of such runs hold the outlines as they were shown: where the imagery has them.
        there, shown_there = before(shapes)
        memory, shown = np.where(memory == "", (there, shown_there), (memory, shown))
    refused = np.isin(memory, ("rejected", "done"))
    det = detected(rows, polygons, boxes=region.extract.info.boxes, rejected=refused)
    date = region.imagery.date if region.imagery else None
    return build_world(det, region.near.mapped(osm), imagery_date=date), memory, shown


def _settle_rivals(decided: Decided, rows: gpd.GeoDataFrame, options: DiffOptions) -> None:
    left = np.flatnonzero(decided.status == "")
    some = rows.iloc[left]
    decided.status[left], decided.reason[left] = decide_rivals(
        some["label"].to_numpy(dtype=object),
        np.asarray(shapely.from_wkb(decided.rival[left]), dtype=object),
        some["score"].to_numpy(np.float64),
        options=options,
    )
    decided.rival[left] = None
