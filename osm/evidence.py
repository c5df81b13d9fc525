"""A decided world -> for each detection the OSM elements that speak in it, and how much they overlap."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.decide import Decisions
from osm.match import Pairs
from osm.options import DiffOptions
from osm.rows_context import crossing_pairs
from osm.rows_known import overlaid_pairs
from osm.rows_overlap import broken_pairs, conflict_pairs, line_pairs, node_pairs, pitch_nodes
from osm.touching import neighbours
from osm.world import World

Found: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Positions of detections and, beside each, of an OSM row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stands behind N decisions."""

    osm: list[list[int]]
    """Per detection the positions of OSM rows, one row an element, best first."""
    iou: NDArray[np.float64]
    """(N,): of the best candidate of the family; 0 without one."""
    cov_det: NDArray[np.float64]
    """(N,): share of the detection under that candidate."""
    cov_osm: NDArray[np.float64]
    """(N,): share of that candidate under the detection."""
    nearest_m: NDArray[np.float64]
    """(N,): distance to the nearest area of the family; NaN = none within the search radius."""


def gather_evidence(world: World, decisions: Decisions, *, options: DiffOptions) -> Evidence:
    """Collect the OSM elements behind each decision.

    Matched detections name the elements they match; the others all that they meet.
    """
    n = len(world.det)
    family = world.family
    order = np.lexsort((family.osm, -family.cov, -family.iou, family.det))
    first = np.r_[True, np.diff(family.det[order]) > 0] if len(order) else np.empty(0, bool)
    best = order[first]
    iou, cov_det, cov_osm = np.zeros(n), np.zeros(n), np.zeros(n)
    iou[family.det[best]] = family.iou[best]
    cov_det[family.det[best]] = family.cov_det[best]
    cov_osm[family.det[best]] = family.cov_osm[best]
    rows = _rows(world, decisions, family, best, options)
    nearest = np.full(n, np.nan)
    nearest[family.det] = 0.0
    _nearest(world, np.flatnonzero(np.isnan(nearest)), nearest, options)
    return Evidence(osm=rows, iou=iou, cov_det=cov_det, cov_osm=cov_osm, nearest_m=nearest)


def _rows(
    world: World, decisions: Decisions, family: Pairs, best: NDArray[np.int64], options: DiffOptions
) -> list[list[int]]:
    """Return for each detection the OSM rows that speak in it, each element once: family first, best first."""
    found = [*_family_rows(decisions, family, best, options), *_rows_of_reasons(world, decisions, options)]
    rows: list[list[int]] = [[] for _ in range(len(world.det))]
    elements: list[set[int]] = [set() for _ in range(len(world.det))]
    for dets, osms in found:
        for index, row in zip(dets.tolist(), osms.tolist(), strict=True):
            element = int(world.osm.element[row])
            if element not in elements[index]:
                elements[index].add(element)
                rows[index].append(row)
    return rows


def _family_rows(
    decisions: Decisions, family: Pairs, best: NDArray[np.int64], options: DiffOptions
) -> Iterator[Found]:
    """Yield the match of what is matched, the members of groups, and all that others overlap."""
    single, group = decisions.status == "matched", decisions.status == "matched_group"
    is_best = np.zeros(len(family), bool)
    is_best[best] = True
    alone = is_best & single[family.det]
    held = (family.cov >= 0.3) & group[family.det]
    touched = (family.cov > options.overlap_free) & ~single[family.det] & ~group[family.det]
    for chosen in (alone, held, touched):
        pairs = family.where(chosen)
        order = np.lexsort((pairs.osm, -pairs.iou, pairs.det))
        yield pairs.det[order], pairs.osm[order]


def _rows_of_reasons(world: World, decisions: Decisions, options: DiffOptions) -> Iterator[Found]:
    """Yield what speaks in decisions for some reasons, each asked of the detections that it decided."""

    def overlapping(part: World) -> Found:
        return part.areas.det, part.areas.osm

    def conflicts(part: World) -> Found:
        pairs = conflict_pairs(part)
        pairs = pairs.where(pairs.cov > options.overlap_free)
        nodes = pitch_nodes(part)
        return np.r_[pairs.det, nodes[0]], np.r_[pairs.osm, nodes[1]]

    speakers: tuple[tuple[tuple[str, ...], Callable[[World], Found]], ...] = (
        (("lifecycle",), lambda part: overlaid_pairs(part, options, "veto")),
        (("deleted_before",), lambda part: overlaid_pairs(part, options, "deleted")),
        (("class_conflict",), conflicts),
        (("implausible_context", "osm_newer"), overlapping),
        (("osm_broken",), lambda part: broken_pairs(part, options)),
        (("poi_node", "line", "partial_overlap", "crosses_line"), lambda part: node_pairs(part, options)),
        (("poi_node", "line", "partial_overlap", "crosses_line"), lambda part: line_pairs(part)[:2]),
        (("crosses_line",), lambda part: crossing_pairs(part, options)),
        # Row 10 asked the outlines that would be drawn, which lie up to a simplification off these.
        (("touching",), lambda part: neighbours(part, within_m=options.touching_gap_m + options.simplify_m)),
    )
    for reasons, speak in speakers:
        asked = np.flatnonzero(np.isin(decisions.reason, reasons))
        if len(asked):
            det, osm = speak(world.take(asked))
            yield asked[det], osm


def _nearest(world: World, index: NDArray[np.int64], nearest: NDArray[np.float64], options: DiffOptions) -> None:
    for label in np.unique(world.det.label[index].astype("str")):
        own = index[world.det.label[index] == label]
        areas = world.osm.geometry[(world.osm.role == "area") & (world.osm.label == label)]
        if len(areas) == 0:
            continue
        (det, _), distance = shapely.STRtree(areas).query_nearest(
            world.det.polygon[own], max_distance=options.search_m, return_distance=True, all_matches=False
        )
        nearest[own[det]] = distance


def touched_elements(world: World, *, options: DiffOptions) -> NDArray[np.int64]:
    """Return the numbers of the elements that some detection of their family meets."""
    family = world.family
    rows = [family.osm[family.cov >= 0.3], line_pairs(world)[1], node_pairs(world, options)[1]]
    return np.unique(world.osm.element[np.concatenate(rows)])
