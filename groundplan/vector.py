"""Vector files: frames read from GeoJSON, GeoParquet or GeoPackage, and brought into one CRS."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np

from groundplan.crs import parse_crs, transform_geometries
from groundplan.errors import SchemaError


def read_vector(path: str | os.PathLike[str]) -> gpd.GeoDataFrame:
    """Read a GeoParquet, GeoJSON or GeoPackage file.

    Returns
    -------
    GeoDataFrame
        With the file's CRS; GeoJSON is EPSG:4326. Columns that hold JSON texts of lists or objects and nothing
        else (written by `groundplan.geoparquet`) come back as Python objects.

    Raises
    ------
    SchemaError
        The file is missing, is no vector file, or has no geometry.
    """
    source = Path(path)
    if not source.is_file():
        raise SchemaError(f"no vector file at {source}; give a .geojson, .parquet or .gpkg file")
    try:
        # Coordinates that are NaN make numpy warn; who uses the geometries says what becomes of them.
        with np.errstate(invalid="ignore"):
            frame = gpd.read_parquet(source) if source.suffix == ".parquet" else gpd.read_file(source)
    except Exception as err:  # pyogrio, pyarrow and fiona each raise their own kinds
        reason = str(err).strip().splitlines()[0] if str(err).strip() else type(err).__name__
        raise SchemaError(
            f"cannot read {source} as a vector file: {reason}; give GeoJSON, GeoParquet or GPKG"
        ) from err
    if not isinstance(frame, gpd.GeoDataFrame):
        raise SchemaError(f"{source} holds no geometry; give GeoJSON, GeoParquet or GPKG with polygons")
    for name in _json_columns(frame):
        # Other people's texts may look like JSON, as "[todo]" does: they stay what they are.
        with contextlib.suppress(ValueError, RecursionError):
            frame[name] = [json.loads(value) for value in frame[name]]
    return frame


def _json_columns(frame: gpd.GeoDataFrame) -> list[str]:
    found = []
    for name in frame.columns:
        if name == frame.geometry.name or len(frame) == 0 or not isinstance(frame[name].iloc[0], str):
            continue
        if all(
            isinstance(value, str) and value[:1] in ("[", "{") and value[-1:] in ("]", "}")
            for value in frame[name]
        ):
            found.append(name)
    return found


def same_crs(frame: gpd.GeoDataFrame, crs: Any) -> gpd.GeoDataFrame:
    """Return the frame in the CRS given, reprojected when it is in another."""
    if frame.crs is None:
        raise SchemaError("the frame has no CRS; write the file with one")
    if parse_crs(frame.crs) == parse_crs(crs):
        return frame
    moved = transform_geometries(frame.geometry.to_numpy(), source=frame.crs, target=crs)
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=crs))
