"""A tile's real pixels -> the ground that they show, as one polygon."""

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray

from tiling.grid import Tile


def shown_ground(valid: NDArray[np.bool_], tile: Tile) -> shapely.Geometry:
    """Return the ground of a tile's real pixels, in the grid's CRS.

    Parameters
    ----------
    valid : ndarray of shape (tile_px, tile_px), dtype bool
        From `tiling.read.SceneReader.read`.
    tile : Tile
    """
    if valid.all():
        return shapely.box(*tile.bounds)
    shapes = rasterio.features.shapes(valid.astype(np.uint8), mask=valid, transform=tile.transform)
    return shapely.union_all([shapely.geometry.shape(shape) for shape, _ in shapes])
