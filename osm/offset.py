"""Detections and OSM areas -> how far the detections lie from OSM, for the region and for each cell of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from osm.match import mutual_best, overlaps
from osm.offset_field import Offset, OffsetField, cell_keys, fit_field, summary
from osm.options import DiffOptions

ROUNDS = 5
"""Most rounds of pairing once cells have values of their own."""

SETTLED_M = 0.05
"""A round that moves nothing further than this is the last."""

APART_M = 2.0
"""Displacements that differ by less are the same."""

RIVAL_VOTES = 0.6
"""Share of the most votes that a displacement needs to be looked at as well: far below `offset_rival_share`,
because pairs of houses next door get votes of their own."""

MOST_STARTS = 5
"""Displacements that are looked at: 12 m hold no more houses in a row."""


def estimate_offset(det: NDArray[np.object_], osm: NDArray[np.object_], *, options: DiffOptions) -> OffsetField:
    """Estimate how detections lie to OSM.

    Pairs that are each other's best are taken, the median of their centroid differences is taken out, and again
    until it settles. A vote over all near centroids gives the start, because small buildings that lie eight metres
    off overlap their neighbours and not themselves. Where houses stand in rows and look alike, the place of every
    house has votes: what the most likely displacements settle at is compared.

    Parameters
    ----------
    det, osm : ndarray of valid polygons
        Of one family (or buildings and fields together), in the same metric CRS.
    options : DiffOptions

    Returns
    -------
    OffsetField
        With ``n_pairs`` 0 and nothing used when there is nothing to compare.
    """
    none = Offset(east=0.0, north=0.0, n_pairs=0, mad=0.0, used=False)
    nothing = OffsetField(whole=none, trend=None, cell_m=0.0, cells={}, sources={}, disagree=False)
    if options.offset == "off" or len(det) == 0 or len(osm) == 0:
        return nothing
    cell_m = options.offset_cell_m
    xy = centroids(det)
    if cell_m > 0:
        chosen = _sample(cell_keys(xy, cell_m), options.offset_cell_sample)
        det, xy = det[chosen], xy[chosen]
    osm_xy = centroids(osm)
    starts = _vote(xy, osm_xy, shapely.area(det), shapely.area(osm), options)
    settled = [_settle(det, osm, xy, osm_xy, np.tile(start, (len(det), 1)), options) for start in starts]
    whole, rival = _choose(settled, options)
    nothing = replace(nothing, rival=rival)
    field = replace(nothing, whole=whole)
    if not whole.used or cell_m <= 0:
        return field
    keys = cell_keys(xy, cell_m)
    shift = field.at(xy)
    # Each round reaches a little further from where the value of the whole region holds.
    for _ in range(ROUNDS):
        index, difference = _paired(det, osm, xy, osm_xy, shift, options)
        if len(index) < options.offset_min_pairs_global:
            break
        field = fit_field(keys, xy[index], difference, own=keys[index], whole=whole, options=options)
        field = replace(field, rival=rival)
        before, shift = shift, field.at(xy)
        if np.abs(shift - before).max() < SETTLED_M:
            break
    return field


def centroids(polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the centroids, shape (N, 2)."""
    points = shapely.centroid(polygons)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])


def shifted(polygons: NDArray[np.object_], by: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return each polygon moved by its own (east, north), shape of `by` (N, 2)."""
    counts = shapely.get_num_coordinates(polygons)
    per_vertex = np.repeat(by, counts, axis=0)
    if not per_vertex.any():
        return np.array(polygons, dtype=object)
    return np.asarray(shapely.transform(polygons, lambda xy: xy + per_vertex), dtype=object)


def _sample(keys: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return positions of at most `most` detections of each cell, spread evenly over their order."""
    order = np.lexsort((np.arange(len(keys)), keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)])
    sizes = np.diff(np.r_[starts, len(order)])
    picked = [
        order[start : start + size][np.unique(np.linspace(0, size - 1, min(size, most)).astype(int))]
        for start, size in zip(starts, sizes, strict=True)
    ]
    return np.sort(np.concatenate(picked))


def _vote(
    xy: NDArray[np.float64],
    osm_xy: NDArray[np.float64],
    area: NDArray[np.float64],
    osm_area: NDArray[np.float64],
    options: DiffOptions,
) -> NDArray[np.float64]:
    """Return the displacements on which most near pairs of similar size agree, to half a metre, best first.

    Returns
    -------
    ndarray of shape (K, 2)
        The one with most votes, and those far from it with hardly fewer.
    """
    if len(xy) > 20_000:
        pick = np.unique(np.linspace(0, len(xy) - 1, 20_000).astype(int))
        xy, area = xy[pick], area[pick]
    reach = options.offset_search_m
    near = cKDTree(osm_xy).query_ball_point(xy, reach, return_sorted=True)
    counts = np.array([len(each) for each in near])
    if counts.sum() == 0:
        return np.zeros((1, 2))
    left = np.repeat(np.arange(len(xy)), counts)
    right = np.concatenate([np.asarray(each, np.int64) for each in near if each])
    ratio = area[left] / osm_area[right]
    alike = (ratio >= options.offset_area_ratio) & (ratio <= 1 / options.offset_area_ratio)
    difference = (xy[left] - osm_xy[right])[alike]
    if len(difference) < options.offset_min_pairs_global:
        return np.zeros((1, 2))
    edges = np.arange(-reach, reach + 0.5, 0.5)
    votes, _, _ = np.histogram2d(difference[:, 0], difference[:, 1], bins=(edges, edges))
    padded = np.pad(votes, 1)
    windows = (padded[i : i + votes.shape[0], j : j + votes.shape[1]] for i in range(3) for j in range(3))
    smooth = np.sum(list(windows), axis=0)
    order = np.argsort(-smooth, axis=None, kind="stable")
    order = order[smooth.ravel()[order] >= RIVAL_VOTES * smooth.max()]
    places = np.column_stack(np.unravel_index(order, votes.shape)) * 0.5 - reach + 0.25
    chosen: list[NDArray[np.float64]] = []
    for place in places:
        if len(chosen) < MOST_STARTS and all(np.hypot(*(place - each)) >= APART_M for each in chosen):
            chosen.append(place)
    return np.array(chosen)


def _choose(settled: Sequence[Offset], options: DiffOptions) -> tuple[Offset, Offset | None]:
    """Return the shortest offset that has hardly fewer pairs than the best, and the best one elsewhere, if any."""
    by_pairs = sorted(settled, key=lambda each: -each.n_pairs)
    best = by_pairs[0]
    likely = [each for each in by_pairs if each.used and each.n_pairs >= options.offset_rival_share * best.n_pairs]
    if not likely:
        return best, None
    chosen = min(likely, key=lambda each: float(np.hypot(each.east, each.north)))
    others = (each for each in likely if np.hypot(each.east - chosen.east, each.north - chosen.north) > APART_M)
    return chosen, next(others, None)


def _paired(
    det: NDArray[np.object_],
    osm: NDArray[np.object_],
    xy: NDArray[np.float64],
    osm_xy: NDArray[np.float64],
    shift: NDArray[np.float64],
    options: DiffOptions,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the detections that have a mutual best partner once `shift` is taken out, and their differences."""
    pairs = overlaps(shifted(det, -shift), osm)
    ratio = pairs.cov_det / np.maximum(pairs.cov_osm, 1e-12)
    alike = (ratio >= options.offset_area_ratio) & (ratio <= 1 / options.offset_area_ratio)
    pairs = pairs.where(alike & (pairs.iou > options.offset_iou))
    pairs = pairs.where(mutual_best(pairs, n_det=len(det), n_osm=len(osm)))
    return pairs.det, xy[pairs.det] - osm_xy[pairs.osm]


def _settle(
    det: NDArray[np.object_],
    osm: NDArray[np.object_],
    xy: NDArray[np.float64],
    osm_xy: NDArray[np.float64],
    shift: NDArray[np.float64],
    options: DiffOptions,
) -> Offset:
    offset = Offset(east=0.0, north=0.0, n_pairs=0, mad=0.0, used=False)
    for _ in range(5):
        index, difference = _paired(det, osm, xy, osm_xy, shift, options)
        if len(index) == 0:
            break
        offset = summary(difference, options.offset_min_pairs_global, options)
        step = np.hypot(*(np.array([offset.east, offset.north]) - shift[0]))
        shift = np.tile(np.array([offset.east, offset.north]), (len(det), 1))
        if step < SETTLED_M:
            break
    return offset
