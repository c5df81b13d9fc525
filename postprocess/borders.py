"""Pairs of parts of tiles that only touch -> whether the parts meet at the border as one object."""

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.options import PolygonOptions
from postprocess.polygonal import Geometries
from postprocess.tiles import Parts

_INSIDE_PX = 0.25
"""Parts are compared on lines this far inside their tiles: cut parts reach them, a neighbour 1 px away not."""


def meet_at_border(
    parts: Parts,
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    options: PolygonOptions,
) -> NDArray[np.bool_]:
    """Compare the cut edges of parts on both sides of a border.

    Where a third tile sees over the border it decides, because abutting neighbours that happen to end at the
    border look the same from both sides.

    Parameters
    ----------
    parts : Parts
    left, right : ndarray of shape (K,)
        Rows of the pairs.
    low, high : ndarray of shape (K, 2)
        Corners of the ground that both tiles share, metres; (nearly) a line.
    options : PolygonOptions
        `agree_iou` and `agree_cover` apply to the lengths of the cut edges.

    Returns
    -------
    ndarray of bool, shape (K,)
    """
    result = np.zeros(len(left), dtype=bool)
    if len(left) == 0:
        return result
    axis = (high - low).argmin(axis=1)  # 0: the border is a line of constant x
    first = np.take_along_axis(parts.tile[left], axis[:, None], axis=1)[:, 0] < np.take_along_axis(
        parts.tile[right], axis[:, None], axis=1
    )[:, 0]  # fmt: skip
    lower, upper = np.where(first, left, right), np.where(first, right, left)
    faces = np.where(axis == 0, parts.touches[lower, 1], parts.touches[lower, 0])
    faces &= np.where(axis == 0, parts.touches[upper, 3], parts.touches[upper, 2])
    rows = np.flatnonzero(faces & ~_overseen(parts, left, right, axis=axis, low=low, high=high, options=options))
    inside_m = _INSIDE_PX * options.gsd_m
    edges = [_cut_edges(parts, lower[rows], axis[rows], upper_side=True, inside_m=inside_m)]
    edges.append(_cut_edges(parts, upper[rows], axis[rows], upper_side=False, inside_m=inside_m))
    lengths = [np.asarray(shapely.length(each)) for each in edges]
    shared = np.asarray(shapely.length(shapely.intersection(*edges)))
    smaller = np.minimum(*lengths)
    alike = shared >= options.agree_iou * (lengths[0] + lengths[1] - shared)
    covered = (shared >= options.agree_cover * smaller) & (smaller >= options.sliver_m)
    result[rows] = (alike | covered) & (shared > 0)
    return result


def _overseen(
    parts: Parts,
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    *,
    axis: NDArray[np.intp],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    options: PolygonOptions,
) -> NDArray[np.bool_]:
    """Return where another tile reaches well over the border between two parts."""
    start = np.maximum(parts.bounds[left, :2], parts.bounds[right, :2])
    end = np.minimum(parts.bounds[left, 2:], parts.bounds[right, 2:])
    across = np.arange(2) == axis[:, None]
    middle = np.where(across, (low + high) / 2, (start + end) / 2)
    shrink_m = 2 * options.sliver_m
    inner = shapely.box(*(parts.tiles + np.array([shrink_m, shrink_m, -shrink_m, -shrink_m])).T)
    seen = np.zeros(len(left), dtype=bool)
    seen[shapely.STRtree(inner).query(shapely.points(middle), predicate="intersects")[0]] = True
    return seen


def _cut_edges(
    parts: Parts, rows: NDArray[np.intp], axis: NDArray[np.intp], *, upper_side: bool, inside_m: float
) -> Geometries:
    """Return where each part crosses a line just inside its border, laid onto the line y = 0."""
    bounds, tile = parts.bounds[rows], parts.tile[rows]
    every = np.arange(len(rows))
    at = tile[every, axis + 2] - inside_m if upper_side else tile[every, axis] + inside_m
    ends = np.stack((bounds[:, :2] - 1.0, bounds[:, 2:] + 1.0), axis=1)
    ends[every, :, axis] = at[:, None]
    crossing = shapely.intersection(parts.geometry[rows], shapely.linestrings(ends))
    xy, owner = shapely.get_coordinates(crossing, return_index=True)
    along = np.where(axis[owner] == 0, xy[:, 1], xy[:, 0])
    return np.asarray(shapely.set_coordinates(crossing, np.column_stack((along, np.zeros_like(along)))))
