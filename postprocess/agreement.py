"""Parts -> pairs of neighbouring parts, and whether two tiles' parts show one object."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.options import PolygonOptions
from postprocess.polygonal import Geometries, thickness
from postprocess.tiles import Parts, same_tile, unique_tiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of parts of one label that lie near each other; every pair once, left < right."""

    left: NDArray[np.intp]
    """Row of the first part."""
    right: NDArray[np.intp]
    """Row of the second part."""
    same: NDArray[np.bool_]
    """One tile saw both."""
    shared_m2: NDArray[np.float64]
    """Area that both cover; it lies inside the seam of their tiles, because each lies inside its tile."""
    linked: NDArray[np.bool_]
    """Different tiles saw them and agree that they are one object."""
    touching: NDArray[np.bool_]
    """Linked across a border that no tile sees over: the parts meet there and share no area."""

    def iou(self, parts: Parts) -> NDArray[np.float64]:
        """Return the IoU of the whole parts."""
        union = parts.area[self.left] + parts.area[self.right] - self.shared_m2
        return np.asarray(self.shared_m2 / union)


def pair_parts(parts: Parts, *, options: PolygonOptions) -> Pairs:
    """Find the pairs and judge those of different tiles inside the seam that both tiles saw.

    Neighbours never agree for touching: in the seam their areas are different ground. A sliver agrees with
    anything by chance and links nothing.

    Notes
    -----
    One query of a spatial index and at most three overlays a pair: O(N log N) for objects that overlap few others.
    """
    near_m = options.border_m
    left, right = shapely.STRtree(parts.geometry).query(shapely.box(*(parts.bounds + _grown(near_m)).T))
    keep = left < right
    left, right = left[keep], right[keep]
    keep = parts.label[left] == parts.label[right]
    left, right = left[keep], right[keep]
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    both = shapely.intersection(parts.geometry[left], parts.geometry[right])
    shared = np.asarray(shapely.area(both))
    same = same_tile(parts.tile, left, right)
    low, high = _seam(parts, left, right)
    size = high - low
    wide = (size > 2 * options.sliver_m).all(axis=1)
    linked = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(~same & wide & (shared > 0))
    rows = rows[_agree(parts, left[rows], right[rows], both[rows], low[rows], high[rows], options=options)]
    linked[rows] = True
    touching = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(~same & ~wide & (size > -near_m).all(axis=1) & (size > 2 * options.sliver_m).any(axis=1))
    rows = rows[_meet(parts, left[rows], right[rows], low[rows], high[rows], options=options)]
    touching[rows] = True
    return Pairs(left=left, right=right, same=same, shared_m2=shared, linked=linked | touching, touching=touching)


def _grown(by_m: float) -> NDArray[np.float64]:
    return np.array([-by_m, -by_m, by_m, by_m])


def _seam(
    parts: Parts, left: NDArray[np.intp], right: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower left and upper right corner of the ground both tiles saw; crossed when they are apart."""
    low = np.maximum(parts.tile[left, :2], parts.tile[right, :2])
    high = np.minimum(parts.tile[left, 2:], parts.tile[right, 2:])
    return low, high


def _area_inside(
    parts: Parts, rows: NDArray[np.intp], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    area = parts.area[rows].copy()
    bounds = parts.bounds[rows]
    over = (bounds[:, :2] < low).any(axis=1) | (bounds[:, 2:] > high).any(axis=1)
    if over.any():
        seams = shapely.box(*low[over].T, *high[over].T)
        area[over] = shapely.area(shapely.intersection(parts.geometry[rows[over]], seams))
    return area


def _similar(
    first_m2: NDArray[np.float64],
    second_m2: NDArray[np.float64],
    shared_m2: NDArray[np.float64],
    *,
    cover_counts: NDArray[np.bool_],
    options: PolygonOptions,
) -> NDArray[np.bool_]:
    smaller = np.minimum(first_m2, second_m2)
    union = first_m2 + second_m2 - shared_m2
    similar = shared_m2 >= options.agree_iou * union
    covered = cover_counts & (shared_m2 >= options.agree_cover * smaller)
    return np.asarray((similar | covered) & (shared_m2 > 0))


def _agree(
    parts: Parts,
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    both: Geometries,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    options: PolygonOptions,
) -> NDArray[np.bool_]:
    cut = parts.cut
    first, second = _area_inside(parts, left, low, high), _area_inside(parts, right, low, high)
    similar = _similar(
        first, second, np.asarray(shapely.area(both)), cover_counts=cut[left] | cut[right], options=options
    )
    sliver = (thickness(both) < options.sliver_m / 2) | is_sliver(parts, options=options)[[left, right]].any(
        axis=0
    )
    return np.asarray(similar & ~sliver)


def is_sliver(parts: Parts, *, options: PolygonOptions) -> NDArray[np.bool_]:
    """Return which parts are cut and so thin that they are only the edge of something another tile sees better."""
    return np.asarray(parts.touches.any(axis=1) & (thickness(parts.geometry) < options.sliver_m))


def _meet(
    parts: Parts,
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    options: PolygonOptions,
) -> NDArray[np.bool_]:
    """Compare parts of tiles that only touch: their cut edges, one folded onto the other over the border.

    Where a third tile sees over the border it decides, because abutting neighbours that happen to end at the
    border look the same from both sides.
    """
    if len(left) == 0:
        return np.zeros(0, dtype=bool)
    axis = (high - low).argmin(axis=1)  # 0: the border is a line of constant x
    rows = np.arange(len(left))
    border = (low[rows, axis] + high[rows, axis]) / 2
    depth_m = max(options.sliver_m, options.border_m)
    first = parts.tile[left, axis] < parts.tile[right, axis]
    lower, upper = np.where(first, left, right), np.where(first, right, left)
    faces = np.where(axis == 0, parts.touches[lower, 1], parts.touches[lower, 0])
    faces &= np.where(axis == 0, parts.touches[upper, 3], parts.touches[upper, 2])
    middle = np.column_stack(
        [
            np.where(axis == k, border, (np.maximum(parts.bounds[left, k], parts.bounds[right, k])
            + np.minimum(parts.bounds[left, k + 2], parts.bounds[right, k + 2])) / 2)
            for k in (0, 1)
        ]
    )  # fmt: skip
    tiles = unique_tiles(parts.tile)
    tree = shapely.STRtree(shapely.box(*(tiles - _grown(2 * options.sliver_m)).T))
    overseen = np.zeros(len(left), dtype=bool)
    overseen[tree.query(shapely.points(middle), predicate="intersects")[0]] = True
    result = faces & ~overseen
    rows = np.flatnonzero(result)
    folded = [_band(parts, part[rows], axis[rows], border[rows], depth_m) for part in (lower, upper)]
    areas = [np.asarray(shapely.area(each)) for each in folded]
    shared = np.asarray(shapely.area(shapely.intersection(*folded)))
    counts = np.ones(len(rows), dtype=bool)
    result[rows] = _similar(areas[0], areas[1], shared, cover_counts=counts, options=options)
    return np.asarray(result)


def _band(
    parts: Parts, rows: NDArray[np.intp], axis: NDArray[np.intp], border: NDArray[np.float64], depth_m: float
) -> Geometries:
    """Return what of each part lies within `depth_m` of its border, folded to the border's lower side."""
    low, high = parts.bounds[rows, :2].copy(), parts.bounds[rows, 2:].copy()
    every = np.arange(len(rows))
    low[every, axis] = border - depth_m
    high[every, axis] = border + depth_m
    band = shapely.intersection(parts.geometry[rows], shapely.box(*low.T, *high.T))
    xy, owner = shapely.get_coordinates(band, return_index=True)
    every = np.arange(len(xy))
    beyond = xy[every, axis[owner]] - border[owner]
    xy[every, axis[owner]] = border[owner] - np.abs(beyond)
    return np.asarray(shapely.set_coordinates(band.copy(), xy))
