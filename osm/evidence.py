"""A decided world -> for each detection the OSM elements that speak in it, and how much they overlap."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.decide import Decisions
from osm.match import Pairs
from osm.options import DiffOptions
from osm.rows_context import crossing_pairs
from osm.rows_overlap import broken_pairs, conflict_pairs, line_pairs, node_pairs
from osm.world import World


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
    single = decisions.status == "matched"
    group = decisions.status == "matched_group"
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    alone = family.where(_mask(len(family), best) & single[family.det])
    held = (family.cov >= 0.3) & group[family.det]
    touched = (family.cov > options.overlap_free) & ~single[family.det] & ~group[family.det]
    for pairs in (alone, family.where(held), family.where(touched)):
        order = np.lexsort((pairs.osm, -pairs.iou, pairs.det))
        found.append((pairs.det[order], pairs.osm[order]))
    reasons = decisions.reason
    veto = world.with_role("veto", "deleted")
    same = world.det.label[veto.det] == world.osm.label[veto.osm]
    veto = veto.where(same & np.isin(reasons[veto.det], ("lifecycle", "deleted_before")))
    found.append((veto.det, veto.osm))
    conflict = conflict_pairs(world)
    conflict = conflict.where((conflict.cov > options.overlap_free) & (reasons[conflict.det] == "class_conflict"))
    found.append((conflict.det, conflict.osm))
    place = world.areas.where(np.isin(reasons[world.areas.det], ("implausible_context", "osm_newer")))
    found.append((place.det, place.osm))
    det, osm = broken_pairs(world, options)
    broken = reasons[det] == "osm_broken"
    found.append((det[broken], osm[broken]))
    open_ = np.isin(reasons, ("poi_node", "line", "partial_overlap", "crosses_line"))
    part = world.take(np.flatnonzero(open_))
    back = np.flatnonzero(open_)
    det, osm = node_pairs(part, options)
    found.append((back[det], osm))
    det, osm, _, _ = line_pairs(part)
    found.append((back[det], osm))
    det, osm = crossing_pairs(part, options)
    crossed = reasons[back[det]] == "crosses_line"
    found.append((back[det[crossed]], osm[crossed]))
    rows: list[list[int]] = [[] for _ in range(len(world.det))]
    elements: list[set[int]] = [set() for _ in range(len(world.det))]
    for dets, osms in found:
        for index, row in zip(dets.tolist(), osms.tolist(), strict=True):
            element = int(world.osm.element[row])
            if element not in elements[index]:
                elements[index].add(element)
                rows[index].append(row)
    return rows


def _mask(n: int, index: NDArray[np.int64]) -> NDArray[np.bool_]:
    mask = np.zeros(n, bool)
    mask[index] = True
    return mask


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
