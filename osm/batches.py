"""Proposals of a region -> compact batches, each small enough for one changeset."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.elements import Proposal
from osm.options import DiffOptions

METRES_PER_DEGREE = 111_320.0
"""Of latitude; good to a percent, which is enough to keep batches compact."""


def make_batches(proposals: Sequence[Proposal], *, options: DiffOptions) -> tuple[tuple[Proposal, ...], ...]:
    """Split proposals into batches.

    The region is halved across its longer side, by number, until every part fits: at most `batch_features`
    features, `batch_elements` elements and a diagonal of `batch_extent_m`. Neighbours thus share a batch, which
    is what the person who reviews it and the server's limits want.

    Returns
    -------
    tuple of tuple of Proposal
        From west and south on; in each batch sorted by id. The same for every order of the input.
    """
    ordered = sorted(proposals, key=lambda each: each.id)
    if not ordered:
        return ()
    bounds = shapely.bounds(np.array([each.polygon for each in ordered], dtype=object))
    xy = np.column_stack([bounds[:, 0] + bounds[:, 2], bounds[:, 1] + bounds[:, 3]]) / 2
    xy *= METRES_PER_DEGREE
    xy[:, 0] *= np.cos(np.radians(np.median(bounds[:, 1])))
    size = np.array([each.n_elements for each in ordered], np.int64)
    groups = _split(np.arange(len(ordered)), xy, size, options)
    return tuple(tuple(ordered[index] for index in np.sort(group)) for group in groups)


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
