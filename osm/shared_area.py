"""Pairs of polygons -> the area each pair shares, without building the intersections."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

CHUNK = 50_000
"""Edge pairs looked at together: their temporaries stay in the processor's cache."""

MOST_EDGE_PAIRS = 1500
"""Beyond this many edge pairs GEOS, which sorts edges, is faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """The directed edges of N polygons, interiors on their left, one polygon after the other."""

    start: NDArray[np.float64]
    """(E, 2): x, y of where edges begin."""
    end: NDArray[np.float64]
    """(E, 2): x, y of where they end."""
    first: NDArray[np.int64]
    """(N,): position of each polygon's first edge."""
    count: NDArray[np.int64]
    """(N,): edges of each polygon."""


def shared_areas(
    left: NDArray[np.object_],
    right: NDArray[np.object_],
    *,
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Return the area of the intersection of each pair.

    Parameters
    ----------
    left, right : ndarray of Polygon or MultiPolygon
        Valid, in one metric CRS. None only where no pair points to it.
    pairs : tuple of ndarray, shape (P,)
        Positions in `left` and `right`.

    Returns
    -------
    ndarray of shape (P,), dtype float64
        In the square of the CRS's unit; 0 where nothing is shared.

    Notes
    -----
    A polygon is the signed sum of the strips between its edges and a base line, so the shared area is the signed
    sum, over all pairs of edges, of what two such strips share: the integral of the lower edge over the common
    range of x. That takes about 20 ns a pair of edges; GEOS builds and cleans a geometry nobody needs and takes
    40 us a pair of houses. Pairs with many edges still go to GEOS.
    """
    used_left, index_left = np.unique(pairs[0], return_inverse=True)
    used_right, index_right = np.unique(pairs[1], return_inverse=True)
    left, right = left[used_left], right[used_right]
    edges_left, edges_right = polygon_edges(left), polygon_edges(right)
    work = edges_left.count[index_left] * edges_right.count[index_right]
    out = np.zeros(len(work), np.float64)
    large = np.flatnonzero(work > MOST_EDGE_PAIRS)
    out[large] = shapely.area(shapely.intersection(left[index_left[large]], right[index_right[large]]))
    small = np.flatnonzero((work <= MOST_EDGE_PAIRS) & (work > 0))
    # Chunks end between pairs, so that a pair's sum does not depend on what else is asked.
    which = np.cumsum(work[small]) // CHUNK
    for chunk in np.split(small, np.flatnonzero(np.diff(which)) + 1):
        if len(chunk):
            out[chunk] = _strips(edges_left, edges_right, index_left[chunk], index_right[chunk])
    return np.maximum(out, 0.0)


def polygon_edges(polygons: NDArray[np.object_]) -> Edges:
    """Return the edges of polygons, exteriors counter-clockwise and holes clockwise."""
    parts, part_owner = shapely.get_parts(shapely.orient_polygons(polygons, exterior_cw=False), return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inside = ring[1:] == ring[:-1]
    owner = part_owner[ring_part[ring[:-1][inside]]]
    count = np.bincount(owner, minlength=len(polygons)).astype(np.int64)
    return Edges(start=xy[:-1][inside], end=xy[1:][inside], first=np.cumsum(count) - count, count=count)


def _strips(
    left: Edges, right: Edges, index_left: NDArray[np.int64], index_right: NDArray[np.int64]
) -> NDArray[np.float64]:
    n_left, n_right = left.count[index_left], right.count[index_right]
    work = n_left * n_right
    pair = np.repeat(np.arange(len(work)), work)
    number = np.arange(len(pair)) - np.repeat(np.cumsum(work) - work, work)
    one = left.first[index_left][pair] + number // n_right[pair]
    other = right.first[index_right][pair] + number % n_right[pair]
    ax, bx, cx, dx = left.start[one, 0], left.end[one, 0], right.start[other, 0], right.end[other, 0]
    low = np.maximum(np.minimum(ax, bx), np.minimum(cx, dx))
    high = np.minimum(np.maximum(ax, bx), np.maximum(cx, dx))
    meet = high > low
    pair, one, other, low, high = pair[meet], one[meet], other[meet], low[meet], high[meet]
    # Heights are taken from the first vertex of the left polygon: northings of five million metres would cost
    # ten digits.
    base = left.start[left.first[index_left]][pair, 1]
    a0, a1, step_a = _heights(left, one, base, low, high)
    b0, b1, step_b = _heights(right, other, base, low, high)
    width = high - low
    mean = (a0 + a1 + b0 + b1) / 4.0
    d0, d1 = a0 - b0, a1 - b1
    size = np.abs(d0) + np.abs(d1)
    crossing = d0 * d1 < 0.0
    # Mean of |difference| over the range, of two lines that cross in it and of two that do not.
    apart = np.where(crossing, (d0 * d0 + d1 * d1) / np.where(crossing, size, 1.0), size) / 2.0
    lower = (mean - apart / 2.0) * width
    return np.asarray(
        np.bincount(pair, weights=np.sign(step_a) * np.sign(step_b) * lower, minlength=len(work)), np.float64
    )


def _heights(
    edges: Edges,
    index: NDArray[np.int64],
    base: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the heights of edges above `base` at both ends of a range of x, and how far they run east."""
    x, y = edges.start[index, 0], edges.start[index, 1]
    step = edges.end[index, 0] - x
    slope = (edges.end[index, 1] - y) / step
    return y - base + slope * (low - x), y - base + slope * (high - x), step
