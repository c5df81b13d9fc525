"""Vector files: frames read from GeoJSON, GeoParquet or GeoPackage, and written as GeoJSON or GeoParquet."""

import json
import math
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

import groundplan
from groundplan.crs import LON_LAT, parse_crs, transform_geometries
from groundplan.errors import SchemaError
from groundplan.whole import whole_file

GEOJSON_DECIMALS = 7
"""OSM stores 1e-7 degrees (1.1 cm); more digits would only be noise."""
ROWS_AT_ONCE = 10_000
"""Features whose text is in memory together, about 5 MB."""
COLLECTION_END = "\n]}\n"
"""Closes a feature collection."""


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


class ParquetWriter:
    """Frames of the same columns, one after the other -> one GeoParquet file, whole or not at all.

    Columns of lists and dicts are written as JSON texts, which every reader understands. Equal frames give equal
    bytes; each frame becomes a row group.

    Parameters
    ----------
    path : path-like
    json_columns : collection of str, optional
        Columns that hold lists or dicts; found in the first frame when not given.

    References
    ----------
    .. [1] https://geoparquet.org/releases/v1.0.0/
    """

    def __init__(self, path: str | os.PathLike[str], *, json_columns: Collection[str] | None = None) -> None:
        self._whole = whole_file(path)
        self._json_columns = json_columns
        self._file: pq.ParquetWriter | None = None
        self._crs: Any = None
        self._kinds: set[str] = set()
        self._bounds = np.full(4, np.nan)

    def __enter__(self) -> Self:
        self._part = self._whole.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            if self._file is not None:
                if error[0] is None:
                    self._file.add_key_value_metadata({"geo": json.dumps(self._about())})
                self._file.close()
        except BaseException:
            self._whole.__exit__(*sys.exc_info())
            raise
        self._whole.__exit__(*error)

    def write(self, frame: gpd.GeoDataFrame) -> None:
        """Append a frame; the first gives the CRS."""
        flat = pd.DataFrame(frame.drop(columns=frame.geometry.name)).reset_index(drop=True)
        if self._json_columns is None:
            objects = (name for name in flat.columns if pd.api.types.is_object_dtype(flat[name]))
            self._json_columns = [name for name in objects if flat[name].map(_is_nested).any()]
        for name in self._json_columns:
            flat[name] = pd.Series(_json_texts(flat[name].tolist()), dtype="str")
        geometries = frame.geometry.to_numpy()
        flat["geometry"] = shapely.to_wkb(geometries, hex=False, byte_order=1, flavor="iso")
        schema = None if self._file is None else self._file.schema
        table = pa.Table.from_pandas(flat, schema=schema, preserve_index=False)
        if self._file is None:
            # A column without values has no type of its own; geometries always have theirs.
            place = table.schema.get_field_index("geometry")
            table = table.cast(table.schema.set(place, pa.field("geometry", pa.binary())))
            self._crs = frame.crs
            self._file = pq.ParquetWriter(self._part, table.schema, compression="zstd")
        self._file.write_table(table)
        self._kinds |= {each.geom_type for each in geometries[_first_of_kinds(geometries)]}
        bounds = shapely.bounds(geometries)
        self._bounds[:2] = np.fmin.reduce(np.vstack([bounds, self._bounds]), axis=0)[:2]
        self._bounds[2:] = np.fmax.reduce(np.vstack([bounds, self._bounds]), axis=0)[2:]

    def _about(self) -> dict[str, Any]:
        column: dict[str, Any] = {
            "encoding": "WKB",
            "crs": None if self._crs is None else self._crs.to_json_dict(),
            "geometry_types": sorted(self._kinds),
        }
        if np.isfinite(self._bounds).all():
            column["bbox"] = self._bounds.tolist()
        creator = {"library": "groundplan", "version": groundplan.__version__}
        return {
            "primary_column": "geometry",
            "columns": {"geometry": column},
            "version": "1.0.0",
            "creator": creator,
        }


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | tuple | dict)


def _json_texts(values: list[Any]) -> list[str]:
    encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
    return [encode(value) for value in values]


def _first_of_kinds(geometries: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the position of one geometry of each kind; None has no kind."""
    kinds, first = np.unique(shapely.get_type_id(geometries), return_index=True)
    return first[kinds >= 0]


def write_parquet(frame: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame as GeoParquet; see `ParquetWriter`."""
    with ParquetWriter(path) as out:
        out.write(frame)


class GeoJSONWriter:
    """Frames, one after the other -> one RFC 7946 GeoJSON file, whole or not at all.

    Longitude first, seven decimals, outer rings counter-clockwise, one feature a line, NaN as null.

    Parameters
    ----------
    path : path-like
    properties : mapping, optional
        Members of the collection itself (provenance, attribution).
    id_column : str
        Becomes each feature's ``id`` and stays among its properties.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, properties: Mapping[str, Any] | None = None, id_column: str
    ) -> None:
        self._whole = whole_file(path)
        self._properties = properties
        self._id_column = id_column
        self._n_written = 0

    def __enter__(self) -> Self:
        self._stream = self._whole.__enter__().open("w", encoding="utf-8", newline="\n")
        self._stream.write(_collection_head(self._properties))
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            with self._stream:
                self._stream.write(COLLECTION_END)
        except BaseException:
            self._whole.__exit__(*sys.exc_info())
            raise
        self._whole.__exit__(*error)

    def write(self, frame: gpd.GeoDataFrame) -> None:
        """Append a frame in any CRS; rows are written in their order."""
        self._stream.writelines(_collection_pieces(frame, id_column=self._id_column, first=self._n_written == 0))
        self._n_written += len(frame)


def write_geojson(
    frame: gpd.GeoDataFrame,
    path: str | os.PathLike[str],
    *,
    properties: Mapping[str, Any] | None = None,
    id_column: str,
) -> None:
    """Write a frame as GeoJSON; see `GeoJSONWriter`."""
    with GeoJSONWriter(path, properties=properties, id_column=id_column) as out:
        out.write(frame)


def geojson_text(frame: gpd.GeoDataFrame, *, properties: Mapping[str, Any] | None = None, id_column: str) -> str:
    """Return what `write_geojson` writes."""
    pieces = _collection_pieces(frame, id_column=id_column, first=True)
    return "".join((_collection_head(properties), *pieces, COLLECTION_END))


def _collection_head(properties: Mapping[str, Any] | None) -> str:
    head = {"type": "FeatureCollection"} | ({"properties": _plain(dict(properties))} if properties else {})
    return json.dumps(head, ensure_ascii=False, allow_nan=False)[:-1] + ', "features": [\n'


def _collection_pieces(frame: gpd.GeoDataFrame, *, id_column: str, first: bool) -> Iterator[str]:
    """Yield features in pieces, so that a million need not be texts at once."""
    for start in range(0, len(frame), ROWS_AT_ONCE):
        lines = _feature_lines(frame.iloc[start : start + ROWS_AT_ONCE], id_column=id_column)
        yield ("" if first and start == 0 else ",\n") + ",\n".join(lines)


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
