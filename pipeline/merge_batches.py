"""Batches of parts that have nothing to do with each other -> their objects, here or on workers."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.errors import ClusterError
from pipeline.executor import Executor, Failure
from pipeline.merge_options import MergeOptions
from pipeline.stage_code import MERGE_CODE, check_code, stage_code
from postprocess.seams import TiledParts, merge_passes
from postprocess.shapes import fit_shapes, without_shapeless

Tiles = NDArray[np.float64] | None
"""(T, 4): bounds of tiles; None = not known."""

BATCHES_AT_ONCE = 128
"""Most batches that wait for workers or are with them: 3 MB each in the client, half of that in the scheduler."""
BESIDE_M = 1.0
"""Tiles this near to a batch's tiles say what lies beyond their borders; more than enough."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MergeTask:
    """Parts with everything that they may have to do with."""

    parts: gpd.GeoDataFrame
    """PARTS."""
    tiles: tuple[Tiles, Tiles]
    """Those of the two passes that lie around the parts' tiles."""
    options: MergeOptions
    code: str
    """Digest of the code of the process that asks; a worker with other code refuses."""


def merged_batches(
    executor: Executor,
    batches: Iterable[gpd.GeoDataFrame],
    *,
    tiles: tuple[Tiles, Tiles],
    options: MergeOptions,
) -> list[gpd.GeoDataFrame]:
    """Return FEATURES of every batch, in an order that is free.

    Batches are taken as workers become free. One that kills workers is not tried here: this process would die too.

    Parameters
    ----------
    executor : Executor
    batches : iterable of GeoDataFrame
        PARTS, from `pipeline.gather.parts_batches`.
    tiles : pair of ndarray of shape (T, 4), or None
        Left, bottom, right, top in metres of the tiles that were looked at, of the finer and of the coarse pass.
    options : MergeOptions

    Raises
    ------
    ClusterError
        No worker could finish a batch; without it the region would have a hole that nothing tells of.
    ConfigError, SchemaError, CRSError
        As `merge_batch`.
    """
    out = []
    for task, outcome in executor.run(merge_batch, _tasks(batches, tiles=tiles, options=options)):
        if isinstance(outcome, Failure):
            raise ClusterError(
                f"merging {len(task.parts)} parts ended every worker that tried ({outcome.error}); give workers "
                "more memory, or merge in one process with --workers 0 and without --scheduler: all parts are kept"
            )
        out.append(outcome)
    return out


def _tasks(
    batches: Iterable[gpd.GeoDataFrame], *, tiles: tuple[Tiles, Tiles], options: MergeOptions
) -> Iterator[MergeTask]:
    code = stage_code(MERGE_CODE)
    for parts in batches:
        around = tiles
        if len(parts):
            low = parts[["tile_left", "tile_bottom"]].to_numpy(dtype=np.float64).min(axis=0) - BESIDE_M
            high = parts[["tile_right", "tile_top"]].to_numpy(dtype=np.float64).max(axis=0) + BESIDE_M
            around = _around(tiles[0], low, high), _around(tiles[1], low, high)
        yield MergeTask(parts=parts, tiles=around, options=options, code=code)


def _around(tiles: Tiles, low: NDArray[np.float64], high: NDArray[np.float64]) -> Tiles:
    if tiles is None:
        return None
    return tiles[((tiles[:, 2:] >= low) & (tiles[:, :2] <= high)).all(axis=1)]


def merge_batch(task: MergeTask) -> gpd.GeoDataFrame:
    """Return the objects that the parts of a batch show, in regular shapes where they fit.

    Raises
    ------
    ConfigError
        This process runs other code than the one that asks.
    SchemaError, CRSError
        The parts do not go together.
    """
    check_code(task.code, MERGE_CODE)
    parts, options, coarse = task.parts, task.options, task.options.coarse
    wide = np.zeros(len(parts), dtype=bool) if coarse is None else coarse.saw(parts)
    passes = [TiledParts(parts=parts[~wide], options=options.polygons, tiles=task.tiles[0])]
    if coarse is not None:
        own = dataclasses.replace(options.polygons, gsd_m=coarse.gsd_m)
        passes.append(
            TiledParts(parts=parts[wide], options=own, tiles=task.tiles[1], large_from_m2=coarse.large_from_m2)
        )
    features = merge_passes(passes)
    if options.aoi is not None and len(features):
        inside = shapely.area(shapely.intersection(features.geometry.to_numpy(), options.aoi))
        features = features[inside >= 0.5 * features.geometry.area.to_numpy()].reset_index(drop=True)
    shaped = fit_shapes(features, options=options.shapes, filled_labels=options.filled_labels)
    return without_shapeless(shaped, options=options.shapes)
