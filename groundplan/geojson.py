"""Frames -> a GeoJSON file or text, at once or one after the other."""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.whole import whole_file

GEOJSON_DECIMALS = 7
"""OSM stores 1e-7 degrees (1.1 cm); more digits would only be noise."""
ROWS_AT_ONCE = 10_000
"""Features whose text is in memory together, about 5 MB."""
COLLECTION_END = "\n]}\n"
"""Closes a feature collection."""


@contextmanager
def geojson_writer(
    path: str | os.PathLike[str], *, properties: Mapping[str, Any] | None = None, id_column: str
) -> Iterator[Callable[[gpd.GeoDataFrame], None]]:
    """Yield a function that appends a frame to one RFC 7946 GeoJSON file, written whole or not at all.

    Longitude first, seven decimals, outer rings counter-clockwise, one feature a line, NaN as null.

    Parameters
    ----------
    path : path-like
    properties : mapping, optional
        Members of the collection itself (provenance, attribution).
    id_column : str
        Becomes each feature's ``id`` and stays among its properties.

    Yields
    ------
    callable
        Takes a GeoDataFrame in any CRS; rows are written in their order.

    Raises
    ------
    OutputError
        The folder cannot be made or written to.
    """
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(_collection_head(properties))
        n_written = 0

        def write(frame: gpd.GeoDataFrame) -> None:
            nonlocal n_written
            stream.writelines(_collection_pieces(frame, id_column=id_column, first=n_written == 0))
            n_written += len(frame)

        yield write
        stream.write(COLLECTION_END)


def write_geojson(
    frame: gpd.GeoDataFrame,
    path: str | os.PathLike[str],
    *,
    properties: Mapping[str, Any] | None = None,
    id_column: str,
) -> None:
    """Write a frame as GeoJSON; see `geojson_writer`."""
    with geojson_writer(path, properties=properties, id_column=id_column) as write:
        write(frame)


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
    rows = zip(*(_plain_column(frame[name]) for name in columns), strict=True)
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


def _plain_column(column: pd.Series) -> list[Any]:
    """Return values that JSON can hold; by the type of the column where that tells it, which takes a third."""
    values = column.tolist()
    if column.dtype.kind in "iub":
        return values
    if column.dtype.kind == "f":
        return [round(value, 4) if math.isfinite(value) else None for value in values]
    return [value if type(value) is str else _plain(value) for value in values]


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
    flat = np.round(shapely.get_coordinates(rings), GEOJSON_DECIMALS).ravel().tolist()
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
