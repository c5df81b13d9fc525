"""Boxes and scores of a tile -> what each box's neighbours of its label say of it.

Buildings stand among buildings. The network compares a box with none of them: it claims what is none in the
open, and doubts roofs in the middle of a town (docs/training.md).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

REACH_M: Final = 50.0
"""Distance at which a neighbour counts for 1 / e. 100 m told as much, 25 m less of open country."""
NONE_COUNT_AS: Final = 0.5
"""Added to the number of neighbours: the logarithm of none has no value."""
LEAST_SEEN: Final = 0.05
"""Share of its surroundings that a box is taken to see at least."""
LARGEST_CELL_PX: Final = 32
"""Side of the cells in which a tile's data are counted; smaller where neighbours count less far."""


def neighbour_lift(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    names: tuple[str, ...],
    weights: Mapping[str, float],
    reach_px: float,
    seen: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return what is to be added to the log odds of a tile's scores, 0 for labels without a weight.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        x1, y1, x2, y2 in pixels.
    scores : ndarray of shape (N,)
        As the network gave them.
    labels : ndarray of shape (N,)
        Ids that count `names` from 1.
    names : tuple of str
    weights : mapping
        `WeightsRecord.neighbours`: label -> weight of the logarithm of `expected_neighbours`.
    reach_px : float
        `REACH_M` in pixels.
    seen : ndarray of shape (H, W), dtype bool
        Where the tile has data.
    """
    out = np.zeros(len(scores))
    for label, weight in weights.items():
        own = labels == names.index(label) + 1
        if own.any():
            expected = expected_neighbours(boxes[own], scores[own], reach_px=reach_px, seen=seen)
            out[own] = weight * np.log(NONE_COUNT_AS + expected)
    return out


def expected_neighbours(
    boxes: NDArray[np.floating], scores: NDArray[np.floating], *, reach_px: float, seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how many objects are expected around each box: the nearer and the surer count more.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        Of one label.
    scores : ndarray of shape (N,)
        They count squared: in open country many small doubts are not a village.
    reach_px : float
        Distance between centres, in pixels, at which a neighbour counts for 1 / e.
    seen : ndarray of shape (H, W), dtype bool
        Where the tile has data, that is, where it is not black: what would count elsewhere or beyond the border is
        taken to be as much as here.
    """
    box = np.asarray(boxes, np.float64)
    middle = (box[:, :2] + box[:, 2:]) / 2
    apart, over = np.zeros((len(box),) * 2), np.ones((len(box),) * 2, bool)
    for axis in (0, 1):
        apart += ((middle[:, None, axis] - middle[:, axis]) / reach_px) ** 2
        over &= (box[:, None, axis] < middle[:, axis]) & (middle[:, axis] < box[:, None, axis + 2])
    near = np.exp(-apart)
    # What lies over the box is another claim of the same thing, or of a part of it, and no neighbour.
    near[over | over.T] = 0.0
    np.fill_diagonal(near, 0.0)
    # Not a product of matrices: how that is rounded depends on the library.
    counted = (near * np.asarray(scores, np.float64) ** 2).sum(axis=1)
    return np.asarray(counted / _seen_share(middle, reach_px=reach_px, seen=seen))


def _seen_share(middle: NDArray[np.float64], *, reach_px: float, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how much of the surroundings of each place has data, weighted as neighbours are."""
    cell_px = int(np.clip(reach_px / 4, 1, LARGEST_CELL_PX))
    starts = [np.arange(0, side, cell_px) for side in seen.shape]
    cells = np.add.reduceat(np.add.reduceat(seen, starts[0], axis=0, dtype=np.int64), starts[1], axis=1)
    weights = []
    for axis, (start, side) in enumerate(zip(starts, seen.shape, strict=True)):
        centre = (start + np.minimum(start + cell_px, side)) / 2
        weights.append(np.exp(-(((middle[:, 1 - axis, None] - centre) / reach_px) ** 2)))
    inside = (weights[0][:, :, None] * cells * weights[1][:, None, :]).sum(axis=(1, 2))
    return np.maximum(inside / (np.pi * reach_px**2), LEAST_SEEN)
