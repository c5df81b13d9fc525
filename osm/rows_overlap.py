"""A world -> which detections meet their own or another family only in part: rows 6 to 9 of the decision table."""

from contextlib import suppress

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.labels import FIELD_LABELS
from groundplan.tangles import repaired
from osm.match import Pairs, candidates
from osm.options import DiffOptions
from osm.world import World


def poi_node(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 6: the object is mapped as a node; an area would be its double."""
    return world.marked(node_pairs(world, options)[0])


def node_pairs(world: World, options: DiffOptions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return detections and nodes of their family within `node_buffer_m` of them."""
    nodes = np.flatnonzero(world.osm.role == "node")
    det, place = _within(world.det.polygon, world.osm.geometry[nodes], options.node_buffer_m)
    same = world.det.label[det] == world.osm.label[nodes[place]]
    return det[same], nodes[place[same]]


def along_line(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 7: the object is mapped as a track's centre line."""
    det, _, share, iou = line_pairs(world)
    return world.marked(det[(share >= options.line_share) | (iou >= options.match_iou)])


def line_pairs(
    world: World,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return detections and lines of their family that meet, the share of the line inside, and the IoU.

    The IoU is that of what both enclose, 0 for open lines: a centre line lies outside of a ring that was drawn
    a little too wide, and yet encloses the same ground.
    """
    lines = np.flatnonzero(world.osm.role == "line")
    geometry = world.osm.geometry[lines]
    det, line = candidates(world.det.polygon, geometry)
    same = world.det.label[det] == world.osm.label[lines[line]]
    det, line = det[same], line[same]
    polygon = world.det.polygon[det]
    share = shapely.length(shapely.intersection(polygon, geometry[line])) / np.maximum(
        shapely.length(geometry[line]), 1e-9
    )
    filled = _filled(polygon)
    enclosed = _enclosed(geometry)[line]
    shared = shapely.area(shapely.intersection(filled, enclosed))
    iou = shared / np.maximum(shapely.area(filled) + shapely.area(enclosed) - shared, 1e-9)
    meets = (share > 0) | (iou > 0)
    return det[meets], lines[line[meets]], share[meets], iou[meets]


def class_conflict(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 8: something of another or of no stated sport is mapped here."""
    pairs = conflict_pairs(world)
    return world.marked(pairs.det[pairs.cov >= options.conflict_coverage]) | world.marked(pitch_nodes(world)[0])


def conflict_pairs(world: World) -> Pairs:
    """Return the overlaps with what would be the same family, were it tagged otherwise.

    Pitches meet pitches, tracks meet tracks, buildings meet building parts. A pitch inside a track is normal.
    """
    pairs = world.with_role("area", "other_sport")
    label, other = world.det.label[pairs.det], world.osm.label[pairs.osm]
    is_pitch = np.isin(label, FIELD_LABELS[:-1])
    other_sport = world.osm.role[pairs.osm] == "other_sport"
    loose = other_sport & (other == "")
    wrong = is_pitch & world.osm.pitch[pairs.osm] & (label != other)
    wrong |= (label == "running_track") & loose & ~world.osm.pitch[pairs.osm]
    wrong |= (label == "building") & other_sport & (other == "building")
    # A pitch of two sports has a row for each: it is no conflict for a detection of either.
    family = world.family
    own = np.isin(_key(world, pairs), _key(world, family))
    return pairs.where(wrong & ~own)


def part_conflict(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 14a: it shares some ground with what row 8 asks for."""
    pairs = conflict_pairs(world)
    return world.marked(pairs.det[pairs.cov > options.overlap_free])


def pitch_nodes(world: World) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pitches and nodes inside of them that stand for a pitch of another sport or of none."""
    loose = (world.osm.role == "other_sport") & (shapely.get_type_id(world.osm.geometry) == 0)
    nodes = np.flatnonzero(loose | (world.osm.pitch & (world.osm.role == "node")))
    det, place = _within(world.det.polygon, world.osm.geometry[nodes], 0.0)
    wrong = np.isin(world.det.label[det], FIELD_LABELS[:-1]) & world.osm.pitch[nodes[place]]
    wrong &= world.det.label[det] != world.osm.label[nodes[place]]
    return det[wrong], nodes[place[wrong]]


def partial_overlap(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 9: it overlaps its family by too little to be the same and too much to be new."""
    pairs = world.family
    along, _, share, iou = line_pairs(world)
    some = (share > options.overlap_free) | (iou > options.overlap_free)
    return world.marked(pairs.det[pairs.cov > options.overlap_free]) | world.marked(along[some])


def on_broken(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 9a: something of its family is mapped here, of which nobody can tell the outline."""
    return world.marked(broken_pairs(world, options)[0])


def broken_pairs(world: World, options: DiffOptions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return detections and what is known of broken elements on their ground that may be the same object.

    As in row 8 pitches meet pitches of any sport, and tracks meet tracks without one.
    """
    areal = world.with_role("broken")
    areal = areal.where(areal.cov > options.overlap_free)
    bare = np.flatnonzero((world.osm.role == "broken") & ~world.osm.areal)
    det, place = _within(world.det.polygon, world.osm.geometry[bare], 0.0)
    det, osm = np.r_[areal.det, det], np.r_[areal.osm, bare[place]]
    label, other, is_pitch = world.det.label[det], world.osm.label[osm], world.osm.pitch[osm]
    same = (label == other) | (np.isin(label, FIELD_LABELS[:-1]) & is_pitch)
    same |= (label == "running_track") & (other == "") & ~is_pitch
    return det[same], osm[same]


def _key(world: World, pairs: Pairs) -> NDArray[np.int64]:
    return pairs.det * (int(world.osm.element.max(initial=0)) + 1) + world.osm.element[pairs.osm]


def _within(
    polygons: NDArray[np.object_], places: NDArray[np.object_], distance_m: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if len(places) == 0 or len(polygons) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    det, place = shapely.STRtree(places).query(polygons, predicate="dwithin", distance=distance_m)
    order = np.lexsort((place, det))
    return det[order], place[order]


def _filled(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    return np.asarray(shapely.polygons(shapely.get_exterior_ring(polygons)), dtype=object)


def _enclosed(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    out = np.full(len(lines), shapely.Polygon(), dtype=object)
    for index in np.flatnonzero(shapely.is_closed(lines) & (shapely.get_num_coordinates(lines) >= 4)):
        with suppress(ValueError):  # a line that crosses itself without end encloses nothing that could be told
            out[index] = repaired(shapely.Polygon(lines[index]))
    return out
