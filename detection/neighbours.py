"""Boxes and scores of a tile -> what each box's neighbours of its label say of it.

Buildings stand among buildings. The network compares a box with none of them: it claims what is none in the
open, and doubts roofs in the middle of a town (docs/training.md).
"""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

REACH_M: Final = 25.0
"""Distance at which a neighbour counts for 1 / e; 15 to 50 m told about the same."""
NONE_COUNT_AS: Final = 0.5
"""Added to the number of neighbours: the logarithm of none has no value."""


def neighbour_lift(
    boxes: NDArray[np.floating],
    scores: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    names: tuple[str, ...],
    weights: Mapping[str, float],
    reach_px: float,
    size_px: tuple[int, int],
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
    size_px : (int, int)
        Height and width of the tile.
    """
    out = np.zeros(len(scores))
    for label, weight in weights.items():
        own = labels == names.index(label) + 1
        if own.any():
            expected = expected_neighbours(boxes[own], scores[own], reach_px=reach_px, size_px=size_px)
            out[own] = weight * np.log(NONE_COUNT_AS + expected)
    return out


def expected_neighbours(
    boxes: NDArray[np.floating], scores: NDArray[np.floating], *, reach_px: float, size_px: tuple[int, int]
) -> NDArray[np.float64]:
    """Return how many objects are expected around each box: the others' scores, the nearer the more.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        Of one label.
    scores : ndarray of shape (N,)
    reach_px : float
        Distance between centres, in pixels, at which a neighbour counts for 1 / e.
    size_px : (int, int)
        Height and width of the tile: what would count beyond its border is taken to be as much as inside.
    """
    box = np.asarray(boxes, np.float64)
    middle = (box[:, :2] + box[:, 2:]) / 2
    centre = middle / reach_px
    apart, over = np.zeros((len(box),) * 2), np.ones((len(box),) * 2, bool)
    for axis in (0, 1):
        apart += (centre[:, None, axis] - centre[:, axis]) ** 2
        over &= (box[:, None, axis] < middle[:, axis]) & (middle[:, axis] < box[:, None, axis + 2])
    near = np.exp(-apart)
    # What lies over the box is another claim of the same thing, or of a part of it, and no neighbour.
    near[over | over.T] = 0.0
    np.fill_diagonal(near, 0.0)
    ends = np.array([size_px[1], size_px[0]]) / reach_px
    inside = ((_erf(ends - centre) + _erf(centre)) / 2).prod(axis=1)
    # Not a product of matrices: how that is rounded depends on the library.
    return np.asarray((near * np.asarray(scores, np.float64)).sum(axis=1) / inside)


def _erf(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([math.erf(value) for value in values.ravel().tolist()]).reshape(values.shape)
