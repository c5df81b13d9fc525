"""A world -> one status and reason for each detection: the decision table, first matching row wins.

Rows 1 to 14b ask how a detection lies to OSM, which a part of a region can answer; rows 15 to 17, which stand in
`osm.rivals`, how those that are left lie to each other.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from osm import rows_context, rows_known, rows_overlap
from osm.options import DiffOptions
from osm.outline import prepare_outlines
from osm.touching import cut_touching
from osm.world import World, build_world


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table; its number in docs/osm.md stands behind it."""

    status: str
    """Status it gives."""
    reason: str
    """Reason code it gives."""
    test: Callable[[World, DiffOptions], NDArray[np.bool_]]
    """Tells for each detection whether the row applies."""


KNOWN: Final = (
    Row("suppressed", "memory", rows_known.remembered),  # 1
    Row("suppressed", "lifecycle", rows_known.gone),  # 2
    Row("review", "lifecycle", rows_known.idle),  # 2
    Row("matched_group", "one_det_many_osm", rows_known.one_det_many_osm),  # 3
    Row("matched_group", "many_det_one_osm", rows_known.many_det_one_osm),  # 4
    Row("matched", "iou", rows_known.same_outline),  # 5
    Row("matched", "containment", rows_known.contained),  # 5
    Row("matched_group", "containment", rows_known.contained_unequal),  # 5
    # Behind row 5, because what was deleted is often drawn anew at once.
    Row("review", "deleted_before", rows_known.deleted_before),  # 2
)
"""Asked of the detections as they are, in OSM's frame."""

PARTLY: Final = (
    Row("review", "poi_node", rows_overlap.poi_node),  # 6
    Row("matched", "line", rows_overlap.along_line),  # 7
    Row("review", "class_conflict", rows_overlap.class_conflict),  # 8
    Row("review", "partial_overlap", rows_overlap.partial_overlap),  # 9
    Row("review", "osm_broken", rows_overlap.on_broken),  # 9a
)
"""Asked of the outlines that would be proposed; row 10 (`cut_touching`) comes behind and may change them."""

PLACE: Final = (
    Row("review", "partial_overlap", rows_overlap.partial_overlap),  # 9
    Row("review", "implausible_context", rows_context.implausible_context),  # 11
    Row("review", "crosses_line", rows_context.crosses_line),  # 12
    Row("review", "edge", rows_context.at_edge),  # 12a
    Row("review", "outline_needed", rows_context.outline_needed),  # 12b
    Row("review", "size_shape", rows_context.size_shape),  # 13
    Row("review", "osm_newer", rows_context.osm_newer),  # 14
    Row("review", "class_conflict", rows_overlap.part_conflict),  # 14a
    Row("review", "implausible_context", rows_context.shared_ground),  # 14b
)
"""Asked of the outlines once they are final; row 9 again, because cutting and rounding move vertices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """N decisions, in the order of the detections."""

    status: NDArray[np.object_]
    """(N,): "matched", "matched_group", "review", "suppressed", or "" where nothing in OSM speaks against it."""
    reason: NDArray[np.object_]
    """(N,): reason code of the row that decided; "" where none did."""
    polygon: NDArray[np.object_]
    """(N,): outlines in the metric CRS; final ones of what a person is to look at."""
    lon_lat: NDArray[np.object_]
    """(N,): the same in EPSG:4326, on OSM's grid; None of what row 1 to 5 suppressed or matched."""
    outline_ok: NDArray[np.bool_]
    """(N,): OSM can hold the outline; False of what row 1 to 5 suppressed or matched."""
    touches: NDArray[np.bool_]
    """(N,): a mapped building is nearer than the gap that counts as free."""
    cut: NDArray[np.bool_]
    """(N,): the outline was cut clear of a neighbour."""


def decide(world: World, *, crs: Any, options: DiffOptions) -> Decisions:
    """Decide detections by rows 1 to 14b of the table.

    Parameters
    ----------
    world : World
        Detections in OSM's frame with all their overlaps.
    crs : CRS
        The metric CRS of both.
    options : DiffOptions

    Returns
    -------
    Decisions
    """
    n = len(world.det)
    status, reason = (np.full(n, "", dtype=object) for _ in range(2))
    polygon, lon_lat = world.det.polygon.copy(), np.full(n, None, dtype=object)
    outline_ok, touches, cut = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, bool)

    def settle(rows: tuple[Row, ...], asked: World, at: NDArray[np.int64]) -> NDArray[np.int64]:
        for row in rows:
            applies = row.test(asked, options) & (status[at] == "")
            status[at[applies]], reason[at[applies]] = row.status, row.reason
        return np.flatnonzero(status == "")

    def redraw(at: NDArray[np.int64], shapes: NDArray[np.object_], how: DiffOptions) -> World:
        outlines = prepare_outlines(shapes, crs=crs, options=how)
        # What cannot be rounded keeps its outline, so that the later rows still know where it is.
        polygon[at] = np.where(outlines.ok, outlines.metric, shapes)
        lon_lat[at], outline_ok[at] = outlines.lon_lat, outlines.ok
        return _world(world, at, polygon, outline_ok)

    rest = settle(KNOWN, world, np.arange(n))
    known = np.flatnonzero(status == "review")
    redraw(known, world.det.polygon[known], options)  # a person may want to draw it all the same
    partly = redraw(rest, world.det.polygon[rest], options)
    left = settle(PARTLY, partly, rest)
    asked = partly.take(np.searchsorted(rest, left))
    near = cut_touching(asked, options)
    touches[left], cut[left] = near.touches, near.cut
    spoilt = left[near.spoilt]
    status[spoilt], reason[spoilt] = "review", "touching"
    if near.cut.any():
        # Not simplified again: that could move a wall back over the gap that was just cut.
        redraw(left[near.cut], near.polygon[near.cut], replace(options, simplify_m=0.0))
        asked = _world(world, left, polygon, outline_ok)
    open_ = np.flatnonzero(status[left] == "")
    settle(PLACE, asked.take(open_), left[open_])
    return Decisions(
        status=status,
        reason=reason,
        polygon=polygon,
        lon_lat=lon_lat,
        outline_ok=outline_ok,
        touches=touches,
        cut=cut,
    )


def _world(
    world: World, at: NDArray[np.int64], polygon: NDArray[np.object_], outline_ok: NDArray[np.bool_]
) -> World:
    det = world.det.take(at).redrawn(polygon[at], outline_ok[at])
    return build_world(det, world.osm, imagery_date=world.imagery_date)
