"""A region -> the tiles that there is work for, in blocks, and which scenes they touch, as numbers of tiles."""

import math
from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from groundplan.errors import ConfigError
from tiling.grid import Block, Tile, TileGrid, group_tiles, numbered_tile, tile_bounds
from tiling.region import Region

MAX_TILES = 2_000_000
"""A region may have so many: 26,000 km2 at 0.3 m in tiles of 512 px, and 200 MB of plan."""

AT_ONCE = 2**16
"""Tiles whose outlines are held at once."""

Numbers = NDArray[np.int64]


def covering_scenes(region: Region, bounds: ArrayLike) -> tuple[tuple[int, ...], ...]:
    """Return, for each window, the indices of the scenes that it touches, in order of priority.

    A window outside the aoi gets (), as one that no scene touches: there is nothing to read for it.

    Parameters
    ----------
    region : Region
    bounds : array_like of shape (T, 4)
        Left, bottom, right, top of the windows in the grid's CRS, as `Tile.bounds`.
    """
    windows = np.asarray(bounds, float).reshape(-1, 4)
    found: list[list[int]] = [[] for _ in windows]
    tree = shapely.STRtree(np.array(region.footprints, dtype=object))
    for window, scene in zip(*_touching(region, tree, windows), strict=True):
        found[int(window)].append(int(scene))
    return tuple(tuple(indices) for indices in found)


def covered_tiles(region: Region) -> tuple[Tile, ...]:
    """Return the tiles that some scene and the aoi touch, row-major; the work that there is to do."""
    numbers = np.unique(_covered(region)[0])
    return tuple(numbered_tile(region.grid, int(number)) for number in numbers)


def covered_blocks(region: Region, block_tiles: int) -> tuple[Block, ...]:
    """Return the blocks of block_tiles x block_tiles tiles, with only the tiles that there is work for.

    The cost grows with the scenes' area, not with the grid's: far-apart scenes do not enumerate the gap.

    Raises
    ------
    ConfigError
        There are more than `MAX_TILES` tiles, or block_tiles is below 1.
    """
    numbers, scenes = _covered(region)
    return tuple(
        Block(
            row=row,
            col=col,
            grid=region.grid,
            numbers=tuple(np.unique(numbers[members]).tolist()),
            scenes=tuple(np.unique(scenes[members]).tolist()),
        )
        for row, col, members in group_tiles(region.grid, numbers, block_tiles)
    )


def _covered(region: Region) -> tuple[Numbers, Numbers]:
    """Return the numbers of tiles and the scenes that they touch, a pair for each touch; by tile, then scene."""
    tree = shapely.STRtree(np.array(region.footprints, dtype=object))
    candidates = _candidates(region)
    tiles, scenes = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(candidates), AT_ONCE):
        some = candidates[start : start + AT_ONCE]
        at, scene = _touching(region, tree, tile_bounds(region.grid, some))
        tiles.append(some[at])
        scenes.append(scene)
    return np.concatenate(tiles), np.concatenate(scenes)


def _touching(region: Region, tree: shapely.STRtree, bounds: NDArray[np.float64]) -> tuple[Numbers, Numbers]:
    """Return pairs of windows and scenes that touch, by window, then scene; none outside the aoi."""
    boxes = shapely.box(*bounds.T)
    windows, scenes = tree.query(boxes, predicate="intersects")
    if region.aoi is not None:
        inside = shapely.intersects(region.aoi, boxes)[windows]
        windows, scenes = windows[inside], scenes[inside]
    order = np.lexsort((scenes, windows))
    return windows[order].astype(np.int64), scenes[order].astype(np.int64)


def _candidates(region: Region) -> Numbers:
    """Return the numbers of tiles that lie in the bounds of any scene, ascending."""
    found = np.zeros(0, np.int64)
    waiting: list[Numbers] = []
    for some in _in_bounds(region):
        waiting.append(some)
        # Now and then, not each time: thousands of scenes may share the same tiles.
        if sum(map(len, waiting)) > MAX_TILES:
            found, waiting = _union(found, waiting), []
    return _union(found, waiting)


def _union(found: Numbers, waiting: list[Numbers]) -> Numbers:
    out = np.unique(np.concatenate([found, *waiting]))
    _check_count(len(out))
    return out


def _in_bounds(region: Region) -> Iterator[Numbers]:
    grid, inverse = region.grid, ~region.grid.transform
    for left, bottom, right, top in shapely.bounds(list(region.footprints)).tolist():
        cols = _tile_range(left * inverse.a + inverse.c, right * inverse.a + inverse.c, grid, grid.n_cols)
        rows = _tile_range(top * inverse.e + inverse.f, bottom * inverse.e + inverse.f, grid, grid.n_rows)
        _check_count(len(rows) * len(cols))
        yield (np.array(rows, np.int64)[:, None] * grid.n_cols + np.array(cols, np.int64)).ravel()


def _check_count(count: int) -> None:
    if count > MAX_TILES:
        raise ConfigError(f"the region has {count} tiles, more than {MAX_TILES}; name a smaller aoi, or split it")


def _tile_range(first_px: float, end_px: float, grid: TileGrid, count: int) -> range:
    """Return the tiles whose windows a stretch of pixels can touch along one axis."""
    first = math.floor((first_px - grid.tile_px) / grid.stride_px)
    end = math.floor(end_px / grid.stride_px) + 1
    return range(max(first, 0), min(end, count))
