"""One block task -> its part on disk: read, detect, outline; everything a Dask worker does."""

import json
import logging
import time
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from detection.detector import Detector
from detection.load import DetectorSpec, load_detector
from groundplan.errors import Error
from groundplan.labels import LABELS
from groundplan.records import Detections
from groundplan.schema import PARTS, empty_frame
from groundplan.vector import write_parquet
from groundplan.whole import write_text_whole
from pipeline.plan import BlockTask
from postprocess.parts import tile_parts
from tiling.grid import Tile
from tiling.paths import without_secrets
from tiling.read import SceneReader

log = logging.getLogger(__name__)

TRIES = 2
"""How often a tile is tried before it is recorded as failed: a server's hiccup passes, a damaged file does not."""


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
    detect_s: float = 0.0
    outline_s: float = 0.0
    valid_km2: float = 0.0
    """Ground with valid pixels inside the tiles' cores; 0 in the coarse pass, which looks at it a second time."""
    coarse: bool = False
    empty: tuple[tuple[int, int], ...] = ()
    """Row and column of each tile without imagery; () as well in records from before it was kept."""


@dataclass(slots=True)
class _Clock:
    read_s: float = 0.0
    detect_s: float = 0.0
    outline_s: float = 0.0
    valid_px: int = 0
    empty: list[tuple[int, int]] = field(default_factory=list)
    failures: list[TileFailure] = field(default_factory=list)


def run_block(task: BlockTask) -> BlockResult:
    """Work through a block, write its part and say what happened.

    A tile that fails is tried again, then recorded; the rest of the block goes on. The part is written whole
    before the record that vouches for it.

    Raises
    ------
    OutputError
        The part cannot be written.
    WeightsError
        The weights cannot be loaded.
    """
    detector = worker_detector(task.detector)
    clock = _Clock()
    frames = []
    with SceneReader(task.region) as reader:
        for tile in task.tiles:
            frame = _try_tile(tile, task, reader=reader, detector=detector, clock=clock)
            if frame is not None and len(frame):
                frames.append(frame)
    crs = task.region.grid.crs
    parts = pd.concat(frames, ignore_index=True) if frames else empty_frame(PARTS, crs=crs)
    write_parquet(gpd.GeoDataFrame(parts, geometry="geometry", crs=crs), task.part)
    result = BlockResult(
        row=task.row,
        col=task.col,
        part=task.part.name,
        n_tiles=len(task.tiles),
        n_empty=len(clock.empty),
        empty=tuple(clock.empty),
        n_parts=len(parts),
        failures=tuple(clock.failures),
        read_s=round(clock.read_s, 3),
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


def read_result(path: Path) -> BlockResult | None:
    """Return what an earlier run recorded for a block; None when there is no whole record."""
    try:
        table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        failures = tuple(TileFailure(**each) for each in table.pop("failures"))
        empty = tuple((int(row), int(col)) for row, col in table.pop("empty", ()))
        return BlockResult(**table, failures=failures, empty=empty)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _try_tile(
    tile: Tile, task: BlockTask, *, reader: SceneReader, detector: Detector, clock: _Clock
) -> gpd.GeoDataFrame | None:
    for attempt in range(1, TRIES + 1):
        try:
            return _tile_parts(tile, task, reader=reader, detector=detector, clock=clock)
        except (Error, OSError, RuntimeError, ValueError, ArithmeticError) as err:
            # Anything a tile's pixels can cause; a bug in our own code (TypeError, KeyError, ...) stops the run.
            lines = str(err).splitlines()
            text = without_secrets(f"{type(err).__name__}: {lines[0] if lines else ''}")
            log.warning("tile row %d, col %d, try %d of %d: %s", tile.row, tile.col, attempt, TRIES, text)
            if attempt == TRIES:
                clock.failures.append(TileFailure(row=tile.row, col=tile.col, error=text, coarse=task.coarse))
            else:
                reader.close()
    return None


def _tile_parts(
    tile: Tile, task: BlockTask, *, reader: SceneReader, detector: Detector, clock: _Clock
) -> gpd.GeoDataFrame | None:
    started = time.perf_counter()
    image, valid = reader.read(tile)
    clock.read_s += time.perf_counter() - started
    if not valid.any():
        clock.empty.append((tile.row, tile.col))
        return None
    window, core = tile.window, tile.core
    top, left = core.row - window.row, core.col - window.col
    n_valid = int(valid[top : top + core.height, left : left + core.width].sum())
    started = time.perf_counter()
    (found,) = detector.detect([image])
    clock.detect_s += time.perf_counter() - started
    started = time.perf_counter()
    grid = task.region.grid
    frame = tile_parts(
        keep_detections(found, task.min_score),
        transform=tile.transform,
        tile_px=grid.tile_px,
        crs=grid.crs,
        options=task.polygons,
    )
    clock.outline_s += time.perf_counter() - started
    clock.valid_px += n_valid
    return frame


def keep_detections(found: Detections, min_score: dict[str, float]) -> Detections:
    """Return the detections of wanted labels that reach their label's threshold, in their order."""
    least = np.array([np.inf] + [min_score.get(label, np.inf) for label in LABELS])
    keep = found.scores >= least[found.labels]
    return Detections(
        boxes=found.boxes[keep],
        labels=found.labels[keep],
        scores=found.scores[keep],
        masks=tuple(mask for mask, kept in zip(found.masks, keep, strict=True) if kept),
    )
