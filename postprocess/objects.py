"""Linked parts -> objects: which parts make up each, which are its duplicates and which are noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from postprocess.agreement import Pairs, is_sliver
from postprocess.options import PolygonOptions
from postprocess.polygonal import covers_m2
from postprocess.tiles import Parts

Neighbours = dict[int, dict[int, float]]
"""Row of a part -> rows of the parts it is linked to, and the area shared with each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """M things on the ground, as rows of N `Parts`."""

    lead: NDArray[np.intp]
    """(M,): the member that stands first: the one seen whole, where there is one. Rising."""
    owner: NDArray[np.intp]
    """(N,): place of the object that each part shows; -1 for parts found twice in one tile and lone slivers."""
    member: NDArray[np.bool_]
    """(N,): whether the part belongs to the union that is the object; else it is an echo, or nobody's."""
    touching: NDArray[np.bool_]
    """(M,): some members meet at a border without sharing ground."""

    def __len__(self) -> int:
        return len(self.lead)


def gather_objects(parts: Parts, pairs: Pairs, *, options: PolygonOptions) -> Objects:
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

    Notes
    -----
    Components in which every part is linked to the best whole part, or that hold none, are settled as arrays;
    the few others one by one.
    """
    count = len(parts)
    alive = ~_repeated(parts, pairs, options=options)
    links = pairs.linked & alive[pairs.left] & alive[pairs.right]
    left, right, shared = pairs.left[links], pairs.right[links], pairs.shared_m2[links]
    linked = np.zeros(count, dtype=bool)
    linked[left] = linked[right] = True
    alive &= linked | ~is_sliver(parts, options=options)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    component = connected_components(graph, directed=False)[1].astype(np.intp)

    rank = _preference(parts, whole=~parts.cut)
    lead = _least(component, rank, among=alive)[component]  # of each part's component
    has_whole = ~parts.cut[lead]
    with_lead = np.full(count, -1.0)
    for one, other in ((left, right), (right, left)):
        here = one == lead[one]
        with_lead[other[here]] = shared[here]
    is_lead = np.arange(count) == lead
    # Without a whole part, everything is a member of one union and no link to the lead is asked for.
    settled = is_lead | ~has_whole | (with_lead >= 0)
    member = alive & (is_lead | ~has_whole | (with_lead < options.covered_share * parts.area))
    head = np.where(alive, lead, -1)
    odd = np.zeros(count, dtype=bool)
    odd[component[alive & ~settled]] = True
    odd = odd[component] & alive
    if odd.any():
        neighbours = _neighbours(left, right, shared, among=odd)
        rows = np.flatnonzero(odd)
        rows = rows[np.argsort(component[rows], kind="stable")]
        for group in np.split(rows, np.flatnonzero(np.diff(component[rows])) + 1):
            _resolve(group.tolist(), neighbours, parts=parts, rank=rank, head=head, member=member, options=options)
    leads = np.unique(head[head >= 0])
    owner = np.where(head >= 0, np.searchsorted(leads, head), -1)
    touching = np.zeros(len(leads), dtype=bool)
    one, other = pairs.left[links & pairs.touching], pairs.right[links & pairs.touching]
    together = (owner[one] == owner[other]) & (owner[one] >= 0) & member[one] & member[other]
    touching[owner[one[together]]] = True
    return Objects(lead=leads, owner=owner, member=member, touching=touching)


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


def _preference(parts: Parts, *, whole: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the rank of each part, 0 the best: whole, uncut, central in its tile, well scored."""
    clearance = np.minimum(parts.bounds[:, :2] - parts.tile[:, :2], parts.tile[:, 2:] - parts.bounds[:, 2:])
    order = np.lexsort((-parts.score, -np.round(clearance.min(axis=1), 2), parts.touches.sum(axis=1), ~whole))
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return rank


def _least(group: NDArray[np.intp], rank: NDArray[np.intp], *, among: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return for each group the row with the lowest rank, of those that count; row 0 where none does."""
    rows = np.argsort(rank)[::-1]
    rows = rows[among[rows]]
    best = np.zeros(int(group.max()) + 1, dtype=np.intp)
    best[group[rows]] = rows  # the last written stays: the lowest rank
    return best


def _neighbours(
    left: NDArray[np.intp], right: NDArray[np.intp], shared: NDArray[np.float64], *, among: NDArray[np.bool_]
) -> Neighbours:
    found: Neighbours = {}
    here = among[left]
    for a, b, area in zip(left[here].tolist(), right[here].tolist(), shared[here].tolist(), strict=True):
        found.setdefault(a, {})[b] = area
        found.setdefault(b, {})[a] = area
    return found


def _resolve(
    rows: list[int],
    neighbours: Neighbours,
    *,
    parts: Parts,
    rank: NDArray[np.intp],
    head: NDArray[np.intp],
    member: NDArray[np.bool_],
    options: PolygonOptions,
) -> None:
    """Write into `head` and `member` what one component's parts are."""
    whole = ~parts.cut
    kept: list[int] = []
    for row in sorted((row for row in rows if whole[row]), key=lambda row: rank[row]):
        if not any(other in neighbours[row] for other in kept):
            kept.append(row)
    rest: list[int] = []
    for row in rows:
        head[row], member[row] = row, True
        if row in kept:
            continue
        under = {other: neighbours[row][other] for other in kept if other in neighbours[row]}
        if covers_m2(parts.geometry, row, under, least_m2=options.covered_share * parts.area[row]):
            head[row] = max(under, key=lambda other: (under[other], -rank[other]))
            member[row] = False
        else:
            rest.append(row)
    for group in _connected(rest, neighbours):
        hosts = {other for row in group for other in neighbours[row] if other in kept}
        head[group] = hosts.pop() if len(hosts) == 1 else group[0]


def _connected(rows: list[int], neighbours: Neighbours) -> list[list[int]]:
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
