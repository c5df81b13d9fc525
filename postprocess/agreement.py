"""Parts -> pairs of neighbouring parts, and whether two tiles' parts show one object."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.borders import meet_at_border
from postprocess.options import PolygonOptions
from postprocess.overlaps import Edges, areas_inside, edges_of, shared_areas
from postprocess.polygonal import thickness
from postprocess.tiles import Parts, same_tile


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
    One query of a spatial index, and areas of all pairs at once: O(N log N) for objects that overlap few others.
    """
    near_m = options.border_m
    left, right = shapely.STRtree(parts.geometry).query(shapely.box(*(parts.bounds + _grown(near_m)).T))
    keep = left < right
    left, right = left[keep], right[keep]
    keep = parts.label[left] == parts.label[right]
    left, right = left[keep], right[keep]
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    edges = edges_of(parts.geometry)
    shared = shared_areas(edges, left, right)
    same = same_tile(parts.tile, left, right)
    low, high = _seam(parts, left, right)
    size = high - low
    wide = (size > 2 * options.sliver_m).all(axis=1)
    linked = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(~same & wide & (shared > 0))
    rows = rows[
        _agree(parts, edges, left[rows], right[rows], shared[rows], low[rows], high[rows], options=options)
    ]
    linked[rows] = True
    touching = np.zeros(len(left), dtype=bool)
    rows = np.flatnonzero(~same & ~wide & (size > -near_m).all(axis=1) & (size > 2 * options.sliver_m).any(axis=1))
    rows = rows[meet_at_border(parts, left[rows], right[rows], low[rows], high[rows], options=options)]
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
    edges: Edges,
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    shared_m2: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    options: PolygonOptions,
) -> NDArray[np.bool_]:
    cut = parts.cut
    first, second = (_area_inside(parts, edges, rows, low, high) for rows in (left, right))
    agree = _similar(first, second, shared_m2, cover_counts=cut[left] | cut[right], options=options)
    agree &= ~is_sliver(parts, options=options)[[left, right]].any(axis=0)
    # The common ground's outline consists of pieces of both: only where it could be thin it has to be drawn.
    around_m = parts.length[left] + parts.length[right]
    rows = np.flatnonzero(agree & (2 * shared_m2 < options.sliver_m / 2 * around_m))
    both = shapely.intersection(parts.geometry[left[rows]], parts.geometry[right[rows]])
    agree[rows] = thickness(both) >= options.sliver_m / 2
    return agree


def _area_inside(
    parts: Parts, edges: Edges, rows: NDArray[np.intp], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float64]:
    area = parts.area[rows].copy()
    bounds = parts.bounds[rows]
    over = (bounds[:, :2] < low).any(axis=1) | (bounds[:, 2:] > high).any(axis=1)
    area[over] = areas_inside(edges, rows[over], low[over], high[over])
    return area


def is_sliver(parts: Parts, *, options: PolygonOptions) -> NDArray[np.bool_]:
    """Return which parts are cut and so thin that they are only the edge of something another tile sees better."""
    return np.asarray(parts.touches.any(axis=1) & (parts.thickness < options.sliver_m))
