"""Boxes in a tile -> those that this tile draws: others lie in its overlap, and a neighbour sees them better."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tiling.grid import Tile, TileGrid

UNSURE_PX: Final = 8.0
"""Two tiles put one object's box in slightly different places: only a box whose centre lies so far beyond the core
is left to the neighbour, and what lies on the line is drawn by both."""
UNSURE_SHARE: Final = 0.25
"""... or so much of its own side. Such a box reaches at most a sixth of the overlap into this tile's core: the
neighbour, whose window reaches half of the overlap into it, sees all of the box and of the ground around it."""


def drawn_here(boxes: NDArray[np.float32], *, tile: Tile, grid: TileGrid) -> NDArray[np.bool_]:
    """Tell which boxes a tile draws: all but those that lie in a neighbour's core.

    The neighbour is looked at wherever the object matters: every tile is whose window touches a scene and the aoi.
    Where it fails, what lies in its core is missing until it is done again; the run says so.

    Parameters
    ----------
    boxes : ndarray of shape (N, 4)
        x1, y1, x2, y2 in pixels of the tile.
    tile : Tile
    grid : TileGrid
        That the tile belongs to.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    keep = np.ones(len(boxes), bool)
    window, core = tile.window, tile.core
    axes = (
        (core.col - window.col, core.width, tile.col, grid.n_cols),
        (core.row - window.row, core.height, tile.row, grid.n_rows),
    )
    for axis, (first, size, number, count) in enumerate(axes):
        low, high = boxes[:, axis], boxes[:, axis + 2]
        centre, unsure = (low + high) / 2, np.maximum(UNSURE_PX, UNSURE_SHARE * (high - low))
        if number > 0:
            keep &= centre >= first - unsure
        if number < count - 1:
            keep &= centre <= first + size + unsure
    return keep
