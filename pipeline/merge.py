"""Parts on disk -> features.parquet and features.geojson: objects whole at every seam, regular where they are."""

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from groundplan.errors import SchemaError
from groundplan.geojson import write_geojson
from groundplan.geoparquet import write_parquet
from groundplan.whole import write_bytes_whole
from pipeline.executor import open_executor
from pipeline.gather import PARTS_AT_ONCE, PartsFile, found_tiles, list_parts, parts_batches
from pipeline.merge_batches import BATCHES_AT_ONCE, Tiles, merged_batches
from pipeline.merge_options import CoarsePass, MergeOptions, Provenance
from postprocess.apart import buildings_apart

TILES_NAME = "tiles.npy"
"""Bounds of every tile that was looked at: without them, the end of the imagery is where nothing was found."""
COARSE_TILES_NAME = "tiles_coarse.npy"
"""The same for the coarse pass."""

WORTH_WORKERS = 20_000
"""Parts from which on a cluster, which takes seconds to start, gains more than it costs."""


def write_tiles(path: Path, bounds: NDArray[np.float64]) -> None:
    """Keep the bounds of a pass's tiles, shape (T, 4), for a later merge."""
    import io

    buffer = io.BytesIO()
    np.save(buffer, bounds, allow_pickle=False)
    write_bytes_whole(path, buffer.getvalue())


def read_tiles(path: Path) -> NDArray[np.float64] | None:
    """Return the bounds kept by `write_tiles`, or None."""
    if not path.is_file():
        return None
    try:
        bounds: NDArray[np.float64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as err:
        raise SchemaError(f"cannot read {path}: {err}; delete it, or run `groundplan detect` again") from err
    return bounds


def merge(
    run_dir: Path,
    options: MergeOptions,
    *,
    workers: int = 0,
    scheduler: str | None = None,
    parts: Collection[str] | None = None,
    parts_at_once: int = PARTS_AT_ONCE,
) -> gpd.GeoDataFrame:
    """Merge the parts of a run folder, regularise the objects, write both feature files.

    Parts are taken from north to south, in batches that have nothing to do with each other: in memory are a strip
    of parts and the features. Neither how many are taken at once nor who merges them changes a byte.

    Parameters
    ----------
    run_dir : Path
        With parts/ and, where groundplan made them, tiles.npy.
    options : MergeOptions
    workers, scheduler
        See `pipeline.executor.open_executor`; few parts are merged here all the same.
    parts : collection of str, optional
        Names of the files of parts to merge, such as those of a plan; None = all that are there.
    parts_at_once : int
        See `pipeline.gather.parts_batches`.

    Returns
    -------
    GeoDataFrame
        FEATURES, sorted by feature_id, and the provenance columns.

    Raises
    ------
    SchemaError, CRSMismatchError
        There are no parts, or they do not go together.
    ClusterError
        Workers died over a batch of parts.
    ConfigError
        No scheduler answers, or a worker has another version of groundplan.
    """
    provenance = options.provenance
    files = list_parts(run_dir / "parts", parts)
    tiles = _tiles(run_dir, files, coarse=options.coarse)
    if sum(file.rows for file in files) < WORTH_WORKERS:
        workers, scheduler = 0, None
    with open_executor(workers=workers, scheduler=scheduler, most=BATCHES_AT_ONCE) as executor:
        batches = parts_batches(files, at_once=parts_at_once)
        merged = merged_batches(executor, batches, tiles=tiles, options=options)
    filled = [frame for frame in merged if len(frame)] or merged[:1]
    features = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), geometry="geometry", crs=merged[0].crs)
    features = features.sort_values("feature_id", kind="stable", ignore_index=True)
    features = buildings_apart(features, options=options.shapes)
    if provenance is not None:
        features = features.assign(
            imagery_id="" if provenance.imagery is None else provenance.imagery.id,
            model_sha256=provenance.model_sha256,
        )
    write_parquet(features, run_dir / "features.parquet")
    write_geojson(
        features, run_dir / "features.geojson", properties=_collection(provenance), id_column="feature_id"
    )
    return features


def _tiles(run_dir: Path, files: list[PartsFile], *, coarse: CoarsePass | None) -> tuple[Tiles, Tiles]:
    """Return the tiles of the two passes: those that were looked at, or else those that found something."""
    kept = read_tiles(run_dir / TILES_NAME), read_tiles(run_dir / COARSE_TILES_NAME)
    if kept[0] is not None and (coarse is None or kept[1] is not None):
        return kept
    wide, fine = found_tiles(files, among=(coarse or CoarsePass(labels=(), gsd_m=math.inf)).saw)
    return (fine if kept[0] is None else kept[0]), (wide if kept[1] is None else kept[1])


def _collection(provenance: Provenance | None) -> dict[str, Any]:
    out: dict[str, Any] = {"schema": "groundplan-features/1"}
    if provenance is not None and provenance.imagery is not None:
        imagery = provenance.imagery
        out["imagery"] = {
            "id": imagery.id,
            "date": None if imagery.date is None else imagery.date.isoformat(),
            "licence": imagery.licence,
            "attribution": imagery.attribution,
        }
    return out
