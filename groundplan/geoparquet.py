"""Frames -> a GeoParquet file, at once or one after the other."""

import json
import os
import sys
from collections.abc import Collection
from typing import Any, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

import groundplan
from groundplan.whole import whole_file


class ParquetWriter:
    """Frames of the same columns, one after the other -> one GeoParquet file, whole or not at all.

    Columns of lists and dicts are written as JSON texts, which every reader understands. Equal frames give equal
    bytes; each frame becomes a row group, and one at least must be written.

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
            if self._file is None and error[0] is None:
                raise ValueError("no frame was written; a file without rows needs one that is empty")
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
        self._kinds |= _kinds(geometries)
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


def _kinds(geometries: NDArray[np.object_]) -> set[str]:
    """Return the kinds of geometry as GeoParquet names them; None has none."""
    numbers = 2 * shapely.get_type_id(geometries) + shapely.has_z(geometries)
    kinds, first = np.unique(numbers, return_index=True)
    some = geometries[first[kinds >= 0]]
    return {each.geom_type + (" Z" if each.has_z else "") for each in some}


def write_parquet(frame: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> None:
    """Write a frame as GeoParquet; see `ParquetWriter`."""
    with ParquetWriter(path) as out:
        out.write(frame)
