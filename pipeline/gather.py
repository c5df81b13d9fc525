"""A folder of parts -> batches of parts that no others come near: a region is not merged in one piece."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from groundplan.errors import CRSMismatchError, SchemaError
from groundplan.schema import check_parts
from groundplan.vector import read_vector

PARTS_AT_ONCE: Final = 20_000
"""Parts that are merged together, and those that hang on them: about 100 MB."""

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


def list_parts(folder: Path) -> list[PartsFile]:
    """Return the files of a folder from north to south, those on one height by name.

    Raises
    ------
    SchemaError
        There are none.
    """
    # Not the hidden ones: a run that was killed leaves half-written files behind.
    paths = sorted(folder.glob("[!.]*.parquet")) + sorted(folder.glob("[!.]*.geojson"))
    if not paths:
        raise SchemaError(f"no parts (*.parquet or *.geojson) in {folder}; run `groundplan detect` first")
    files = [PartsFile(path=path, north_m=_north_m(path)) for path in paths]
    return sorted(files, key=lambda file: -file.north_m)


def parts_batches(files: list[PartsFile], *, at_once: int = PARTS_AT_ONCE) -> Iterator[gpd.GeoDataFrame]:
    """Yield all parts, each once, those that may have to do with each other in one batch.

    Files are read from north to south. A group of parts is passed on when it lies south of nothing that is still
    to be read; the others wait. What is in memory is therefore a strip of the region, not the region.

    Parameters
    ----------
    files : list of PartsFile
        From `list_parts`.
    at_once : int
        A batch is passed on when so many parts are there.

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
    passed_on = False
    for place, file in enumerate(files):
        frame = check_parts(read_vector(file.path), what=str(file.path))
        crs = frame.crs if crs is None else crs
        if frame.crs != crs:
            raise CRSMismatchError(
                f"{file.path} is in {frame.crs.name!r}, {files[0].path} in {crs.name!r}; write all in one"
            )
        if len(frame):
            waiting.append(frame)
        elif empty is None:
            empty = frame
        south = place + 1 == len(files)
        if waiting and (south or sum(len(each) for each in waiting) >= at_once):
            parts = gpd.GeoDataFrame(pd.concat(waiting, ignore_index=True), geometry="geometry", crs=crs)
            done = np.full(len(parts), True) if south else _settled(parts, north_m=files[place + 1].north_m)
            waiting = [parts[~done]] if not done.all() else []
            if done.any():
                passed_on = True
                yield parts[done]
    if not passed_on and empty is not None:
        yield empty


def found_tiles(
    files: list[PartsFile], *, labels: Collection[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds, (T, 4), of all tiles that found something: of some labels, and of the others.

    Raises
    ------
    SchemaError
        A file cannot be read or lacks columns.
    """
    among: list[pd.DataFrame] = [pd.DataFrame(columns=TILE_COLUMNS, dtype=np.float64)]
    others = among.copy()
    for file in files:
        frame = check_parts(read_vector(file.path), what=str(file.path))
        chosen = frame["label"].isin(labels)
        among.append(pd.DataFrame(frame.loc[chosen, TILE_COLUMNS]).drop_duplicates())
        others.append(pd.DataFrame(frame.loc[~chosen, TILE_COLUMNS]).drop_duplicates())
    one, other = (pd.concat(each).drop_duplicates().to_numpy(dtype=np.float64) for each in (among, others))
    return one, other


def _north_m(path: Path) -> float:
    """Return how far north a file's parts reach; every part lies inside its tile."""
    if path.suffix != ".parquet":
        return np.inf
    try:
        table = pq.read_table(path, columns=TILE_COLUMNS)
        left, bottom, right, top = (np.asarray(table[name].to_numpy(), dtype=np.float64) for name in TILE_COLUMNS)
    except (OSError, ValueError, TypeError, KeyError, pa.ArrowException):
        return np.inf  # whoever reads all of it says what is wrong
    if len(top) == 0:
        return -np.inf
    reach = top + _near_m(np.column_stack((left, bottom, right, top)))
    return float(reach.max()) if np.isfinite(reach).all() else np.inf


def _near_m(bounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far from boxes (N, 4) there may be something that matters to what is inside."""
    return np.asarray(NEAR_M + NEAR_SHARE * (bounds[:, 2:] - bounds[:, :2]).max(axis=1))


def _settled(parts: gpd.GeoDataFrame, *, north_m: float) -> NDArray[np.bool_]:
    """Return which parts neither touch, nor hang on any that touch, what lies below a northing."""
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
    south = np.full(count, np.inf)
    np.minimum.at(south, group[placed], (bounds[:, 1] - near_m)[placed])
    return np.asarray(south[group] > north_m)
