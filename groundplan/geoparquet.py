"""Frames -> a GeoParquet file, at once or one after the other."""

import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from groundplan.whole import whole_file


@contextmanager
def parquet_writer(
    path: str | os.PathLike[str], *, json_columns: Collection[str] | None = None
) -> Iterator[Callable[[gpd.GeoDataFrame], None]]:
    """Yield a function that appends a frame to one GeoParquet file, written whole or not at all.

    Columns of lists and dicts are written as JSON texts, which every reader understands. Equal frames give equal
    bytes; each frame becomes a row group.

    Parameters
    ----------
    path : path-like
    json_columns : collection of str, optional
        Columns that hold lists or dicts; found in the first frame when not given.

    Yields
    ------
    callable
        Takes a GeoDataFrame; all must have the columns and the CRS of the first.

    Raises
    ------
    OutputError
        The folder cannot be made or written to.
    ValueError
        No frame was written: even a file without rows needs one, for its columns.
    """
    with whole_file(path) as part, ExitStack() as files:
        rows = _Rows(json_columns=json_columns)
        yield lambda frame: rows.append(frame, part, files)
        rows.finish()


class _Rows:
    """Row groups of one file, and what GeoParquet wants to know of them at the end.

    References
    ----------
    .. [1] https://geoparquet.org/releases/v1.0.0/
    """

    def __init__(self, *, json_columns: Collection[str] | None) -> None:
        self._json_columns = json_columns
        self._file: pq.ParquetWriter | None = None
        self._crs: Any = None
        self._kinds: set[str] = set()
        self._bounds = np.full((1, 4), np.nan)

    def append(self, frame: gpd.GeoDataFrame, part: Path, files: ExitStack) -> None:
        """Write a frame; the first opens the file, which is closed with `files`."""
        geometries = frame.geometry.to_numpy()
        table = self._table(pd.DataFrame(frame.drop(columns=frame.geometry.name)), geometries)
        if self._file is None:
            self._crs = frame.crs
            self._file = files.enter_context(pq.ParquetWriter(part, table.schema, compression="zstd"))
        self._file.write_table(table)
        self._kinds |= _kinds(geometries)
        bounds = np.vstack([self._bounds, shapely.bounds(geometries)])
        low, high = np.fmin.reduce(bounds)[:2], np.fmax.reduce(bounds)[2:]
        self._bounds = np.concatenate((low, high))[None]

    def _table(self, flat: pd.DataFrame, geometries: NDArray[np.object_]) -> pa.Table:
        flat = flat.reset_index(drop=True)
        if self._json_columns is None:
            objects = (name for name in flat.columns if pd.api.types.is_object_dtype(flat[name]))
            self._json_columns = [name for name in objects if flat[name].map(_is_nested).any()]
        for name in self._json_columns:
            flat[name] = pd.Series(_json_texts(flat[name].tolist()), dtype="str")
        flat["geometry"] = shapely.to_wkb(geometries, hex=False, byte_order=1, flavor="iso")
        if self._file is not None:
            return pa.Table.from_pandas(flat, schema=self._file.schema, preserve_index=False)
        table = pa.Table.from_pandas(flat, preserve_index=False)
        # A column without values has no type of its own; geometries always have theirs.
        place = table.schema.get_field_index("geometry")
        return table.cast(table.schema.set(place, pa.field("geometry", pa.binary())))

    def finish(self) -> None:
        """Add what the file says of its geometries."""
        if self._file is None:
            raise ValueError("no frame was written; a file without rows needs one that is empty")
        column: dict[str, Any] = {
            "encoding": "WKB",
            "crs": None if self._crs is None else self._crs.to_json_dict(),
            "geometry_types": sorted(self._kinds),
        }
        if np.isfinite(self._bounds).all():
            column["bbox"] = self._bounds[0].tolist()
        about = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}
        self._file.add_key_value_metadata({"geo": json.dumps(about)})


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
    """Write a frame as GeoParquet; see `parquet_writer`."""
    with parquet_writer(path) as write:
        write(frame)
