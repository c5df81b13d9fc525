"""Instances of one tile -> those that do not repeat a better one of their label."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

REPEATS_IOU: Final = 0.3
"""Masks of one label that share more are one object seen twice, or one drawn together with its neighbour. The
network itself compares boxes only, and those of oblique neighbours may share as much as one court seen twice."""


def without_repeats(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], masks: NDArray[np.float32]
) -> NDArray[np.intp]:
    """Return the places of the instances to keep, in their order.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4), dtype float32
        x1, y1, x2, y2 in pixels, best score first.
    labels : ndarray of shape (N,), dtype int64
    masks : ndarray of shape (N, S, S), dtype float32
        Chances, 0..1, on a grid over each box.

    Returns
    -------
    ndarray of int, shape (M,)

    References
    ----------
    Non-maximum suppression by masks instead of boxes, as in Wang et al. 2020, https://arxiv.org/abs/2003.10152.
    """
    keep = np.ones(len(boxes), bool)
    better, worse = _pairs(boxes, labels)
    if len(better) == 0:
        return np.flatnonzero(keep)
    inside = masks > 0.5
    side_px = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    area = inside.mean(axis=(1, 2)) * side_px.prod(axis=1)
    shared = _share_inside(boxes, inside, better, worse) * area[worse]
    repeats = shared > REPEATS_IOU * (area[better] + area[worse] - shared)
    # Pairs come by their worse one, so whether the better one stays is known by then.
    for one, other in zip(better[repeats].tolist(), worse[repeats].tolist(), strict=True):
        if keep[one]:
            keep[other] = False
    return np.flatnonzero(keep)


def may_be_repeated(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], *, by: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which boxes have a say in which of some others stay: those with what is better than them and near.

    Parameters
    ----------
    boxes, labels
        As of `without_repeats`.
    by : ndarray of bool, shape (N,)
        The others.

    Returns
    -------
    ndarray of bool, shape (N,)
        With these and the others, `without_repeats` keeps of the others what it keeps with all.
    """
    asked = by.copy()
    if not by.all():
        better, worse = _pairs(boxes, labels)
        # Pairs come by their worse one: from the last, a box is known to be asked before those that it asks.
        for one, other in zip(better[::-1].tolist(), worse[::-1].tolist(), strict=True):
            if asked[other]:
                asked[one] = True
    return asked & ~by


def _pairs(boxes: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs of one label whose boxes share enough for their masks to do so, by the worse one's place."""
    worse, better = np.tril_indices(len(boxes), -1)
    alike = labels[worse] == labels[better]
    worse, better = worse[alike], better[alike]
    low = np.maximum(boxes[worse, :2], boxes[better, :2])
    high = np.minimum(boxes[worse, 2:], boxes[better, 2:])
    shared = (high - low).clip(0).prod(axis=1)
    near = shared > 0
    return better[near], worse[near]


def _share_inside(
    boxes: NDArray[np.float32], inside: NDArray[np.bool_], better: NDArray[np.intp], worse: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the share of each worse mask that lies in its better one, by the centres of its cells."""
    size = inside.shape[1]
    centre = (np.arange(size) + 0.5) / size
    out = np.zeros(len(better))
    side = boxes[:, 2:] - boxes[:, :2]
    at = [
        np.floor(
            (boxes[worse, axis, None] + centre * side[worse, axis, None] - boxes[better, axis, None])
            / side[better, axis, None]
            * size
        ).astype(np.intp)
        for axis in (0, 1)
    ]
    for number, (one, other) in enumerate(zip(better.tolist(), worse.tolist(), strict=True)):
        cols, rows = at[0][number], at[1][number]
        in_cols, in_rows = (cols >= 0) & (cols < size), (rows >= 0) & (rows < size)
        seen = inside[one][np.ix_(rows[in_rows], cols[in_cols])] & inside[other][np.ix_(in_rows, in_cols)]
        out[number] = seen.sum() / max(1, inside[other].sum())
    return out
