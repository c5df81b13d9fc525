"""Vector files: frames read from GeoJSON, GeoParquet or GeoPackage, and written as GeoJSON or GeoParquet."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

from groundplan.crs import LON_LAT, parse_crs, transform_geometries
from groundplan.errors import SchemaError
from groundplan.whole import whole_file

GEOJSON_DECIMALS = 7
"""OSM stores 1e-7 degrees (1.1 cm); more digits would only be noise."""
ROWS_AT_ONCE = 10_000
"""Features whose text is in memory together, about 5 MB."""


def read_vector(path: str | os.PathLike[str]) -> gpd.GeoDataFrame:
    """Read a GeoParquet, GeoJSON or GeoPackage file.

    Returns
    -------
    GeoDataFrame
        With the file's CRS; GeoJSON is EPSG:4326. GeoParquet columns that hold JSON texts of lists or objects
        (written by `write_parquet`) come back as Python objects.

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
        frame[name] = [None if value is None else json.loads(value) for value in frame[name]]
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


def write_parquet(frame: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame as GeoParquet, whole or not at all, equal frames as equal bytes.

    Columns of lists and dicts are written as JSON texts, which every reader understands.
    """
    flat = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    for name in (each for each in flat.columns if pd.api.types.is_object_dtype(flat[each])):
        if flat[name].map(lambda value: isinstance(value, list | tuple | dict)).any():
            flat[name] = [json.dumps(value, sort_keys=True, ensure_ascii=False) for value in flat[name]]
    out = gpd.GeoDataFrame(flat, geometry=frame.geometry.to_numpy(), crs=frame.crs).reset_index(drop=True)
    with whole_file(path) as part:
        out.to_parquet(part, index=False, compression="zstd")


def write_geojson(
    frame: gpd.GeoDataFrame,
    path: str | os.PathLike[str],
    *,
    properties: Mapping[str, Any] | None = None,
    id_column: str,
) -> None:
    """Write a frame as RFC 7946 GeoJSON: longitude first, seven decimals, outer rings counter-clockwise.

    Parameters
    ----------
    frame : GeoDataFrame
        In any CRS; rows are written in their order.
    path : path-like
        Written whole or not at all.
    properties : mapping, optional
        Members of the collection itself (provenance, attribution).
    id_column : str
        Becomes each feature's ``id`` and stays among its properties.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(geojson_pieces(frame, properties=properties, id_column=id_column))


def geojson_text(frame: gpd.GeoDataFrame, *, properties: Mapping[str, Any] | None = None, id_column: str) -> str:
    """Return what `write_geojson` writes: one feature a line, NaN as null."""
    return "".join(geojson_pieces(frame, properties=properties, id_column=id_column))


def geojson_pieces(
    frame: gpd.GeoDataFrame, *, properties: Mapping[str, Any] | None = None, id_column: str
) -> Iterator[str]:
    """Yield the text of `geojson_text` in pieces, so that a million features need not be texts at once."""
    head = {"type": "FeatureCollection"} | ({"properties": _plain(dict(properties))} if properties else {})
    yield json.dumps(head, ensure_ascii=False, allow_nan=False)[:-1] + ', "features": [\n'
    for first in range(0, len(frame), ROWS_AT_ONCE):
        lines = _feature_lines(frame.iloc[first : first + ROWS_AT_ONCE], id_column=id_column)
        yield (",\n" if first else "") + ",\n".join(lines)
    yield "\n]}\n"


def _feature_lines(frame: gpd.GeoDataFrame, *, id_column: str) -> list[str]:
    geometries = shapely.orient_polygons(
        transform_geometries(frame.geometry.to_numpy(), source=frame.crs, target=LON_LAT), exterior_cw=False
    )
    columns = [name for name in frame.columns if name != frame.geometry.name]
    names = [str(name) for name in columns]
    rows = zip(*([_plain(value) for value in frame[name].tolist()] for name in columns), strict=True)
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    return [
        encode(
            {
                "type": "Feature",
                "id": key,
                "properties": dict(zip(names, row, strict=True)),
                "geometry": geometry,
            }
        )
        for key, row, geometry in zip(frame[id_column].tolist(), rows, _rounded(geometries), strict=True)
    ]


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold: no NaN, no numpy, no sets."""
    if type(value) in (str, int, bool):  # most are, and the questions below take long
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return None if not math.isfinite(value) else round(value, 4)
    if value is None or isinstance(value, str | bool | int):
        return value
    return None if value is pd.NA else str(value)


def _rounded(geometries: NDArray[np.object_]) -> list[dict[str, Any] | None]:
    """Return geometries as GeoJSON has them."""
    is_polygon = shapely.get_type_id(geometries) == shapely.GeometryType.POLYGON
    # Most are of this kind: all at once they take a tenth of the time.
    plain = np.flatnonzero(is_polygon & ~shapely.is_empty(geometries) & ~shapely.has_z(geometries))
    rings, owner = shapely.get_rings(geometries[plain], return_index=True)
    flat = [round(value, GEOJSON_DECIMALS) for value in shapely.get_coordinates(rings).ravel().tolist()]
    points = list(zip(flat[::2], flat[1::2], strict=True))
    coordinates: dict[int, list[list[tuple[float, float]]]] = {place: [] for place in plain.tolist()}
    first = 0
    for place, count in zip(plain[owner].tolist(), shapely.get_num_coordinates(rings).tolist(), strict=True):
        coordinates[place].append(points[first : first + count])
        first += count
    return [
        {"type": "Polygon", "coordinates": coordinates[place]} if place in coordinates else _rounded_any(geometry)
        for place, geometry in enumerate(geometries)
    ]


def _rounded_any(geometry: Any) -> dict[str, Any] | None:
    def walk(item: Any) -> Any:
        return round(item, GEOJSON_DECIMALS) if isinstance(item, float) else [walk(each) for each in item]

    if geometry is None:
        return None
    whole = mapping(geometry)
    return {"type": whole["type"], "coordinates": walk(whole["coordinates"])}


def same_crs(frame: gpd.GeoDataFrame, crs: Any) -> gpd.GeoDataFrame:
    """Return the frame in the CRS given, reprojected when it is in another."""
    if frame.crs is None:
        raise SchemaError("the frame has no CRS; write the file with one")
    if parse_crs(frame.crs) == parse_crs(crs):
        return frame
    moved = transform_geometries(frame.geometry.to_numpy(), source=frame.crs, target=crs)
    return frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=crs))
