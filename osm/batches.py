"""Proposals of a region -> compact batches, each small enough for one changeset."""

import numpy as np
from numpy.typing import NDArray

from osm.options import DiffOptions

METRES_PER_DEGREE = 111_320.0
"""Of latitude; good to a percent, which is enough to keep batches compact."""


def make_batches(
    bounds: NDArray[np.float64], n_elements: NDArray[np.int64], *, options: DiffOptions
) -> tuple[NDArray[np.int64], ...]:
    """Split proposals into batches.

    The region is halved across its longer side, by number, until every part fits: at most `batch_features`
    features, `batch_elements` elements and a diagonal of `batch_extent_m`. Neighbours thus share a batch, which
    is what the person who reviews it and the server's limits want.

    Parameters
    ----------
    bounds : ndarray of shape (N, 4)
        West, south, east, north in degrees, in the order of the proposals' ids.
    n_elements : ndarray of int, shape (N,)
        How many nodes, ways and relations each takes.
    options : DiffOptions

    Returns
    -------
    tuple of ndarray of int
        Positions in each batch, ascending; batches from west and south on.
    """
    if len(bounds) == 0:
        return ()
    xy = (bounds[:, :2] + bounds[:, 2:]) / 2 * METRES_PER_DEGREE
    xy[:, 0] *= np.cos(np.radians(np.median(bounds[:, 1])))
    return tuple(np.sort(group) for group in _split(np.arange(len(bounds)), xy, n_elements, options))


def _split(
    index: NDArray[np.int64], xy: NDArray[np.float64], size: NDArray[np.int64], options: DiffOptions
) -> list[NDArray[np.int64]]:
    extent = np.ptp(xy[index], axis=0)
    fits = len(index) <= options.batch_features and size[index].sum() <= options.batch_elements
    # A single feature is never split, however large.
    if len(index) == 1 or (fits and np.hypot(*extent) <= options.batch_extent_m):
        return [index]
    axis = int(extent[1] > extent[0])
    order = index[np.lexsort((index, xy[index, 1 - axis], xy[index, axis]))]
    # A multiple of the batch size on one side leaves few half-empty batches.
    half = len(order) // 2
    if len(order) > options.batch_features:
        half = max(1, round(half / options.batch_features)) * options.batch_features
    return [*_split(order[:half], xy, size, options), *_split(order[half:], xy, size, options)]
