"""Parts on disk -> features.parquet and features.geojson: objects whole at every seam, regular where they are."""

import dataclasses
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
from postprocess.seams import TiledParts, merge_passes
from postprocess.shapes import fit_shapes

TILES_NAME = "tiles.npy"
"""Bounds of every tile that was looked at: without them, the end of the imagery is where nothing was found."""
COARSE_TILES_NAME = "tiles_coarse.npy"
"""The same for the coarse pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarsePass:
    """The pass over coarser tiles, for labels too large for the others."""

    labels: tuple[str, ...]
    """Labels found in it, and only there."""
    gsd_m: float
    """Ground sample distance of its tiles, in metres."""


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


def merge(
    run_dir: Path,
    *,
    options: PolygonOptions,
    shapes: ShapeOptions,
    coarse: CoarsePass | None = None,
    aoi: shapely.Geometry | None = None,
    provenance: Provenance | None = None,
) -> gpd.GeoDataFrame:
    """Merge the parts of a run folder, regularise the objects, write both feature files.

    Parameters
    ----------
    run_dir : Path
        With parts/ and, where groundplan made them, tiles.npy.
    options : PolygonOptions
        ``gsd_m`` must be that of the tiles of the pass that is not coarse.
    shapes : ShapeOptions
        How far regular shapes may depart from the outlines.
    coarse : CoarsePass, optional
        Whose labels lie in which pass; None = all parts are of one pass.
    aoi : geometry, optional
        In the parts' CRS: objects with less than half their area inside are left out.
    provenance : Provenance, optional
        Written into every feature.

    Returns
    -------
    GeoDataFrame
        FEATURES, sorted by feature_id, and the provenance columns.
    """
    features = merge_passes(_passes(run_dir, options=options, coarse=coarse))
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


def manifest_options(run_dir: Path) -> tuple[PolygonOptions, ShapeOptions, CoarsePass | None]:
    """Return the options an earlier stage wrote into the manifest, or the defaults.

    Raises
    ------
    SchemaError
        The manifest is damaged.
    """
    path = run_dir / "manifest.json"
    if not path.is_file():
        return PolygonOptions(), ShapeOptions(), None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        table = manifest["config"]["polygons"] | {"gsd_m": manifest["grid"]["gsd_m"]}
        wide = manifest["coarse"]
        coarse = None if wide is None else CoarsePass(labels=tuple(wide["labels"]), gsd_m=wide["gsd_m"])
        return PolygonOptions(**table), ShapeOptions(**manifest["config"]["shapes"]), coarse
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise SchemaError(f"{path} is damaged ({err}); run `groundplan detect` again") from err
