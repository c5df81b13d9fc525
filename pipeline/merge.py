"""Parts on disk -> features.parquet and features.geojson: objects whole at every seam, regular where they are."""

import dataclasses
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.errors import CRSMismatchError, SchemaError
from groundplan.schema import check_parts
from groundplan.vector import read_vector, write_geojson, write_parquet
from groundplan.whole import write_bytes_whole
from pipeline.merge_options import CoarsePass, MergeOptions, Provenance
from postprocess.options import PolygonOptions
from postprocess.seams import TiledParts, merge_passes
from postprocess.shapes import fit_shapes

TILES_NAME = "tiles.npy"
"""Bounds of every tile that was looked at: without them, the end of the imagery is where nothing was found."""
COARSE_TILES_NAME = "tiles_coarse.npy"
"""The same for the coarse pass."""


def read_parts(folder: Path) -> gpd.GeoDataFrame:
    """Return all parts of a folder as one frame, in the order of their file names.

    Raises
    ------
    SchemaError
        There are no parts, or one lacks columns.
    CRSMismatchError
        Two parts have different CRS.
    """
    # Not the hidden ones: a run that was killed leaves half-written files behind.
    paths = sorted(folder.glob("[!.]*.parquet")) + sorted(folder.glob("[!.]*.geojson"))
    if not paths:
        raise SchemaError(f"no parts (*.parquet or *.geojson) in {folder}; run `groundplan detect` first")
    frames = [check_parts(read_vector(path), what=str(path)) for path in paths]
    crs = frames[0].crs
    for path, frame in zip(paths, frames, strict=True):
        if frame.crs != crs:
            raise CRSMismatchError(
                f"{path} is in {frame.crs.name!r}, {paths[0]} in {crs.name!r}; write all in one"
            )
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), geometry="geometry", crs=crs)


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


def merge(run_dir: Path, options: MergeOptions) -> gpd.GeoDataFrame:
    """Merge the parts of a run folder, regularise the objects, write both feature files.

    Parameters
    ----------
    run_dir : Path
        With parts/ and, where groundplan made them, tiles.npy.
    options : MergeOptions

    Returns
    -------
    GeoDataFrame
        FEATURES, sorted by feature_id, and the provenance columns.

    Raises
    ------
    SchemaError, CRSMismatchError
        There are no parts, or they do not go together.
    """
    aoi, provenance = options.aoi, options.provenance
    features = merge_passes(_passes(run_dir, options=options.polygons, coarse=options.coarse))
    if aoi is not None and len(features):
        inside = shapely.area(shapely.intersection(features.geometry.to_numpy(), aoi))
        features = features[inside >= 0.5 * features.geometry.area.to_numpy()].reset_index(drop=True)
    features = fit_shapes(features, options=options.shapes, filled_labels=options.filled_labels)
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


def _passes(run_dir: Path, *, options: PolygonOptions, coarse: CoarsePass | None) -> list[TiledParts]:
    parts = read_parts(run_dir / "parts")
    wide = parts["label"].isin(() if coarse is None else coarse.labels)
    out = [TiledParts(parts=parts[~wide], options=options, tiles=read_tiles(run_dir / TILES_NAME))]
    if coarse is not None:
        own = dataclasses.replace(options, gsd_m=coarse.gsd_m)
        out.append(TiledParts(parts=parts[wide], options=own, tiles=read_tiles(run_dir / COARSE_TILES_NAME)))
    return out


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
