"""Parts on disk -> features.parquet and features.geojson: objects whole at every seam, regular where they are."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.errors import CRSMismatchError, SchemaError
from groundplan.records import Imagery
from groundplan.schema import check_parts
from groundplan.vector import read_vector, write_geojson, write_parquet
from groundplan.whole import write_bytes_whole
from postprocess.options import PolygonOptions, ShapeOptions
from postprocess.seams import merge_parts
from postprocess.shapes import fit_shapes

TILES_NAME = "tiles.npy"
"""Bounds of every tile that was looked at: without them, the end of the imagery is where nothing was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What every feature says of where it comes from."""

    imagery: Imagery | None
    model_sha256: str


def read_parts(folder: Path) -> gpd.GeoDataFrame:
    """Return all parts of a folder as one frame, in the order of their file names.

    Raises
    ------
    SchemaError
        There are no parts, or one lacks columns.
    CRSMismatchError
        Two parts have different CRS.
    """
    paths = sorted(folder.glob("*.parquet")) + sorted(folder.glob("*.geojson"))
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


def write_tiles(run_dir: Path, bounds: NDArray[np.float64]) -> None:
    """Keep the bounds of the tiles, shape (T, 4), for a later merge."""
    import io

    buffer = io.BytesIO()
    np.save(buffer, bounds, allow_pickle=False)
    write_bytes_whole(run_dir / TILES_NAME, buffer.getvalue())


def read_tiles(run_dir: Path) -> NDArray[np.float64] | None:
    """Return the bounds kept by `write_tiles`, or None."""
    path = run_dir / TILES_NAME
    if not path.is_file():
        return None
    try:
        bounds: NDArray[np.float64] = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as err:
        raise SchemaError(f"cannot read {path}: {err}; delete it, or run `groundplan detect` again") from err
    return bounds


def merge(
    run_dir: Path,
    *,
    options: PolygonOptions,
    shapes: ShapeOptions,
    aoi: shapely.Geometry | None = None,
    provenance: Provenance | None = None,
) -> gpd.GeoDataFrame:
    """Merge the parts of a run folder, regularise the objects, write both feature files.

    Parameters
    ----------
    run_dir : Path
        With parts/ and, where groundplan made them, tiles.npy.
    options : PolygonOptions
        ``gsd_m`` must be that of the tiles.
    shapes : ShapeOptions
        How far regular shapes may depart from the outlines.
    aoi : geometry, optional
        In the parts' CRS: objects with less than half their area inside are left out.
    provenance : Provenance, optional
        Written into every feature.

    Returns
    -------
    GeoDataFrame
        FEATURES, sorted by feature_id, and the provenance columns.
    """
    features = merge_parts(read_parts(run_dir / "parts"), options=options, tiles=read_tiles(run_dir))
    if aoi is not None and len(features):
        inside = shapely.area(shapely.intersection(features.geometry.to_numpy(), aoi))
        features = features[inside >= 0.5 * features.geometry.area.to_numpy()].reset_index(drop=True)
    features = fit_shapes(features, options=shapes)
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


def manifest_options(run_dir: Path) -> tuple[PolygonOptions, ShapeOptions]:
    """Return the options an earlier stage wrote into the manifest, or the defaults.

    Raises
    ------
    SchemaError
        The manifest is damaged.
    """
    path = run_dir / "manifest.json"
    if not path.is_file():
        return PolygonOptions(), ShapeOptions()
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        table = manifest["config"]["polygons"] | {"gsd_m": manifest["grid"]["gsd_m"]}
        return PolygonOptions(**table), ShapeOptions(**manifest["config"]["shapes"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise SchemaError(f"{path} is damaged ({err}); run `groundplan detect` again") from err
