"""Outlines from strangers -> which of them cross themselves so often that repairing them would take hours."""

import numpy as np
import shapely
from numpy.typing import NDArray

FEW_VERTICES = 60
"""Outlines of so many are repaired in a tenth of a second, however they cross themselves."""

SAMPLED_SEGMENTS = 100

MAX_CROSSINGS = 3.0
"""Crossings a segment, on average. A drawn outline has none and a broken one less than one. With random vertices
they grow with the number of vertices, and the time of `shapely.make_valid` with the square of all crossings:
150 vertices take 2 s, 500 many minutes."""


def tangled(geometries: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which geometries `shapely.make_valid` should not be asked to repair.

    Parameters
    ----------
    geometries : ndarray of geometry
        Without NaN in their coordinates; None counts as not tangled.

    Returns
    -------
    ndarray of bool

    Notes
    -----
    Near-linear: a million vertices take a second.

    Examples
    --------
    >>> import shapely
    >>> tangled(np.array([shapely.box(0, 0, 1, 1), None])).tolist()
    [False, False]
    """
    out = np.zeros(len(geometries), bool)
    for index in np.flatnonzero(shapely.get_num_coordinates(geometries) > FEW_VERTICES):
        out[index] = _crosses_often(geometries[index])
    return out


def repaired(geometry: shapely.Geometry) -> shapely.Geometry:
    """Return an outline from a stranger made valid.

    Raises
    ------
    ValueError
        It is missing, its coordinates are no numbers, or it crosses itself hundreds of times.
    """
    if geometry is None or not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise ValueError("the outline has coordinates that are no numbers, or none")
    if tangled(np.array([geometry], dtype=object))[0]:
        raise ValueError("the outline crosses itself hundreds of times")
    return shapely.make_valid(geometry)


def _crosses_often(geometry: shapely.Geometry) -> bool:
    xy = shapely.get_coordinates(geometry)
    segments = shapely.linestrings(np.stack([xy[:-1], xy[1:]], axis=1))
    tree = shapely.STRtree(segments)
    count = 0
    for index in np.linspace(0, len(segments) - 1, SAMPLED_SEGMENTS).round().astype(int).tolist():
        count += len(tree.query(segments[index], predicate="crosses"))
        if count > MAX_CROSSINGS * SAMPLED_SEGMENTS:
            return True
    return False
