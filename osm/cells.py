"""Detections of a region -> compact parts of it that are compared with OSM one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.options import REACH_M
from osm.surroundings import Surroundings

CELL_FEATURES = 20_000
"""Detections that are compared at the same time; beside what the region takes they want about 25 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A part of a region; all positions ascend."""

    own: NDArray[np.int64]
    """(N,): positions of the detections that are decided here."""
    beside: NDArray[np.int64]
    """(K,): positions of detections outside that may lie on the same mapped areas as some inside: how many share
    an area is asked (row 4 of the table)."""
    osm: NDArray[np.int64]
    """(M,): positions of the OSM rows around."""


def make_cells(
    shapes: NDArray[np.object_], offset_m: NDArray[np.float64], near: Surroundings, *, most: int | None = None
) -> Iterator[Cell]:
    """Yield cells that hold every detection once.

    The region is halved across its longer side, by number, until every cell holds at most `most` detections, so
    memory follows their number and not the ground they stand on. What a cell says of its detections does not
    depend on where its borders run.

    Parameters
    ----------
    shapes : ndarray of polygon, shape (N,)
        Detections in their own frame, metric CRS.
    offset_m : ndarray of shape (N, 2)
        By how much each lies further east and north than OSM.
    near : Surroundings
    most : int, optional
        `CELL_FEATURES` when not given.
    """
    if len(shapes) == 0:
        return
    bounds = shapely.bounds(shapes) - np.tile(offset_m, 2)
    tree = shapely.STRtree(shapes)
    # The tree knows the detections where the imagery shows them.
    slack_m = float(np.abs(offset_m).max())
    areas = (near.rows["role"] == "area").to_numpy()
    for own in _halved(np.arange(len(shapes)), (bounds[:, :2] + bounds[:, 2:]) / 2, most or CELL_FEATURES):
        window = np.r_[bounds[own, :2].min(axis=0), bounds[own, 2:].max(axis=0)]
        around = near.within(window + np.array([-REACH_M, -REACH_M, REACH_M, REACH_M]))
        inside = near.within(window)
        beside = _beside(own, near.geometry(inside[areas[inside]]), tree, slack_m)
        yield Cell(own=own, beside=beside, osm=around)


def _beside(
    own: NDArray[np.int64], areas: NDArray[np.object_], tree: shapely.STRtree, slack_m: float
) -> NDArray[np.int64]:
    """Return the detections of the tree that may lie on an area on which one of `own` may lie too."""
    # Box by box of the parts: that of a multipolygon may hold a whole town.
    parts, owner = shapely.get_parts(areas, return_index=True)
    left, bottom, right, top = shapely.bounds(parts).T
    boxes = shapely.box(left - slack_m, bottom - slack_m, right + slack_m, top + slack_m)
    box, det = tree.query(boxes)
    area = owner[box]
    shared = np.isin(area, area[np.isin(det, own)])
    return np.setdiff1d(det[shared], own)


def _halved(index: NDArray[np.int64], xy: NDArray[np.float64], most: int) -> Iterator[NDArray[np.int64]]:
    if len(index) <= most:
        yield np.sort(index)
        return
    axis = int(np.argmax(np.ptp(xy[index], axis=0)))
    order = index[np.lexsort((index, xy[index, 1 - axis], xy[index, axis]))]
    half = len(order) // 2
    yield from _halved(order[:half], xy, most)
    yield from _halved(order[half:], xy, most)
