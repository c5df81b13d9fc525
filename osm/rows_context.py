"""A world -> which detections do not fit their place, size or time: rows 11 to 14b of the decision table."""

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.labels import FIELD_LABELS
from osm.options import DiffOptions
from osm.tags import RULES
from osm.world import World


def implausible_context(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 11: a pitch under a roof, a building on a pitch or a track, anything in water."""
    pairs = world.areas
    label, role, other = world.det.label[pairs.det], world.osm.role[pairs.osm], world.osm.label[pairs.osm]
    is_field, is_building = np.isin(label, FIELD_LABELS), label == "building"
    roofed = is_field & (role == "area") & (other == "building")
    bad = roofed & (pairs.cov_det > options.pitch_building_coverage)
    is_ground = world.osm.pitch[pairs.osm] | (other == "running_track")
    on_pitch = is_building & is_ground & np.isin(role, ("area", "other_sport"))
    in_water = role == "blocker"
    bad |= (on_pitch | in_water) & (pairs.cov_det >= options.context_coverage)
    return world.marked(pairs.det[bad])


def shared_ground(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 14b: it shares some ground with something else that cannot be there as well.

    As row 11, but for a pitch in a track and a track around a pitch, and from what row 9 takes for an overlap on:
    two things on one place are never new, be the smaller one mapped or found.
    """
    pairs = world.with_role("area", "other_sport", "blocker", "broken")
    pairs = pairs.where(pairs.cov > options.overlap_free)
    label, role, other = world.det.label[pairs.det], world.osm.role[pairs.osm], world.osm.label[pairs.osm]
    blocked, is_pitch = role == "blocker", world.osm.pitch[pairs.osm]
    is_building = ~blocked & (other == "building")
    is_track = ~blocked & ~is_building & ~is_pitch
    wrong = blocked | np.where(label == "building", is_pitch | is_track, is_building)
    return world.marked(pairs.det[wrong])


def crosses_line(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 12: a road, rail or waterway on the ground runs through it."""
    return world.marked(crossing_pairs(world, options)[0])


def crossing_pairs(world: World, options: DiffOptions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return detections and the lines of which more than `crossing_length_m` lies well inside them."""
    lines = np.flatnonzero((world.osm.role == "blocker") & ~world.osm.areal)
    none = np.empty(0, np.int64)
    if len(lines) == 0 or len(world.det) == 0:
        return none, none
    inner = shapely.buffer(world.det.polygon, -options.crossing_shrink_m, join_style="mitre")
    inner[shapely.is_empty(inner)] = None
    det, line = shapely.STRtree(world.osm.geometry[lines]).query(inner)
    order = np.lexsort((line, det))
    det, line = det[order], lines[line[order]]
    inside = shapely.length(shapely.intersection(inner[det], world.osm.geometry[line]))
    long = inside > options.crossing_length_m
    return det[long], line[long]


def at_edge(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Edge row: the imagery or the extract ends here, so neither is known whole."""
    return world.det.edge.copy()


def outline_needed(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Baseball row: an infield was seen, OSM wants the field with its outfield."""
    det = world.det
    whole = (det.shape == "wedge") & (shapely.area(det.polygon) >= options.outfield_min_area_m2)
    return np.asarray((det.label == "baseball_diamond") & ~whole)


def size_shape(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 13: too small, too large, too ragged for its label, or an outline that OSM cannot hold."""
    det = world.det
    bad = ~det.outline_ok
    for label in np.unique(det.label.astype("str")):
        rule = RULES[label]
        index = np.flatnonzero(det.label == label)
        area = shapely.area(shapely.polygons(shapely.get_exterior_ring(det.polygon[index])))
        around = shapely.area(shapely.minimum_rotated_rectangle(det.polygon[index]))
        filled = area / np.maximum(around, 1e-9)
        bad[index] |= (area < rule.min_area_m2) | (area > rule.max_area_m2) | (filled < rule.min_rectangularity)
    return bad


def osm_newer(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 14: what OSM has here was edited after the imagery was taken; OSM wins."""
    if world.imagery_date is None:
        return np.zeros(len(world.det), bool)
    pairs = world.areas
    newer = world.osm.day[pairs.osm] > world.imagery_date.isoformat()
    return world.marked(pairs.det[newer.astype(bool)])
