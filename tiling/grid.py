"""A region's size in pixels -> tiles that overlap, and cores that partition it; numbers only."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import ArrayLike, NDArray

from groundplan.errors import ConfigError

Bounds = tuple[float, float, float, float]
"""(left, bottom, right, top) in the grid's CRS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A rectangle of whole pixels of the region's grid."""

    row: int
    """First row, px; counted from the top of the region."""
    col: int
    """First column, px; counted from the left of the region."""
    height: int
    """Rows, px."""
    width: int
    """Columns, px."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One cell of the grid: what it reads and what it owns."""

    row: int
    """Row of the tile among tiles, from the top."""
    col: int
    """Column of the tile among tiles, from the left."""
    window: Window
    """Pixels read, always tile_px x tile_px; the last row and column reach beyond the region's edge."""
    core: Window
    """Pixels owned, inside the region; the cores of all tiles partition it."""
    transform: Affine
    """Corner of the window's pixels -> CRS."""
    bounds: Bounds
    """The window's edges; tiles that share an edge share the very same float."""
    core_bounds: Bounds
    """The core's edges; neighbours share the very same float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileGrid:
    """A region's pixel lattice and how it is cut into tiles.

    Examples
    --------
    >>> grid = TileGrid(tile_px=512, overlap_px=128, width_px=1000, height_px=512,
    ...                 transform=Affine(0.3, 0, 3e5, 0, -0.3, 4e6), crs=pyproj.CRS.from_epsg(32645))
    >>> grid.n_rows, grid.n_cols
    (1, 3)
    >>> [(t.core.col, t.core.width) for t in tiles(grid)]
    [(0, 448), (448, 384), (832, 168)]
    """

    tile_px: int
    """Side of a tile, px."""
    overlap_px: int
    """Pixels that neighbouring tiles share."""
    width_px: int
    """Columns of the region, px."""
    height_px: int
    """Rows of the region, px."""
    transform: Affine
    """Corner of the region's pixels -> CRS; north-up with square pixels."""
    crs: pyproj.CRS
    """Metric CRS of the region."""

    def __post_init__(self) -> None:
        if self.overlap_px < 0:
            raise ConfigError(f"overlap_px={self.overlap_px} is negative; choose 0 or more")
        if self.tile_px <= self.overlap_px:
            raise ConfigError(
                f"tile_px={self.tile_px} is not larger than overlap_px={self.overlap_px}; "
                "choose overlap_px below tile_px"
            )
        if self.width_px < 1 or self.height_px < 1:
            raise ConfigError(
                f"the region is {self.width_px} x {self.height_px} px; it must be at least 1 x 1: check the scenes"
            )
        t = self.transform
        if t.b != 0 or t.d != 0 or t.a <= 0 or t.e != -t.a:
            raise ConfigError(
                f"the grid's transform {tuple(t)[:6]} is not north-up with square pixels; make it so"
            )

    @property
    def stride_px(self) -> int:
        """Distance from one tile to the next, px."""
        return self.tile_px - self.overlap_px

    @property
    def n_rows(self) -> int:
        """Rows of tiles."""
        return _n_tiles(self.height_px, self.tile_px, self.stride_px)

    @property
    def n_cols(self) -> int:
        """Columns of tiles."""
        return _n_tiles(self.width_px, self.tile_px, self.stride_px)

    @property
    def gsd_m(self) -> float:
        """Side of a pixel in metres of the CRS."""
        return float(self.transform.a)

    @property
    def bounds(self) -> Bounds:
        """Edges of the region."""
        return window_bounds(self, Window(row=0, col=0, height=self.height_px, width=self.width_px))


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Neighbouring tiles that one task works through; it knows their numbers and makes them when asked."""

    row: int
    """Row of the block among blocks, from the top."""
    col: int
    """Column of the block among blocks, from the left."""
    grid: TileGrid
    """The grid of its tiles."""
    numbers: tuple[int, ...]
    """`tile_number` of each tile, ascending; fewer than a full block's at the edges or where some were skipped."""
    scenes: tuple[int, ...] = ()
    """Indices of the region's scenes that its tiles touch, in order of priority."""

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles, row-major; made anew each time."""
        return tuple(numbered_tile(self.grid, number) for number in self.numbers)


def _n_tiles(length_px: int, tile_px: int, stride_px: int) -> int:
    """Return the smallest number of tiles that reaches the end of a line."""
    return max(1, -(-(length_px - tile_px) // stride_px) + 1)


def _core(index: int, count: int, grid: TileGrid, length_px: int) -> tuple[int, int]:
    """Return first pixel and size of what the tile owns along one axis: seams are split in the middle."""
    half = grid.overlap_px // 2
    first = 0 if index == 0 else index * grid.stride_px + half
    end = length_px if index == count - 1 else (index + 1) * grid.stride_px + half
    return first, end - first


def window_bounds(grid: TileGrid, window: Window) -> Bounds:
    """Return the edges of a window in the grid's CRS."""
    t = grid.transform
    return (
        t.c + t.a * window.col,
        t.f + t.e * (window.row + window.height),
        t.c + t.a * (window.col + window.width),
        t.f + t.e * window.row,
    )


def window_transform(grid: TileGrid, window: Window) -> Affine:
    """Return the transform from a window's pixel corners to the grid's CRS."""
    t = grid.transform
    return Affine(t.a, 0.0, t.c + t.a * window.col, 0.0, t.e, t.f + t.e * window.row)


def tile_at(grid: TileGrid, *, row: int, col: int) -> Tile:
    """Return one tile of the grid.

    All windows are tile_px x tile_px and lie on one regular raster of stride_px: the last ones reach beyond the
    region, where the reader finds either more imagery or nothing, rather than being shifted inwards, which would
    make their overlap irregular and fail for regions smaller than a tile.

    Raises
    ------
    ConfigError
        The grid has no such row or column.
    """
    if not (0 <= row < grid.n_rows and 0 <= col < grid.n_cols):
        raise ConfigError(f"no tile at row {row}, col {col}; the grid has {grid.n_rows} rows, {grid.n_cols} cols")
    window = Window(row=row * grid.stride_px, col=col * grid.stride_px, height=grid.tile_px, width=grid.tile_px)
    core_row, core_height = _core(row, grid.n_rows, grid, grid.height_px)
    core_col, core_width = _core(col, grid.n_cols, grid, grid.width_px)
    core = Window(row=core_row, col=core_col, height=core_height, width=core_width)
    return Tile(
        row=row,
        col=col,
        window=window,
        core=core,
        transform=window_transform(grid, window),
        bounds=window_bounds(grid, window),
        core_bounds=window_bounds(grid, core),
    )


def tile_number(grid: TileGrid, *, row: int, col: int) -> int:
    """Return the place of a tile in the row-major order of all the grid's tiles."""
    return row * grid.n_cols + col


def numbered_tile(grid: TileGrid, number: int) -> Tile:
    """Return the tile that `tile_number` gave the number of."""
    row, col = divmod(number, grid.n_cols)
    return tile_at(grid, row=row, col=col)


def tile_bounds(grid: TileGrid, numbers: ArrayLike) -> NDArray[np.float64]:
    """Return `Tile.bounds` of many tiles, to the last bit, without making them; shape (T, 4).

    Parameters
    ----------
    grid : TileGrid
    numbers : array_like of int, shape (T,)
        From `tile_number`.
    """
    rows, cols = np.divmod(np.asarray(numbers, np.int64), grid.n_cols)
    t, top, left = grid.transform, rows * grid.stride_px, cols * grid.stride_px
    return np.column_stack(
        [
            t.c + t.a * left,
            t.f + t.e * (top + grid.tile_px),
            t.c + t.a * (left + grid.tile_px),
            t.f + t.e * top,
        ]
    )


def core_sizes(grid: TileGrid, numbers: ArrayLike) -> NDArray[np.int64]:
    """Return height and width of the cores of many tiles, px, without making them; shape (T, 2)."""
    rows, cols = np.divmod(np.asarray(numbers, np.int64), grid.n_cols)
    heights = _owned(rows, grid.n_rows, grid, grid.height_px)
    return np.column_stack([heights, _owned(cols, grid.n_cols, grid, grid.width_px)])


def _owned(indices: NDArray[np.int64], count: int, grid: TileGrid, length_px: int) -> NDArray[np.int64]:
    known, at = np.unique(indices, return_inverse=True)
    sizes = [_core(index, count, grid, length_px)[1] for index in known.tolist()]
    return np.array(sizes, np.int64)[at]


def tiles(grid: TileGrid) -> Iterator[Tile]:
    """Yield every tile of the grid, row-major."""
    for row in range(grid.n_rows):
        for col in range(grid.n_cols):
            yield tile_at(grid, row=row, col=col)


def group_tiles(
    grid: TileGrid, numbers: ArrayLike, block_tiles: int
) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
    """Yield blocks of block_tiles x block_tiles places, row-major, and which of `numbers` lie in each.

    Parameters
    ----------
    grid : TileGrid
    numbers : array_like of int, shape (T,)
        From `tile_number`, in any order.
    block_tiles : int
        Tiles along each side of a block.

    Yields
    ------
    row, col : int
        Of the block among blocks.
    members : ndarray of shape (M,), dtype int64
        Indices into `numbers`, by ascending number.

    Raises
    ------
    ConfigError
        block_tiles is below 1.
    """
    if block_tiles < 1:
        raise ConfigError(f"block_tiles={block_tiles} is below 1; choose 1 or more tiles a side")
    known = np.asarray(numbers, np.int64)
    rows, cols = np.divmod(known, grid.n_cols)
    across = -(-grid.n_cols // block_tiles)
    owner = rows // block_tiles * across + cols // block_tiles
    order = np.lexsort((known, owner))
    for members in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1):
        if len(members):
            row, col = divmod(int(owner[members[0]]), across)
            yield row, col, members
