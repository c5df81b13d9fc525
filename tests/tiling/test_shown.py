"""The ground that a tile's real pixels show is theirs to the last corner."""

import numpy as np
import pyproj
import pytest
import shapely
from affine import Affine

from tiling.grid import TileGrid, tile_at
from tiling.ground import apply
from tiling.shown import shown_ground

GRID = TileGrid(
    tile_px=32,
    overlap_px=8,
    width_px=80,
    height_px=80,
    transform=Affine(0.3, 0, 3e5, 0, -0.3, 4e6),
    crs=pyproj.CRS.from_epsg(32645),
)


@pytest.mark.parametrize("seed", range(8))
def test_area_and_places_are_those_of_the_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tile = tile_at(GRID, row=1, col=2)
    valid = rng.random((32, 32)) < rng.choice([0.0, 0.1, 0.5, 0.95, 1.0])
    ground = shown_ground(valid, tile)
    assert ground.is_valid
    assert ground.area == pytest.approx(valid.sum() * 0.09)
    rows, cols = np.indices(valid.shape)
    x, y = apply(tile.transform, cols.ravel() + 0.5, rows.ravel() + 0.5)
    assert (shapely.contains_xy(ground, x, y) == valid.ravel()).all()
