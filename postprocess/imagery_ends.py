"""One tile's outlines and its valid pixels -> on which sides the imagery ends where an outline does.

A tile reaches beyond the last scene, and scenes have turned edges and gaps: that an object is cut there cannot be
told from the bounds of tiles.
"""

from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.records import Detections
from postprocess.polygonal import Geometries

LEAST_GAP_PX: Final = 2**3
"""Gaps narrower than this hide no part of an object: pixels of a roof may have the value that means "none"."""

NO_SIDES: Final = ""

_STEPS: Final = {"n": (0, -1), "e": (1, 0), "s": (0, 1), "w": (-1, 0)}
"""Side -> columns and rows towards it."""

_SAMPLE_PX: Final = 2.0
"""Outlines are looked at this often along their course."""


def imagery_ends(
    outlines_px: Geometries, detections: Detections, valid: NDArray[np.bool_], *, border_px: float
) -> NDArray[np.object_]:
    """Return the sides on which imagery ends at an outline, so that the object may go on where nothing is shown.

    Parameters
    ----------
    outlines_px : ndarray of Polygon, MultiPolygon or None, shape (N,)
        In pixels of the tile.
    detections : Detections
        What the outlines were drawn from, N. Outlines run through the cells of its grids, so they end half a cell
        before the box does.
    valid : ndarray of shape (H, W), dtype bool
        True = the tile has imagery there.
    border_px : float
        An outline nearer than this to the end of the imagery, beside half a cell, may go on beyond it.

    Returns
    -------
    ndarray of str, shape (N,)
        Some of "nesw" in this order.
    """
    out = np.full(len(outlines_px), NO_SIDES, dtype=object)
    if valid.all() or len(out) == 0:
        return out
    gaps = _gaps(valid)
    if not gaps.any():
        return out
    points, owner = shapely.get_coordinates(shapely.segmentize(outlines_px, _SAMPLE_PX), return_index=True)
    across = detections.boxes[:, 2:] - detections.boxes[:, :2]
    cells = np.array([grid.shape[::-1] for grid in detections.masks], dtype=np.float64).reshape(-1, 2)
    reach = (border_px + across / cells / 2)[owner]
    for side, step in _STEPS.items():
        beyond, before = points + reach * step, points - reach * step
        # Both, for a point that lies on a straight end has nothing to its left and right either.
        ends = _at(gaps, beyond) & ~_at(gaps, before)
        at_end = np.bincount(owner[ends], minlength=len(out)) > 0
        out[at_end] += side
    return out


def _gaps(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the invalid pixels but for specks: squares of `LEAST_GAP_PX` that hold no valid one.

    A gap at the tile's border goes on beyond it, for all we know.
    """
    squares = np.pad(~valid, LEAST_GAP_PX, mode="edge")
    squares = _along_both(squares, np.logical_and)  # ... by their upper left corners
    out = _along_both(np.pad(squares, LEAST_GAP_PX - 1), np.logical_or)
    return out[LEAST_GAP_PX:-LEAST_GAP_PX, LEAST_GAP_PX:-LEAST_GAP_PX]


def _along_both(mask: NDArray[np.bool_], join: np.ufunc) -> NDArray[np.bool_]:
    """Return each square of `LEAST_GAP_PX` pixels joined, in a third of the steps that its side has."""
    step = 1
    while step < LEAST_GAP_PX:
        mask = join(mask[:-step], mask[step:])
        mask = join(mask[:, :-step], mask[:, step:])
        step *= 2
    return mask


def _at(gaps: NDArray[np.bool_], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return what the pixels under points show; beyond the tile those at its border."""
    cols, rows = np.floor(points).astype(np.intp).T
    height, width = gaps.shape
    return np.asarray(gaps[np.clip(rows, 0, height - 1), np.clip(cols, 0, width - 1)])
