"""Every box is drawn by a tile that sees it whole, wherever it lies, also where tiles disagree on its place."""

import numpy as np
import pyproj
import pytest
from affine import Affine
from numpy.typing import NDArray

from tiling.grid import TileGrid, tiles
from tiling.owned import drawn_here

UTM = pyproj.CRS.from_epsg(32645)
JITTER_PX = 7.0


def make_grid(*, tile_px: int = 256, overlap_px: int = 64, width_px: int = 1000, height_px: int = 600) -> TileGrid:
    return TileGrid(
        tile_px=tile_px,
        overlap_px=overlap_px,
        width_px=width_px,
        height_px=height_px,
        transform=Affine(0.3, 0, 3e5, 0, -0.3, 4e6),
        crs=UTM,
    )


def seen_by(boxes: NDArray[np.float64], grid: TileGrid, rng: np.random.Generator, *, jitter_px: float) -> list:
    """Return, for each tile, the boxes that it sees whole, in part and at all, and those that it draws.

    Each tile puts every box a little elsewhere, and cuts it at its border.
    """
    out = []
    for tile in tiles(grid):
        corner = np.array([tile.window.col, tile.window.row] * 2)
        moved = boxes + rng.uniform(-jitter_px, jitter_px, (len(boxes), 1)) - corner
        cut = moved.clip(0, grid.tile_px)
        inside = (cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1])
        whole = inside & (cut == moved).all(axis=1)
        drawn = np.zeros(len(boxes), bool)
        drawn[inside] = drawn_here(cut[inside].astype(np.float32), tile=tile, grid=grid)
        out.append((whole, inside, drawn))
    return out


def random_boxes(
    rng: np.random.Generator, grid: TileGrid, *, most_px: float, count: int = 4000
) -> NDArray[np.float64]:
    side = rng.uniform(4, most_px, (count, 2))
    low = rng.uniform(0, 1, (count, 2)) * (np.array([grid.width_px, grid.height_px]) - side)
    return np.hstack((low, low + side))


@pytest.mark.parametrize("overlap_px", [0, 30, 64, 128])
def test_what_some_tile_sees_whole_is_drawn_whole(overlap_px: int) -> None:
    rng = np.random.default_rng(overlap_px)
    grid = make_grid(overlap_px=overlap_px)
    boxes = random_boxes(rng, grid, most_px=120)
    whole = np.array([each for each, _, _ in seen_by(boxes, grid, rng, jitter_px=0)])
    assert whole.any(axis=0).mean() > 0.2
    for jitter_px in (0, JITTER_PX):
        drawn = np.array([each for _, _, each in seen_by(boxes, grid, rng, jitter_px=jitter_px)])
        assert np.array_equal((whole & drawn).any(axis=0), whole.any(axis=0))


def test_drawn_pieces_cover_what_is_larger_than_a_window() -> None:
    grid, rng = make_grid(), np.random.default_rng(7)
    for _ in range(50):
        low = rng.integers(0, (500, 300))
        hall = np.concatenate((low, low + rng.integers(260, (500, 300)))).astype(float)
        ground = np.zeros((grid.height_px, grid.width_px), bool)
        for tile, (_, _, drawn) in zip(tiles(grid), seen_by(hall[None], grid, rng, jitter_px=0), strict=True):
            window = tile.window
            if drawn[0]:
                ground[window.row : window.row + window.height, window.col : window.col + window.width] = True
        x1, y1, x2, y2 = hall.astype(int)
        assert ground[y1:y2, x1:x2].all()


def test_small_boxes_are_mostly_drawn_once() -> None:
    rng = np.random.default_rng(5)
    grid = make_grid(overlap_px=128)
    boxes = random_boxes(rng, grid, most_px=30)
    every = seen_by(boxes, grid, rng, jitter_px=1)
    times = np.sum([drawn for _, _, drawn in every], axis=0)
    assert times.min() >= 1
    assert np.sum([inside for _, inside, _ in every], axis=0).mean() > 2.2
    assert times.mean() < 1.35


def test_the_outermost_tiles_draw_what_lies_at_the_regions_edge() -> None:
    grid = make_grid(width_px=256, height_px=256)
    (only,) = tiles(grid)
    corners = np.array([[0, 0, 9, 9], [240, 240, 256, 256], [0, 250, 20, 256]], np.float32)
    assert drawn_here(corners, tile=only, grid=grid).all()


def test_the_neighbour_sees_the_ground_around_what_is_left_to_it() -> None:
    grid = make_grid(overlap_px=96)
    rng = np.random.default_rng(3)
    first, second = list(tiles(grid))[:2]
    low = rng.uniform(0, 250, 5000)
    high = np.minimum(low + rng.uniform(2, 250, 5000), grid.tile_px)
    boxes = np.column_stack((low, np.full(5000, 20.0), high, np.full(5000, 60.0))).astype(np.float32)
    left = ~drawn_here(boxes, tile=first, grid=grid)
    assert left.sum() > 100
    assert (boxes[left, 0] - second.window.col).min() >= grid.overlap_px / 3


def test_no_boxes_are_no_trouble() -> None:
    grid = make_grid()
    assert drawn_here(np.zeros((0, 4), np.float32), tile=next(iter(tiles(grid))), grid=grid).shape == (0,)
