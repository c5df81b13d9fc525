"""Tiles and cores of a grid, by numbers alone."""

import pickle

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from groundplan.errors import ConfigError
from tiling.grid import (
    TileGrid,
    core_sizes,
    group_tiles,
    numbered_tile,
    tile_at,
    tile_bounds,
    tile_number,
    tiles,
)

UTM = pyproj.CRS.from_epsg(32632)
NORTH_UP = Affine(0.3, 0.0, 500000.1, 0.0, -0.3, 5700000.3)


def make_grid(width: int = 1000, height: int = 700, tile: int = 256, overlap: int = 64, **more) -> TileGrid:
    options = {"transform": NORTH_UP, "crs": UTM} | more
    return TileGrid(tile_px=tile, overlap_px=overlap, width_px=width, height_px=height, **options)


@st.composite
def grids(draw: st.DrawFn) -> TileGrid:
    tile = draw(st.integers(1, 40))
    overlap = draw(st.integers(0, tile - 1))
    # Few tiles even where the stride is a single pixel.
    reach = (tile - overlap) * 8 + tile
    return make_grid(draw(st.integers(1, reach)), draw(st.integers(1, reach)), tile, overlap)


@given(grids())
def test_cores_partition_the_region(grid: TileGrid) -> None:
    owners = np.zeros((grid.height_px, grid.width_px), int)
    for tile in tiles(grid):
        core = tile.core
        assert core.height > 0 and core.width > 0
        owners[core.row : core.row + core.height, core.col : core.col + core.width] += 1
    assert (owners == 1).all()


@given(grids())
def test_every_core_lies_in_its_window_and_windows_overlap_by_overlap_px(grid: TileGrid) -> None:
    for tile in tiles(grid):
        window, core = tile.window, tile.core
        assert (window.height, window.width) == (grid.tile_px, grid.tile_px)
        assert window.row <= core.row and core.row + core.height <= window.row + window.height
        assert window.col <= core.col and core.col + core.width <= window.col + window.width
        if tile.col:
            left = tile_at(grid, row=tile.row, col=tile.col - 1).window
            assert left.col + left.width - window.col == grid.overlap_px
        if tile.row:
            above = tile_at(grid, row=tile.row - 1, col=tile.col).window
            assert above.row + above.height - window.row == grid.overlap_px


@given(grids())
def test_no_tile_is_superfluous(grid: TileGrid) -> None:
    # Without the last column of tiles, the end of the region would be in no window.
    if grid.n_cols > 1:
        before = tile_at(grid, row=0, col=grid.n_cols - 2).window
        assert before.col + before.width < grid.width_px
    last = tile_at(grid, row=grid.n_rows - 1, col=grid.n_cols - 1).window
    assert last.col + last.width >= grid.width_px and last.row + last.height >= grid.height_px


@given(grids(), st.data())
def test_pixel_to_crs_to_pixel_is_the_identity(grid: TileGrid, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, grid.n_rows - 1))
    col = data.draw(st.integers(0, grid.n_cols - 1))
    tile = tile_at(grid, row=row, col=col)
    t, inverse = tile.transform, ~tile.transform
    for x_px, y_px in ((0, 0), (grid.tile_px, 0), (3, grid.tile_px)):
        x, y = t.a * x_px + t.c, t.e * y_px + t.f
        assert inverse.a * x + inverse.c == pytest.approx(x_px, abs=1e-6)
        assert inverse.e * y + inverse.f == pytest.approx(y_px, abs=1e-6)


@given(grids())
def test_neighbouring_cores_share_the_very_same_edge(grid: TileGrid) -> None:
    for row in range(grid.n_rows):
        edges = [tile_at(grid, row=row, col=col).core_bounds for col in range(grid.n_cols)]
        assert [e[2] for e in edges[:-1]] == [e[0] for e in edges[1:]]
        assert edges[0][0] == grid.bounds[0] and edges[-1][2] == grid.bounds[2]


@given(grids(), st.integers(1, 5), st.randoms())
def test_blocks_hold_every_tile_once(grid: TileGrid, block_tiles: int, random) -> None:
    numbers = list(range(grid.n_rows * grid.n_cols))
    random.shuffle(numbers)
    found = list(group_tiles(grid, numbers, block_tiles))
    assert sorted(at for _, _, members in found for at in members) == list(range(len(numbers)))
    assert [(row, col) for row, col, _ in found] == sorted({(row, col) for row, col, _ in found})
    for row, col, members in found:
        own = [numbered_tile(grid, numbers[at]) for at in members]
        assert {(t.row // block_tiles, t.col // block_tiles) for t in own} == {(row, col)}
        assert own == sorted(own, key=lambda t: (t.row, t.col))


@given(grids())
def test_numbers_stand_for_tiles_to_the_last_bit(grid: TileGrid) -> None:
    every = list(tiles(grid))
    numbers = [tile_number(grid, row=tile.row, col=tile.col) for tile in every]
    assert numbers == list(range(len(every)))
    assert [numbered_tile(grid, number) for number in numbers] == every
    assert tile_bounds(grid, numbers).tolist() == [list(tile.bounds) for tile in every]
    assert core_sizes(grid, numbers).tolist() == [[tile.core.height, tile.core.width] for tile in every]


def test_tile_bounds_are_where_hand_arithmetic_puts_them() -> None:
    tile = tile_at(make_grid(), row=1, col=2)
    assert (tile.window.row, tile.window.col) == (192, 384)
    assert tile.bounds == pytest.approx((500115.3, 5699865.9, 500192.1, 5699942.7), abs=1e-6)
    assert tile.transform.c == tile.bounds[0] and tile.transform.f == tile.bounds[3]
    assert (tile.core.row, tile.core.height, tile.core.col, tile.core.width) == (224, 192, 416, 192)


def test_a_region_smaller_than_a_tile_has_one_tile() -> None:
    grid = make_grid(10, 20)
    (tile,) = tiles(grid)
    assert (tile.core.width, tile.core.height, tile.window.width) == (10, 20, 256)


def test_blocks_of_skipped_tiles_are_left_out() -> None:
    grid = make_grid(2000, 2000)
    numbers = [tile_number(grid, row=5, col=5), tile_number(grid, row=0, col=1), tile_number(grid, row=0, col=0)]
    found = [(row, col, members.tolist()) for row, col, members in group_tiles(grid, numbers, 4)]
    assert found == [(0, 0, [2, 1]), (1, 1, [0])]
    assert list(group_tiles(grid, [], 4)) == []


def test_tiles_and_grids_travel_by_pickle() -> None:
    grid = make_grid()
    assert pickle.loads(pickle.dumps(grid)) == grid  # noqa: S301
    assert pickle.loads(pickle.dumps(tile_at(grid, row=0, col=1))) == tile_at(grid, row=0, col=1)  # noqa: S301


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"tile": 256, "overlap": 256},
            "tile_px=256 is not larger than overlap_px=256; choose overlap_px below tile",
        ),
        ({"overlap": -1}, "overlap_px=-1 is negative"),
        ({"width": 0}, "the region is 0 x 700 px"),
        ({"transform": Affine(0.3, 0.1, 0, 0, -0.3, 0)}, "not north-up"),
        ({"transform": Affine(0.3, 0, 0, 0, -0.4, 0)}, "not north-up with square pixels"),
    ],
)
def test_grids_that_cannot_be_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_grid(**options)


def test_tiles_beyond_the_grid_are_refused() -> None:
    with pytest.raises(ConfigError, match="no tile at row 9, col 0"):
        tile_at(make_grid(), row=9, col=0)
    with pytest.raises(ConfigError, match="block_tiles=0 is below 1"):
        list(group_tiles(make_grid(), [0], 0))
