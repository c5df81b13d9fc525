"""Linked parts -> objects: which parts make up each, which are its duplicates and which are noise."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from postprocess.agreement import Pairs, is_sliver
from postprocess.options import PolygonOptions
from postprocess.tiles import Parts


@dataclass(slots=True, kw_only=True)
class Object:
    """One thing on the ground, as rows of `Parts`."""

    members: list[int]
    """Parts whose union is the object; the one that was seen whole first, where there is one."""
    echoes: list[int] = field(default_factory=list)
    """Parts that show the same and are left out of the union."""
    touching: bool = False
    """Some members meet at a border without sharing ground."""


def gather_objects(parts: Parts, pairs: Pairs, *, options: PolygonOptions) -> list[Object]:
    """Group parts into objects.

    A component of linked parts is one object, unless it holds whole parts that do not agree with each other: then
    every such part is one, and the cut part that linked them showed both. Of whole parts that agree the better
    is kept: not cut by the end of the imagery, farther from its tile's border, better scored. Parts that whole
    parts cover are echoes; what they do not cover is joined to them.

    Parameters
    ----------
    parts : Parts
        N of them.
    pairs : Pairs
        From `postprocess.agreement.pair_parts`.
    options : PolygonOptions
        `duplicate_iou`, `covered_share` and `sliver_px` matter here.

    Returns
    -------
    list of Object
        In the order of their first part. Parts found twice in one tile and slivers that nothing joins are missing.
    """
    alive = ~_repeated(parts, pairs, options=options)
    links = pairs.linked & alive[pairs.left] & alive[pairs.right]
    left, right, shared = pairs.left[links], pairs.right[links], pairs.shared_m2[links]
    alone = np.ones(len(parts), dtype=bool)
    alone[left] = alone[right] = False
    single = np.flatnonzero(alone & alive & ~is_sliver(parts, options=options))
    objects = [Object(members=[row]) for row in single.tolist()]
    meets: dict[int, set[int]] = {}
    neighbours: dict[int, dict[int, float]] = {}
    for a, b, area, meet in zip(
        left.tolist(), right.tolist(), shared.tolist(), pairs.touching[links].tolist(), strict=True
    ):
        neighbours.setdefault(a, {})[b] = area
        neighbours.setdefault(b, {})[a] = area
        if meet:
            meets.setdefault(a, set()).add(b)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(parts), len(parts)))
    component = (
        connected_components(graph, directed=False)[1] if len(left) else np.zeros(len(parts), dtype=np.int32)
    )
    linked_rows = np.flatnonzero(~alone)
    linked_rows = linked_rows[np.argsort(component[linked_rows], kind="stable")]
    starts = np.flatnonzero(np.diff(component[linked_rows])) + 1
    better = _preference(parts)
    whole = ~parts.cut
    for rows in np.split(linked_rows, starts) if len(linked_rows) else []:
        objects.extend(
            _resolve(rows.tolist(), neighbours, whole=whole, better=better, area=parts.area, options=options)
        )
    for each in objects:
        members = set(each.members)
        each.touching = any(meets.get(row, set()) & members for row in each.members)
    return sorted(objects, key=lambda each: each.members[0])


def _repeated(parts: Parts, pairs: Pairs, *, options: PolygonOptions) -> NDArray[np.bool_]:
    """Return which parts repeat a better scored one of their own tile."""
    repeated = np.zeros(len(parts), dtype=bool)
    rows = np.flatnonzero(pairs.same & (pairs.iou(parts) > options.duplicate_iou))
    score = parts.score
    rank = sorted(rows.tolist(), key=lambda row: -max(score[pairs.left[row]], score[pairs.right[row]]))
    for row in rank:
        a, b = int(pairs.left[row]), int(pairs.right[row])
        if not (repeated[a] or repeated[b]):
            repeated[b if score[a] >= score[b] else a] = True
    return repeated


def _preference(parts: Parts) -> NDArray[np.intp]:
    """Return the rank of each part, 0 the best: uncut, central in its tile, well scored."""
    clearance = np.minimum(parts.bounds[:, :2] - parts.tile[:, :2], parts.tile[:, 2:] - parts.bounds[:, 2:])
    order = np.lexsort((-parts.score, -np.round(clearance.min(axis=1), 2), parts.touches.sum(axis=1)))
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank


def _resolve(
    rows: list[int],
    neighbours: dict[int, dict[int, float]],
    *,
    whole: NDArray[np.bool_],
    better: NDArray[np.intp],
    area: NDArray[np.float64],
    options: PolygonOptions,
) -> list[Object]:
    kept: list[int] = []
    for row in sorted((row for row in rows if whole[row]), key=lambda row: better[row]):
        if not any(other in neighbours[row] for other in kept):
            kept.append(row)
    objects = {row: Object(members=[row]) for row in kept}
    rest: list[int] = []
    for row in rows:
        if row in objects:
            continue
        under = {other: neighbours[row][other] for other in kept if other in neighbours[row]}
        if sum(under.values()) >= options.covered_share * area[row]:
            objects[max(under, key=lambda other: (under[other], -better[other]))].echoes.append(row)
        else:
            rest.append(row)
    loose: list[Object] = []
    for group in _connected(rest, neighbours):
        hosts = {other for row in group for other in neighbours[row] if other in objects}
        if len(hosts) == 1:
            objects[hosts.pop()].members.extend(group)
        else:
            loose.append(Object(members=group))
    return [*objects.values(), *loose]


def _connected(rows: list[int], neighbours: dict[int, dict[int, float]]) -> list[list[int]]:
    """Return the rows in groups that are linked among themselves."""
    groups: list[list[int]] = []
    unseen = set(rows)
    for row in rows:
        if row not in unseen:
            continue
        unseen.discard(row)
        group, stack = [row], [row]
        while stack:
            for other in neighbours[stack.pop()]:
                if other in unseen:
                    unseen.discard(other)
                    group.append(other)
                    stack.append(other)
        groups.append(sorted(group))
    return groups
