"""A folder of parts -> batches of parts that no others come near: a region is not merged in one piece."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from groundplan.errors import CRSMismatchError, SchemaError
from groundplan.schema import PARTS, check_parts
from groundplan.vector import read_vector

PARTS_AT_ONCE: Final = 5_000
"""Parts that are merged together: one or two seconds of work."""

NEAR_M: Final = 1.0
"""Parts nearer to each other than this may have to do with each other: outlines 1 m apart share a wall."""
NEAR_SHARE: Final = 0.05
"""... and this share of the longer side is added: so far may shapes lie beyond the outlines that they fit."""

TILE_COLUMNS: Final = ["tile_left", "tile_bottom", "tile_right", "tile_top"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsFile:
    """One file of parts, and how far north anything reaches that its parts may have to do with."""

    path: Path
    north_m: float
    """In the CRS; infinite where the file does not say."""
    rows: int
    """How many parts it holds; 0 where it does not say."""


def list_parts(folder: Path, names: Collection[str] | None = None) -> list[PartsFile]:
    """Return the files of a folder from north to south, those on one height by name.

    Parameters
    ----------
    folder : Path
    names : collection of str, optional
        Files to take, where they are there; None = all.

    Raises
    ------
    SchemaError
        There are none.
    """
    if names is None:
        # Not the hidden ones: a run that was killed leaves half-written files behind.
        paths = sorted(folder.glob("[!.]*.parquet")) + sorted(folder.glob("[!.]*.geojson"))
    else:
        paths = [path for path in sorted(folder / name for name in names) if path.is_file()]
    if not paths and names:
        raise SchemaError(f"none of {len(names)} blocks left a part in {folder}; manifest.json beside it says why")
    if not paths:
        raise SchemaError(f"no parts (*.parquet or *.geojson) in {folder}; run `groundplan detect` first")
    return sorted((_look_at(path) for path in paths), key=lambda file: -file.north_m)


def parts_batches(files: list[PartsFile], *, at_once: int = PARTS_AT_ONCE) -> Iterator[gpd.GeoDataFrame]:
    """Yield all parts, each once, those that may have to do with each other in one batch.

    Files are read from north to south. A group of parts is passed on when it lies north of everything that is
    still to be read; the others wait. What is in memory is therefore a strip of the region or two, not the region.

    Parameters
    ----------
    files : list of PartsFile
        From `list_parts`.
    at_once : int
        A batch has about so many parts, or one group that is larger.

    Yields
    ------
    GeoDataFrame
        PARTS; without rows only where there are none at all.

    Raises
    ------
    SchemaError
        A file cannot be read or lacks columns.
    CRSMismatchError
        Two files have different CRS.
    """
    waiting: list[gpd.GeoDataFrame] = []
    empty = crs = None
    n_waiting, wanted, n_yielded = 0, at_once, 0
    for file, north_m in zip(files, [each.north_m for each in files[1:]] + [-np.inf], strict=True):
        frame = read_parts_file(file.path)
        crs = frame.crs if crs is None else crs
        if frame.crs != crs:
            raise CRSMismatchError(
                f"{file.path} is in {frame.crs.name!r}, {files[0].path} in {crs.name!r}; write all in one"
            )
        if len(frame):
            waiting.append(frame)
            n_waiting += len(frame)
        else:
            empty = frame if empty is None else empty
        if waiting and (n_waiting >= wanted or north_m == -np.inf):
            parts = gpd.GeoDataFrame(pd.concat(waiting, ignore_index=True), geometry="geometry", crs=crs)
            batch = _batches(parts, north_m=north_m, at_once=at_once)
            for number in range(int(batch.max()) + 1):
                n_yielded += 1
                yield parts[batch == number]
            waiting = [parts[batch < 0]] if (batch < 0).any() else []
            n_waiting = sum(len(each) for each in waiting)
            # A strip that is wider than a batch is not looked through again for every file of it.
            wanted = max(at_once, 2 * n_waiting)
    if not n_yielded and empty is not None:
        yield empty


def read_parts_file(path: Path) -> gpd.GeoDataFrame:
    """Return a file of parts as PARTS.

    Raises
    ------
    SchemaError
        It cannot be read or lacks columns.
    """
    frame = _read_plain(path) if path.suffix == ".parquet" else None
    return check_parts(read_vector(path) if frame is None else frame, what=str(path))


def _read_plain(path: Path) -> gpd.GeoDataFrame | None:
    """Return a file that is as we write them; None where anything is otherwise, for a reader that says what.

    PROJ takes 40 ms for the CRS of each file, ten times as long as all the rest: here every CRS is read once.
    """
    try:
        with pq.ParquetFile(path) as file:
            told, table = json.loads(file.metadata.metadata[b"geo"]), file.read()
        column = told["columns"]["geometry"]
        if (
            table.column_names != [*PARTS, "geometry"]
            or told["primary_column"] != "geometry"
            or column["encoding"] != "WKB"
        ):
            return None
        geometry = shapely.from_wkb(table["geometry"].to_numpy())
        crs = _crs_of(json.dumps(column["crs"], sort_keys=True))
        return gpd.GeoDataFrame(table.drop_columns(["geometry"]).to_pandas(), geometry=geometry, crs=crs)
    except (
        OSError, ValueError, TypeError, KeyError, RecursionError, pa.ArrowException, pyproj.exceptions.CRSError,
        shapely.errors.ShapelyError,
    ):  # fmt: skip
        return None


@lru_cache(maxsize=16)
def _crs_of(text: str) -> pyproj.CRS:
    return pyproj.CRS.from_json(text)


def found_tiles(
    files: list[PartsFile], *, among: Callable[[pd.DataFrame], NDArray[np.bool_]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds, (T, 4), of all tiles that found something: of the parts chosen, and of the others.

    Raises
    ------
    SchemaError
        A file cannot be read or lacks columns.
    """
    one: list[pd.DataFrame] = [pd.DataFrame(columns=TILE_COLUMNS, dtype=np.float64)]
    other = one.copy()
    for file in files:
        frame = read_parts_file(file.path)
        chosen = among(frame)
        one.append(pd.DataFrame(frame.loc[chosen, TILE_COLUMNS]).drop_duplicates())
        other.append(pd.DataFrame(frame.loc[~chosen, TILE_COLUMNS]).drop_duplicates())
    chosen_tiles, others = (pd.concat(each).drop_duplicates().to_numpy(dtype=np.float64) for each in (one, other))
    return chosen_tiles, others


def _look_at(path: Path) -> PartsFile:
    """Return how many parts a file holds and how far north they reach; every part lies inside its tile."""
    unknown = PartsFile(path=path, north_m=np.inf, rows=0)
    if path.suffix != ".parquet":
        return unknown
    try:
        table = pq.read_table(path, columns=TILE_COLUMNS, partitioning=None)
        tile = np.column_stack([table[name].to_numpy() for name in TILE_COLUMNS]).astype(np.float64)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        return unknown  # whoever reads all of it says what is wrong
    if len(tile) == 0:
        return PartsFile(path=path, north_m=-np.inf, rows=0)
    reach = tile[:, 3] + _near_m(tile)
    return PartsFile(path=path, north_m=float(reach.max()) if np.isfinite(reach).all() else np.inf, rows=len(tile))


def _near_m(bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far from boxes (N, 4) there may be something that matters to what is inside."""
    return np.asarray(NEAR_M + NEAR_SHARE * (bounds[:, 2:] - bounds[:, :2]).max(axis=1))


def _batches(parts: gpd.GeoDataFrame, *, north_m: float, at_once: int) -> NDArray[np.intp]:
    """Return the batch of each of N parts, (N,), from 0; -1 for those that hang on what lies below `north_m`."""
    if north_m == -np.inf and len(parts) <= at_once:
        return np.zeros(len(parts), dtype=np.intp)
    geometry = parts.geometry.to_numpy()
    bounds = shapely.bounds(geometry)
    near_m = _near_m(bounds)
    placed = np.isfinite(bounds).all(axis=1)  # what has no place is thrown out when it is merged
    rows = np.flatnonzero(placed)
    # Not their boxes: in a town of turned houses those make one group of all.
    left, right = shapely.STRtree(geometry[rows]).query(geometry[rows], predicate="dwithin", distance=near_m[rows])
    left, right = rows[left], rows[right]
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(parts),) * 2)
    count, group = connected_components(graph, directed=False)
    south, west = np.full((2, count), np.inf)
    np.minimum.at(south, group[placed], (bounds[:, 1] - near_m)[placed])
    np.minimum.at(west, group[placed], bounds[placed, 0])
    batch = np.full(count, -1, dtype=np.intp)
    done = np.flatnonzero(south > north_m)
    done = done[np.argsort(west[done], kind="stable")]
    size = np.bincount(group, minlength=count)[done]
    batch[done] = np.unique((np.cumsum(size) - 1) // at_once, return_inverse=True)[1]
    return np.asarray(batch[group])
