"""A tile of the region -> its image and which pixels are real, from whichever scenes show it."""

import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from groundplan.errors import SceneError
from tiling.cover import covering_scenes
from tiling.grid import Tile, TileGrid, Window
from tiling.look import NO_LOOK, Look, file_validity, look_at, needs_look, values_validity
from tiling.paths import gdal_options
from tiling.patience import TRIES, forget, may_pass, patiently
from tiling.radiometry import to_uint8
from tiling.region import Region, on_lattice
from tiling.resample import sample_bilinear, shrink, source_coordinates
from tiling.scene import Scene, one_line, rgb_bands
from tiling.tile_cache import TileDataset

Image = NDArray[np.uint8]
Valid = NDArray[np.bool_]

MAX_OPEN = 64
"""Data sets kept open at once; the usual limit of open files is 1,024 a process."""

MAX_SOURCE_PX = 2**24
"""Source pixels held at once (3 bands of uint8: 50 MB); larger needs are read in quarters."""

RETRY_PX = 64
"""Windows up to this size are asked for again as they are; larger ones in quarters."""

TILE_ALPHA_BAND = 4
"""Of the RGBA that `TileDataset` gives, whatever form the tiles have."""

EDGE_SLACK_PX = 1e-6
"""Rounding must not leave a hole between two scenes that touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One open scene and how it is brought onto the grid."""

    dataset: Any
    scene: Scene
    look: Look
    bands: tuple[int, int, int]
    offset: tuple[int, int] | None
    """(col, row) of its first pixel on the grid, when it lies on the grid's lattice: no pixel is resampled."""
    factor: int
    """So many pixels a side are averaged into one before interpolating."""


class SceneReader:
    """Reads tiles of a region; opens scenes when they are first needed and keeps them open.

    Use it as a context manager, in the thread that made it. The region that it is made from can be pickled, so
    each task makes its own.

    Parameters
    ----------
    region : Region
    bands : sequence of int, optional
        Band numbers from 1 to show as red, green and blue (or one, repeated), for scenes whose own order is not
        to be used; see `tiling.scene.rgb_bands`.

    Examples
    --------
    ::

        with SceneReader(region) as reader:
            for tile in covered_tiles(region):
                image, valid = reader.read(tile)
    """

    def __init__(self, region: Region, *, bands: Sequence[int] | None = None) -> None:
        self.region = region
        self._bands = None if bands is None else tuple(bands)
        self._open: OrderedDict[int, _Source] = OrderedDict()

    def __enter__(self) -> "SceneReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all scenes; reading again would open them again."""
        while self._open:
            self._open.popitem()[1].dataset.close()

    def read(self, tile: Tile) -> tuple[Image, Valid]:
        """Read one tile.

        Imagery beyond the region's edge and outside the aoi is read like any other, as context for the model.

        Returns
        -------
        image : ndarray of shape (3, tile_px, tile_px), dtype uint8
            RGB; 0 where not valid.
        valid : ndarray of shape (tile_px, tile_px), dtype bool
            True = real data.

        Raises
        ------
        SceneError
            A scene has become unreadable, or is damaged at this place.

        Notes
        -----
        A pixel is that of the first scene, in the region's order, that has data there. Its value depends on its
        place on the region's grid only: not on tile_px, on which tiles were read before, or on other scenes.
        """
        window = tile.window
        image = np.zeros((3, window.height, window.width), np.uint8)
        valid = np.zeros((window.height, window.width), bool)
        for index in covering_scenes(self.region, [tile.bounds])[0]:
            part, part_valid = self._read_scene(index, window)
            fresh = part_valid & ~valid
            np.copyto(image, part, where=fresh)
            valid |= fresh
            if valid.all():
                break
        return image, valid

    def _read_scene(self, index: int, window: Window) -> tuple[Image, Valid]:
        scene = self.region.scenes[index]

        try:
            with rasterio.Env(**gdal_options(scene.path)):
                return self._read_window(index, window)
        except RasterioError as err:
            raise SceneError(
                f"cannot read pixels of {scene.path}: {one_line(err)}; copy or convert it again"
            ) from err

    def _read_window(self, index: int, window: Window) -> tuple[Image, Valid]:
        """Read a window; where a network fails, in quarters, so that each try has less to ask for.

        Where every third request fails, all the requests of a whole tile would never succeed together.
        """

        def read() -> tuple[Image, Valid]:
            source = self._source(index)
            if source.offset is not None:
                return _read_plain(source, window)
            return _read_resampled(source, self.region.grid, window)

        path = self.region.scenes[index].path
        small = max(window.height, window.width) <= RETRY_PX or min(window.height, window.width) == 1
        try:
            return patiently(path, read, between=lambda: self._forget(index), tries=TRIES if small else 1)
        except RasterioError as err:
            if small or not may_pass(path, err):
                raise
        self._forget(index)
        forget(path)
        return _in_quarters(window, lambda part: self._read_window(index, part))

    def _forget(self, index: int) -> None:
        """Close one scene; it is opened anew when it is next read."""
        if index in self._open:
            self._open.pop(index).dataset.close()

    def _source(self, index: int) -> _Source:
        if index in self._open:
            self._open.move_to_end(index)
            return self._open[index]
        if len(self._open) >= MAX_OPEN:
            self._open.popitem(last=False)[1].dataset.close()
        source = _open_source(self.region.scenes[index], self.region.grid, self._bands)
        self._open[index] = source
        return source


def _open_source(scene: Scene, grid: TileGrid, bands: tuple[int, ...] | None) -> _Source:
    chosen = rgb_bands(scene, bands=bands)
    offset = on_lattice(scene, grid.transform, grid.crs)
    ratio = grid.gsd_m / scene.gsd_m
    # A twentieth of slack: a nominal factor of 2 is often 1.99 on the ground.
    usable = [k for k, factor in enumerate(scene.overviews) if factor <= ratio * 1.05] if offset is None else []
    options = {"overview_level": usable[-1]} if usable else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = open_scene(scene, **options)
    left_over = ratio / scene.overviews[usable[-1]] if usable else ratio
    return _Source(
        dataset=dataset,
        scene=scene,
        look=_look(scene, chosen),
        bands=chosen,
        offset=offset,
        factor=max(1, round(left_over)) if offset is None else 1,
    )


def _read_plain(source: _Source, window: Window) -> tuple[Image, Valid]:
    """Copy the pixels of a scene that lies on the grid's own lattice."""
    assert source.offset is not None
    scene = source.scene
    col, row = window.col - source.offset[0], window.row - source.offset[1]
    col0, col1 = max(col, 0), min(col + window.width, scene.width)
    row0, row1 = max(row, 0), min(row + window.height, scene.height)
    image = np.zeros((3, window.height, window.width), np.uint8)
    valid = np.zeros((window.height, window.width), bool)
    if col0 < col1 and row0 < row1:
        place = np.s_[row0 - row : row1 - row, col0 - col : col1 - col]
        image[:, *place], valid[place] = _read_file(source, row0=row0, row1=row1, col0=col0, col1=col1)
    return image, valid


def _read_resampled(source: _Source, grid: TileGrid, window: Window) -> tuple[Image, Valid]:
    """Bring the pixels of any other scene onto the grid: overview, average by a whole factor, interpolate."""
    scene, dataset, factor = source.scene, source.dataset, source.factor
    cols, rows = source_coordinates(grid, window, transform=scene.transform, crs=scene.crs, width_px=scene.width)
    inside = (cols >= -EDGE_SLACK_PX) & (cols < scene.width + EDGE_SLACK_PX)
    inside &= (rows >= -EDGE_SLACK_PX) & (rows < scene.height + EDGE_SLACK_PX)
    if not inside.any():
        return np.zeros((3, *inside.shape), np.uint8), inside
    cols *= dataset.width / (scene.width * factor)
    rows *= dataset.height / (scene.height * factor)
    # In cells of factor x factor pixels: one more on each side for the neighbour that interpolation needs.
    col0, col1 = _cells(cols[inside], -(-dataset.width // factor))
    row0, row1 = _cells(rows[inside], -(-dataset.height // factor))
    if (col1 - col0) * (row1 - row0) * factor**2 > MAX_SOURCE_PX and min(window.height, window.width) > 1:
        return _in_quarters(window, lambda part: _read_resampled(source, grid, part))
    image, valid = _read_file(
        source,
        row0=row0 * factor,
        row1=min(row1 * factor, dataset.height),
        col0=col0 * factor,
        col1=min(col1 * factor, dataset.width),
    )
    if not valid.any():
        return np.zeros((3, *inside.shape), np.uint8), np.zeros_like(inside)
    image, valid = shrink(image, valid, factor)
    out, kept = sample_bilinear(image, valid, cols=cols, rows=rows, origin=(row0, col0))
    if not inside.all():
        kept &= inside
        out *= inside
    return out, kept


def _in_quarters(window: Window, read: Callable[[Window], tuple[Image, Valid]]) -> tuple[Image, Valid]:
    """Put a window together from its quarters; a pixel's value does not depend on the window it is read in."""
    image = np.zeros((3, window.height, window.width), np.uint8)
    valid = np.zeros((window.height, window.width), bool)
    high, wide = window.height // 2, window.width // 2
    for row, height in ((0, high), (high, window.height - high)):
        for col, width in ((0, wide), (wide, window.width - wide)):
            part = Window(row=window.row + row, col=window.col + col, height=height, width=width)
            place = np.s_[row : row + height, col : col + width]
            image[:, *place], valid[place] = read(part)
    return image, valid


def _cells(places: NDArray[np.float64], count: int) -> tuple[int, int]:
    """Return the range of cells that interpolation at these places touches."""
    first = max(int(np.floor(places.min() - 0.5)), 0)
    return min(first, count - 1), min(max(int(np.floor(places.max() - 0.5)) + 2, 1), count)


def _read_file(source: _Source, *, row0: int, row1: int, col0: int, col1: int) -> tuple[Image, Valid]:
    """Read a rectangle of the (overview of the) file: grey levels, and which pixels are real."""
    dataset, look = source.dataset, source.look
    window = ((row0, row1), (col0, col1))
    valid = file_validity(dataset, source.scene, look, window=window)
    if not valid.any():  # nothing to decode
        return np.zeros((3, *valid.shape), np.uint8), valid
    wanted = sorted(set(source.bands))
    values = dataset.read(wanted, window=window)
    valid &= values_validity(values, source.scene)
    values = values[[wanted.index(band) for band in source.bands]]
    grey = values if look.stretch is None else to_uint8(values, look.stretch)
    return (grey if valid.all() else grey * valid), valid


def open_scene(scene: Scene, *, overview_level: int | None = None) -> Any:
    """Return a scene's data set: rasterio's, or what reads the tiles of a service as one."""
    if scene.tiles is not None:
        return TileDataset(scene.tiles, width=scene.width, height=scene.height)
    return rasterio.open(scene.path, **({} if overview_level is None else {"overview_level": overview_level}))


@lru_cache(maxsize=1024)
def _look(scene: Scene, bands: tuple[int, int, int]) -> Look:
    """Look at a scene once a process; the scene's stamp keeps a changed file apart."""
    if scene.tiles is not None:  # looking would fetch tiles from all over; their fourth band is made by us
        return Look(stretch=scene.stretch, alpha_band=TILE_ALPHA_BAND, alpha_full=255.0)
    if not needs_look(scene):
        return NO_LOOK
    # Another data set than the one tiles are read from: that one may be opened on a single overview.
    with open_scene(scene) as dataset:
        return look_at(dataset, scene, bands=bands)
