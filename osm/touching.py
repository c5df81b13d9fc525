"""New buildings beside mapped ones -> the same buildings cut clear of their neighbours: row 10 of the table."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.options import DiffOptions
from osm.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Touching:
    """What row 10 finds; positions are those of the world's detections."""

    polygon: NDArray[np.object_]
    """(N,): outlines, cut where they came too near."""
    touches: NDArray[np.bool_]
    """(N,): a mapped building is nearer than the gap allowed."""
    spoilt: NDArray[np.bool_]
    """(N,): cutting took too much away or left several pieces."""
    cut: NDArray[np.bool_]
    """(N,): the outline was changed."""


def cut_touching(world: World, options: DiffOptions) -> Touching:
    """Cut buildings clear of their mapped neighbours.

    Nodes are never shared with existing objects: whether two buildings have a wall in common is for the mapper
    to decide, so a gap of `touching_cut_m` stays and the mapper is told.
    """
    n = len(world.det)
    polygon = world.det.polygon.copy()
    touches, spoilt, cut = np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, bool)
    det, wall = neighbours(world, within_m=options.touching_gap_m)
    touches[det] = True
    for index in np.unique(det):
        near = world.osm.geometry[wall[det == index]]
        # Mitred corners: round ones would add a dozen nodes to the outline.
        grown = shapely.union_all(
            shapely.buffer(near, options.touching_cut_m, join_style="mitre", mitre_limit=2.0)
        )
        if not shapely.intersects(polygon[index], grown):
            continue
        rest = shapely.difference(polygon[index], grown)
        pieces = shapely.get_parts(rest)
        pieces = pieces[shapely.get_type_id(pieces) == 3]
        largest = pieces[int(np.argmax(shapely.area(pieces)))] if len(pieces) else shapely.Polygon()
        kept = shapely.area(largest) / shapely.area(polygon[index])
        if kept < options.touching_keep or not shapely.is_valid(largest):
            spoilt[index] = True
        else:
            polygon[index], cut[index] = largest, True
    return Touching(polygon=polygon, touches=touches, spoilt=spoilt, cut=cut)


def neighbours(world: World, *, within_m: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return detected buildings and the mapped ones so near to them, by detection."""
    none = np.empty(0, np.int64)
    own = np.flatnonzero(world.det.label == "building")
    walls = np.flatnonzero(world.osm.areal & (world.osm.role == "area") & (world.osm.label == "building"))
    if len(own) == 0 or len(walls) == 0:
        return none, none
    tree = shapely.STRtree(world.osm.geometry[walls])
    det, wall = tree.query(world.det.polygon[own], predicate="dwithin", distance=within_m)
    order = np.lexsort((wall, det))
    return own[det[order]], walls[wall[order]]
