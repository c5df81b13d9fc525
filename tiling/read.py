"""A tile of the region -> its image and which pixels are real, from whichever scenes show it."""

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from groundplan.errors import SceneError
from tiling.cover import covering_scenes
from tiling.damage import damage_is_an_error
from tiling.grid import Tile, Window
from tiling.on_grid import Image, Source, Valid, in_quarters, open_source, read_window
from tiling.paths import gdal_options
from tiling.patience import TRIES, forget, may_pass, patiently
from tiling.region import Region
from tiling.scene import Scene, one_line

MAX_OPEN = 64
"""Data sets kept open at once; the usual limit of open files is 1,024 a process."""

RETRY_PX = 64
"""Windows up to this size are asked for again as they are; larger ones in quarters."""


class SceneReader:
    """Reads tiles of a region; opens scenes when they are first needed and keeps them open.

    Use it as a context manager, in one thread at a time. The region that it is made from can be pickled, so each
    task makes its own, or borrows one of `KeptReaders`.

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
        self._open: OrderedDict[tuple[Scene, str], Source] = OrderedDict()

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
            if part_valid.all() and not valid.any():  # nearly every tile: nothing to put together
                return part, part_valid
            fresh = part_valid & ~valid
            np.copyto(image, part, where=fresh)
            valid |= fresh
            if valid.all():
                break
        return image, valid

    def _read_scene(self, index: int, window: Window) -> tuple[Image, Valid]:
        scene = self.region.scenes[index]

        try:
            with rasterio.Env(**gdal_options(scene.path)), damage_is_an_error(scene.path):
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
            return read_window(self._source(index), self.region.grid, window)

        path = self.region.scenes[index].path
        small = max(window.height, window.width) <= RETRY_PX or min(window.height, window.width) == 1
        try:
            return patiently(path, read, between=lambda: self._forget(index), tries=TRIES if small else 1)
        except RasterioError as err:
            if small or not may_pass(path, err):
                raise
        self._forget(index)
        forget(path)
        return in_quarters(window, lambda part: self._read_window(index, part))

    def _forget(self, index: int) -> None:
        """Close one scene; it is opened anew when it is next read."""
        key = _key(self.region.scenes[index])
        if key in self._open:
            self._open.pop(key).dataset.close()

    def close_unstamped(self) -> None:
        """Close the scenes that may change unseen: no stamp tells the next block that it has another."""
        for key in [key for key in self._open if not key[0].stamp or key[0].tiles is not None]:
            self._open.pop(key).dataset.close()

    def _source(self, index: int) -> Source:
        scene = self.region.scenes[index]
        key = _key(scene)
        if key in self._open:
            self._open.move_to_end(key)
            return self._open[key]
        if len(self._open) >= MAX_OPEN:
            self._open.popitem(last=False)[1].dataset.close()
        source = open_source(scene, self.region.grid, self._bands)
        self._open[key] = source
        return source


def _key(scene: Scene) -> tuple[Scene, str]:
    """Return what tells one scene from another: of NaN as nodata no two copies are equal."""
    return dataclasses.replace(scene, nodata=None), repr(scene.nodata)


class KeptReaders:
    """Readers that the blocks of a process hand on to each other.

    What GDAL has decoded, it keeps while a data set is open: blocks that lie side by side share a good part of the
    file's own blocks, and its header.

    Parameters
    ----------
    most : int
        Readers that are kept while nobody uses them.
    make : callable
        Makes a reader of a region.
    """

    def __init__(self, most: int = 4, *, make: Callable[[Region], SceneReader] = SceneReader) -> None:
        self._most, self._make = most, make
        self._idle: list[SceneReader] = []
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, region: Region) -> Iterator[SceneReader]:
        """Yield a reader of a region; one that failed is closed, not handed on."""
        reader = self._take(region)
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        self._keep(reader)

    def close(self) -> None:
        """Close all readers that nobody uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    def _take(self, region: Region) -> SceneReader:
        with self._lock:
            for reader in reversed(self._idle):
                # Scenes are opened for a lattice; which of them a block sees does not matter.
                if reader.region.grid == region.grid:
                    self._idle.remove(reader)
                    reader.region = region
                    return reader
        return self._make(region)

    def _keep(self, reader: SceneReader) -> None:
        reader.close_unstamped()
        with self._lock:
            self._idle.append(reader)
            old = self._idle.pop(0) if len(self._idle) > self._most else None
        if old is not None:
            old.close()
