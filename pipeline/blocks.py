"""One block task -> its part on disk: read ahead, detect, outline; everything a Dask worker does."""

import itertools
import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.errors import ShapelyError

from detection.accelerator import check_accelerator, free_accelerator
from detection.detector import Detector
from detection.load import DetectorSpec, load_detector
from groundplan.errors import Error
from groundplan.geoparquet import write_parquet
from groundplan.labels import LABELS
from groundplan.records import Detections
from groundplan.whole import write_text_whole
from pipeline.ahead import ahead
from pipeline.plan import BlockTask
from pipeline.shown import detect_shown
from pipeline.stage_code import check_arithmetic, check_code
from postprocess.parts import TileFootprints, parts_frame, tile_footprints
from tiling.grid import Tile
from tiling.owned import drawn_here
from tiling.paths import without_secrets
from tiling.read import KeptReaders, SceneReader

log = logging.getLogger(__name__)

TRIES = 2
"""How often a tile is tried before it is recorded as failed: a server's hiccup passes, a damaged file does not."""

READ_AHEAD = 2
"""Tiles read while the network looks at earlier ones, beyond those it takes at once; a fast disk needs one."""

PASSING = (Error, OSError, RuntimeError, ValueError, ArithmeticError, MemoryError, ShapelyError)
"""Anything that a tile's pixels can cause; a bug in our own code (TypeError, KeyError, ...) stops the run."""


_READERS = KeptReaders()

_LOOKING = threading.Lock()
"""Held while the network looks or is loaded; a worker's other thread then reads or outlines another block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileFailure:
    """A tile that could not be worked through."""

    row: int
    col: int
    error: str
    """One line."""
    coarse: bool = False
    """Whether it is a tile of the coarse pass, which has its own rows and columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockResult:
    """What happened in a block; the polygons lie in its part."""

    row: int
    col: int
    part: str
    """File name in the run's parts folder."""
    n_tiles: int
    n_empty: int
    """Tiles without a single valid pixel."""
    n_parts: int
    failures: tuple[TileFailure, ...] = ()
    read_s: float = 0.0
    """Seconds of reading, most of them while the network was at work."""
    wait_s: float = 0.0
    """Seconds for which the block waited for reading; another block may have had the network meanwhile."""
    detect_s: float = 0.0
    outline_s: float = 0.0
    valid_km2: float = 0.0
    """Ground with valid pixels inside the tiles' cores; 0 in the coarse pass, which looks at it a second time."""
    coarse: bool = False
    empty: tuple[tuple[int, int], ...] = ()
    """Row and column of each tile without imagery; () as well in records from before it was kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A tile as it was read."""

    tile: Tile
    image: NDArray[np.uint8] | None
    """None where it could not be read."""
    valid: NDArray[np.bool_] | None
    error: str
    seconds: float


@dataclass(slots=True)
class _Clock:
    read_s: float = 0.0
    wait_s: float = 0.0
    detect_s: float = 0.0
    outline_s: float = 0.0
    valid_px: int = 0
    empty: list[tuple[int, int]] = field(default_factory=list)
    failures: list[TileFailure] = field(default_factory=list)


def run_block(task: BlockTask) -> BlockResult:
    """Work through a block, write its part and say what happened.

    Tiles are read in another thread while the network looks at earlier ones. One that fails is tried again, then
    recorded; the rest of the block goes on. The part is written whole before the record that vouches for it.

    Raises
    ------
    OutputError
        The part cannot be written.
    WeightsError
        The weights cannot be loaded.
    ConfigError
        The task was planned by other code than this, or for another way of computing.
    DeviceError
        This process can no longer use the accelerator; there is no part then, and another process may make it.
    """
    check_code(task.code)
    with _LOOKING:
        detector = worker_detector(task.detector)
    check_arithmetic(task.arithmetic, detector.info.arithmetic)
    clock = _Clock()
    seen: list[TileFootprints] = []
    at_once = detector.batch_tiles
    with ahead(_reads(task), depth=READ_AHEAD + at_once - 1) as reads:
        for some in _batches(_seen(reads, task, clock), at_once):
            seen += _footprints(some, task, detector=detector, clock=clock)
    parts = parts_frame(seen, crs=task.region.grid.crs)
    write_parquet(parts, task.part)
    result = BlockResult(
        row=task.row,
        col=task.col,
        part=task.part.name,
        n_tiles=len(task.numbers),
        n_empty=len(clock.empty),
        empty=tuple(clock.empty),
        n_parts=len(parts),
        failures=tuple(clock.failures),
        read_s=round(clock.read_s, 3),
        wait_s=round(clock.wait_s, 3),
        detect_s=round(clock.detect_s, 3),
        outline_s=round(clock.outline_s, 3),
        valid_km2=0.0 if task.coarse else clock.valid_px * task.region.grid.gsd_m**2 / 1e6,
        coarse=task.coarse,
    )
    write_text_whole(task.done, json.dumps(asdict(result), sort_keys=True) + "\n")
    return result


@lru_cache(maxsize=1)
def worker_detector(spec: DetectorSpec) -> Detector:
    """Return the detector, loaded once per process."""
    return load_detector(spec)


def close_readers() -> None:
    """Close the scenes that this process keeps open for its next block."""
    _READERS.close()


def read_result(path: Path) -> BlockResult | None:
    """Return what an earlier run recorded for a block; None when there is no whole record."""
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        failures = tuple(TileFailure(**each) for each in table.pop("failures"))
        empty = tuple((int(row), int(col)) for row, col in table.pop("empty", ()))
        return BlockResult(**table, failures=failures, empty=empty)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def standing_result(task: BlockTask) -> BlockResult | None:
    """Return what is recorded of a block whose part is there; None where it is not, or tiles of it failed."""
    result = read_result(task.done) if task.part.is_file() else None
    stands = result is not None and not result.failures and result.part == task.part.name
    return result if stands else None


def _reads(task: BlockTask) -> Iterator[_Read]:
    """Read a block's tiles in turn; runs, as a whole, in the thread that reads ahead."""
    with _READERS.lend(task.region) as reader:
        for tile in task.tiles:
            yield _read(tile, reader)


def _read(tile: Tile, reader: SceneReader) -> _Read:
    started = time.perf_counter()
    image = valid = None
    for attempt in range(1, TRIES + 1):
        try:
            image, valid = reader.read(tile)
            error = ""
            break
        except PASSING as err:
            error = _one_line(err)
            log.warning("tile row %d, col %d, read %d of %d: %s", tile.row, tile.col, attempt, TRIES, error)
            reader.close()
    return _Read(tile=tile, image=image, valid=valid, error=error, seconds=time.perf_counter() - started)


def _seen(reads: Iterator[_Read], task: BlockTask, clock: _Clock) -> Iterator[_Read]:
    """Pass on the tiles that show anything; note the empty and the unreadable ones."""
    waiting = time.perf_counter()
    for read in reads:
        clock.wait_s += time.perf_counter() - waiting
        clock.read_s += read.seconds
        tile = read.tile
        if read.valid is None:
            clock.failures.append(TileFailure(row=tile.row, col=tile.col, error=read.error, coarse=task.coarse))
        elif read.valid.any():
            yield read
        else:
            clock.empty.append((tile.row, tile.col))
        waiting = time.perf_counter()


def _batches(reads: Iterator[_Read], size: int) -> Iterator[list[_Read]]:
    while some := list(itertools.islice(reads, size)):
        yield some


def _footprints(
    reads: Sequence[_Read], task: BlockTask, *, detector: Detector, clock: _Clock
) -> list[TileFootprints]:
    """Detect and outline the tiles of a batch; where that fails, each on its own."""
    for attempt in range(1, TRIES + 1):
        try:
            return _detected(reads, task, detector=detector, clock=clock)
        except PASSING as err:
            check_accelerator(err)
            error = _one_line(err)
        # Not above: there the error holds what the failed pass had in memory.
        free_accelerator()
        if len(reads) > 1:
            return [tile for read in reads for tile in _footprints([read], task, detector=detector, clock=clock)]
        tile = reads[0].tile
        log.warning("tile row %d, col %d, try %d of %d: %s", tile.row, tile.col, attempt, TRIES, error)
    clock.failures.append(TileFailure(row=tile.row, col=tile.col, error=error, coarse=task.coarse))
    return []


def _detected(
    reads: Sequence[_Read], task: BlockTask, *, detector: Detector, clock: _Clock
) -> list[TileFootprints]:
    grid = task.region.grid
    images = [read.image for read in reads if read.image is not None]
    valid = [read.valid for read in reads if read.valid is not None]
    with _LOOKING:
        started = time.perf_counter()
        drawn = [partial(drawn_here, tile=read.tile, grid=grid) for read in reads]
        every = detect_shown(detector, images, valid, drawn)
        clock.detect_s += time.perf_counter() - started
    started = time.perf_counter()
    footprints = [
        tile_footprints(
            _wanted(found, task),
            transform=read.tile.transform,
            tile_px=grid.tile_px,
            valid=read.valid,
            options=task.polygons,
        )
        for read, found in zip(reads, every, strict=True)
    ]
    clock.outline_s += time.perf_counter() - started
    clock.valid_px += sum(_owned_px(read) for read in reads)
    return footprints


def _owned_px(read: _Read) -> int:
    """Return how many valid pixels a tile owns."""
    assert read.valid is not None
    window, core = read.tile.window, read.tile.core
    top, left = core.row - window.row, core.col - window.col
    return int(read.valid[top : top + core.height, left : left + core.width].sum())


def _one_line(err: BaseException) -> str:
    lines = str(err).splitlines()
    return without_secrets(f"{type(err).__name__}: {lines[0] if lines else ''}")


def _wanted(found: Detections, task: BlockTask) -> Detections:
    """Return the detections that may become objects of the task's pass."""
    found = keep_detections(found, task.min_score)
    if not task.large_from_m2:
        return found
    gsd_m, side_px = task.region.grid.gsd_m, task.region.grid.tile_px
    least_px = np.array([0.0] + [task.large_from_m2.get(label, 0.0) / gsd_m**2 for label in LABELS])
    width, height = (found.boxes[:, 2:] - found.boxes[:, :2]).T
    # What the tile's border cuts may be larger than what this tile sees of it.
    clearance = np.concatenate((found.boxes, side_px - found.boxes), axis=1).min(axis=1, initial=np.inf)
    cut = clearance <= task.polygons.border_px
    return found.only((width * height >= least_px[found.labels]) | cut)


def keep_detections(found: Detections, min_score: dict[str, float]) -> Detections:
    """Return the detections of wanted labels that reach their label's threshold, in their order."""
    least = np.array([np.inf] + [min_score.get(label, np.inf) for label in LABELS])
    return found.only(found.scores >= least[found.labels])
