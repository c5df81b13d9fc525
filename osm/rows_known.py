"""A world -> which detections are remembered, gone, or mapped already: rows 1 to 5 of the decision table."""

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.match import Pairs, candidates
from osm.options import DiffOptions
from osm.world import World


def remembered(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 1: a person has refused it, or seen to it, before."""
    return world.det.rejected.copy()


def gone(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 2: OSM says that what stood here was taken away."""
    return _vetoed(world, options, gone=True)


def idle(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 2: OSM says that what stands here is out of use, a ruin, or being built."""
    return _vetoed(world, options, gone=False)


def deleted_before(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 2: somebody has deleted the same thing here, and nobody has drawn it again."""
    return world.marked(overlaid_pairs(world, options, "deleted")[0])


def one_det_many_osm(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 3: the detection covers several mapped objects of its family."""
    pairs = world.family
    held = pairs.where(pairs.cov_osm >= options.group_osm_coverage)
    return np.bincount(held.det, minlength=len(world.det)) >= 2


def many_det_one_osm(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 4: the detection is one of several inside one mapped object of its family."""
    pairs = world.family
    held = pairs.where(pairs.cov_det >= options.group_det_coverage)
    crowded = np.bincount(held.osm, minlength=len(world.osm.label)) >= 2
    return world.marked(held.det[crowded[held.osm]])


def same_outline(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 5: it is mapped, and much the same outline."""
    pairs = world.family
    return world.marked(pairs.det[pairs.iou >= options.match_iou])


def contained(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 5: it is mapped with another outline of comparable size.

    An infield inside a mapped baseball field counts, however small: detectors see the infield, OSM maps the
    field.
    """
    pairs = _containing(world, options)
    unequal = _unequal(pairs, options) & (world.det.label[pairs.det] != "baseball_diamond")
    return world.marked(pairs.det[~unequal])


def contained_unequal(world: World, options: DiffOptions) -> NDArray[np.bool_]:
    """Row 5: it is part of something mapped, or has something mapped as its part."""
    return world.marked(_containing(world, options).det)


def _containing(world: World, options: DiffOptions) -> Pairs:
    pairs = world.family
    return pairs.where(pairs.cov >= options.match_coverage)


def _unequal(pairs: Pairs, options: DiffOptions) -> NDArray[np.bool_]:
    ratio = np.minimum(pairs.cov_det, pairs.cov_osm) / pairs.cov
    return np.asarray(ratio < options.match_area_ratio)


def _vetoed(world: World, options: DiffOptions, *, gone: bool) -> NDArray[np.bool_]:
    det, osm = overlaid_pairs(world, options, "veto")
    return world.marked(det[world.osm.gone[osm] == gone])


def overlaid_pairs(world: World, options: DiffOptions, *roles: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return detections and rows of these roles and of their label that they lie under or whose node they hold.

    Under an area lies what shares `lifecycle_coverage` of its own with it.
    """
    areas = world.with_role(*roles)
    same = world.det.label[areas.det] == world.osm.label[areas.osm]
    areas = areas.where(same & (areas.cov_det >= options.lifecycle_coverage))
    places = world.osm.geometry.copy()
    places[~np.isin(world.osm.role, roles) | world.osm.areal] = None
    det, osm = candidates(world.det.polygon, places)
    same = world.det.label[det] == world.osm.label[osm]
    det, osm = det[same], osm[same]
    inside = shapely.intersects(world.det.polygon[det], places[osm])
    return np.r_[areas.det, det[inside]], np.r_[areas.osm, osm[inside]]
