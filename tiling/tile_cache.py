"""Tiles of a service -> RGBA pixels, from the cache where they lie there, else from the server, politely."""

import contextlib
import fcntl
import hashlib
import time
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import MemoryFile

from groundplan.errors import SceneError
from groundplan.whole import write_bytes_whole, write_text_whole
from tiling.colors import color_names
from tiling.fetch import FIRST_WAIT_S, fetch
from tiling.tile_service import TileService

MAX_TILE_BYTES = 2**23
"""A 512 px tile as uncompressed TIFF has 1 MB; nothing sensible is larger than 8 MiB."""

MAX_HELD = 256
"""Decoded tiles kept in memory: 256 tiles of 256 px RGBA are 64 MiB."""

FORMATS = ("PNG", "JPEG", "WEBP", "GTiff")
HOLE_S = 7 * 86400.0
"""A tile that the server did not have (404) is asked for again after a week: it may have been made since."""

Window = tuple[tuple[int, int], tuple[int, int]]


class TileDataset:
    """The tiles of a service as one raster of four bands, with what reading takes of rasterio's interface."""

    def __init__(self, service: TileService, *, width: int, height: int) -> None:
        self.service = service
        self.width = width
        self.height = height
        self._held: OrderedDict[tuple[int, int], NDArray[np.uint8] | None] = OrderedDict()

    def close(self) -> None:
        """Let go of the decoded tiles."""
        self._held.clear()

    def read(self, bands: int | Sequence[int], *, window: Window) -> NDArray[np.uint8]:
        """Read a rectangle; tiles that the server does not have are transparent.

        Raises
        ------
        SceneError
            A tile cannot be had, or is no image of the right size.
        """
        (row0, row1), (col0, col1) = window
        side = self.service.tile_px
        out = np.zeros((4, row1 - row0, col1 - col0), np.uint8)
        for row in range(row0 // side, -(-row1 // side)):
            for col in range(col0 // side, -(-col1 // side)):
                pixels = self._tile(col + self.service.col, row + self.service.row)
                if pixels is None:
                    continue
                top, left = row * side, col * side
                r0, r1 = max(row0, top), min(row1, top + side)
                c0, c1 = max(col0, left), min(col1, left + side)
                out[:, r0 - row0 : r1 - row0, c0 - col0 : c1 - col0] = pixels[
                    :, r0 - top : r1 - top, c0 - left : c1 - left
                ]
        return out[bands - 1] if isinstance(bands, int) else out[[band - 1 for band in bands]]

    def _tile(self, col: int, row: int) -> NDArray[np.uint8] | None:
        if (col, row) in self._held:
            self._held.move_to_end((col, row))
            return self._held[col, row]
        data = cached_tile(self.service, col, row)
        pixels = decode_tile(data, self.service, col, row) if data else None
        if len(self._held) >= MAX_HELD:
            self._held.popitem(last=False)
        self._held[col, row] = pixels
        return pixels


def cached_tile(service: TileService, col: int, row: int) -> bytes:
    """Return a tile's file, fetched when the cache does not have it; empty where the server has none.

    What is in the cache stays valid; only that there was nothing is believed for no more than `HOLE_S`.
    """
    folder = service.cache / hashlib.sha256(service.address.encode()).hexdigest()[:16]
    path = folder / str(service.zoom) / str(col) / f"{row}.tile"
    with contextlib.suppress(FileNotFoundError):
        # Where the clock jumped back, the age is negative: then as well.
        if path.stat().st_size or 0 <= time.time() - path.stat().st_mtime < HOLE_S:
            return path.read_bytes()
    if not (folder / "address.txt").is_file():
        write_text_whole(folder / "address.txt", service.address + "\n")
    keep_pace(folder / "pace", service.requests_per_s)
    # Trying again keeps the pace too.
    wait_s = max(FIRST_WAIT_S, 1 / service.requests_per_s)
    answer = fetch(service.tile_address(col, row), max_bytes=MAX_TILE_BYTES, first_wait_s=wait_s)
    data = answer.data or b""
    if data:
        decode_tile(data, service, col, row)  # what is no tile must not stay in the cache
    write_bytes_whole(path, data)
    return data


def keep_pace(path: Path, requests_per_s: float) -> None:
    """Wait for this request's turn; all processes that share the file take turns.

    The monotonic clock is one for all processes of a machine, and nobody can set it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(0)
        now = time.monotonic()
        try:
            written, turn = map(float, stream.read().split())
        except ValueError:
            written = turn = now
        # Written later than now: the machine was started anew since, and its clock with it.
        turn = now if written > now else max(turn, now)
        stream.seek(0)
        stream.truncate()
        stream.write(f"{now!r} {turn + 1 / requests_per_s!r}")
    if turn > now:
        time.sleep(turn - now)


def decode_tile(data: bytes, service: TileService, col: int, row: int) -> NDArray[np.uint8]:
    """Return RGBA pixels of a tile's file, shape (4, tile_px, tile_px).

    Raises
    ------
    SceneError
        It is no image, or of another size than the region file says.
    """
    where = f"tile {service.zoom}/{col}/{row} of {service.address}"
    try:
        with _unplaced(), MemoryFile(data) as memory, memory.open(driver=list(FORMATS)) as dataset:
            if (dataset.width, dataset.height) != (service.tile_px, service.tile_px):
                raise SceneError(
                    f"{where} has {dataset.width} x {dataset.height} px, not {service.tile_px}; "
                    f"set [sources] tile_px = {dataset.width}"
                )
            return _rgba(dataset)
    except RasterioError as err:
        start = " ".join(data[:60].decode("ascii", "replace").split())
        raise SceneError(f"{where} is no image but {start!r}; check the address and your access") from err


@contextlib.contextmanager
def _unplaced() -> Iterator[None]:
    """Let images pass that say nothing of their place: the address does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _rgba(dataset: Any) -> NDArray[np.uint8]:
    alpha = dataset.dataset_mask()
    if dataset.dtypes[0] != "uint8":
        raise RasterioError(f"{dataset.dtypes[0]} values")
    if dataset.count == 1 and color_names(dataset) == ("palette",):
        palette = np.zeros((256, 4), np.uint8)
        for value, colour in dataset.colormap(1).items():
            if 0 <= value < 256:
                palette[value] = colour
        pixels = palette[dataset.read(1)].transpose(2, 0, 1)
        return np.ascontiguousarray(np.concatenate([pixels[:3], np.minimum(pixels[3:], alpha[None])]))
    colours = dataset.read([1, 2, 3] if dataset.count >= 3 else [1, 1, 1])
    return np.concatenate([colours, alpha[None]])
