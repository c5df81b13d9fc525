"""Review decisions -> chips: what was accepted is a label, what was rejected as wrong is a hard negative."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from groundplan.errors import DataError
from review.decisions import Decision
from tiling.grid import Window, window_bounds, window_transform
from tiling.region import Region
from training.ground_chips import GroundChip, GroundLabel, tile_chips

WRONG: frozenset[str] = frozenset({"not_there", "wrong_label"})
"""Reasons that say something against the detector; a bad outline or a mapped object does not."""
MARGIN_M = 20.0
"""Ground shown around a rejected object on each side."""
BOX_MARGIN_M = 1.0
"""The rejected object's box is widened by so much: the detector's box was not exactly its outline's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One reviewed object where the imagery shows it."""

    decision: Decision
    polygon: shapely.Polygon
    """In the region's metric CRS."""


def judged_objects(
    decisions: Iterable[Decision], outlines: Mapping[str, shapely.Geometry]
) -> tuple[list[Judged], int]:
    """Return the decisions whose outlines are known, and how many are not.

    Parameters
    ----------
    decisions : iterable of Decision
        Those that hold; see `review.decisions.current_decisions`.
    outlines : mapping of str to geometry
        change_id -> outline in the imagery's frame.
    """
    out, unknown = [], 0
    for decision in sorted(decisions, key=lambda each: each.id):
        shape = outlines.get(decision.id)
        if shape is None:
            unknown += 1
            continue
        out += [
            Judged(decision=decision, polygon=part)
            for part in shapely.get_parts(shape)
            if part.geom_type == "Polygon"
        ]
    return out, unknown


def decision_chips(region: Region, judged: Sequence[Judged]) -> list[GroundChip]:
    """Return the chips of reviewed objects.

    Accepted objects come as the region's tiles in which no label is complete: they teach what an object looks
    like, and nothing about their surroundings, which nobody has looked at. Each object rejected for one of `WRONG`
    gets a chip of its own in which its label is complete inside its box and all the rest is ignored.

    Raises
    ------
    DataError
        No decision teaches anything.
    """
    accepted = [
        GroundLabel(label=each.decision.label, polygon=each.polygon)
        for each in judged
        if each.decision.decision == "accepted"
    ]
    wrong = [each for each in judged if each.decision.decision == "rejected" and each.decision.reason in WRONG]
    if not accepted and not wrong:
        raise DataError(
            f"none of {len(judged)} decisions accepts an object or rejects one as {' or '.join(sorted(WRONG))}; "
            "review more proposals first"
        )
    chips = tile_chips(region, accepted, complete=frozenset(), prefix="accepted")
    return chips + [_negative(region, each, number) for number, each in enumerate(wrong)]


def _negative(region: Region, each: Judged, number: int) -> GroundChip:
    grid, label = region.grid, each.decision.label
    window = _window_around(region, each.polygon)
    left, bottom, right, top = window_bounds(grid, window)
    x1, y1, x2, y2 = each.polygon.buffer(BOX_MARGIN_M).bounds
    around = (
        shapely.box(left, bottom, x1, top),
        shapely.box(x2, bottom, right, top),
        shapely.box(left, bottom, right, y1),
        shapely.box(left, y2, right, top),
    )
    return GroundChip(
        name=f"rejected_{number:05d}",
        window=window,
        labels=tuple(GroundLabel(label=label, polygon=box, ignore=True) for box in around),
        complete=frozenset({label}),
    )


def _window_around(region: Region, polygon: shapely.Polygon) -> Window:
    grid = region.grid
    t = window_transform(grid, Window(row=0, col=0, height=1, width=1))
    left, bottom, right, top = polygon.buffer(MARGIN_M).bounds
    col, row = int(np.floor((left - t.c) / t.a)), int(np.floor((top - t.f) / t.e))
    width, height = int(np.ceil((right - left) / t.a)), int(np.ceil((top - bottom) / t.a))
    return Window(row=row, col=col, height=height, width=width)
