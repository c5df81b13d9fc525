"""Decisions -> the same decisions in which no two new outlines, and none mapped, have a vertex in common."""

from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.decided import ROWS_AT_ONCE, Decided
from osm.options import DiffOptions
from osm.outline import prepare_outlines

SHRINK_M = 0.05
"""Less than anybody can see on imagery, and five times the grid on which OSM stores coordinates."""


def keep_apart(
    decided: Decided, *, mapped: NDArray[np.object_], order: NDArray[np.int64], crs: Any, options: DiffOptions
) -> None:
    """Draw outlines in by 5 cm where a vertex lies exactly on another's.

    Two nodes at one place are an error in every OSM quality checker, and sharing one would join objects that no
    person has joined. Of several the first in `order` stays as it is.

    Parameters
    ----------
    decided : Decided
        Changed in place.
    mapped : ndarray of bytes
        WKB of whatever OSM has nearby, in EPSG:4326.
    order : ndarray of int, shape (N,)
        Positions of the decisions in the order of their change_id.
    crs : CRS
        The metric CRS.
    options : DiffOptions
    """
    index = order[(decided.is_open & decided.outline_ok)[order]]
    taken = _sorted_keys(mapped)
    # Every round moves by the same step, so two outlines that met both times end a step apart.
    for round_ in range(1, 4):
        at = index[_clashing(decided, index, taken)]
        if len(at) == 0:
            break
        polygon = shapely.from_wkb(decided.metric[at])
        drawn = shapely.buffer(polygon, -SHRINK_M * round_, join_style="mitre")
        outlines = prepare_outlines(drawn, crs=crs, options=replace(options, simplify_m=0.0))
        decided.lon_lat[at], decided.area_m2[at] = shapely.to_wkb(outlines.lon_lat), shapely.area(outlines.metric)
        decided.outline_ok[at] = outlines.ok
        index = index[decided.outline_ok[index]]


def _sorted_keys(wkb: NDArray[np.object_]) -> NDArray[np.int64]:
    parts = [np.empty(0, np.int64)]
    for start in range(0, len(wkb), ROWS_AT_ONCE):
        lon_lat = shapely.from_wkb(wkb[start : start + ROWS_AT_ONCE])
        parts.append(_keys(lon_lat)[0])
    return np.unique(np.concatenate(parts))


def _keys(lon_lat: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    xy, owner = shapely.get_coordinates(lon_lat, return_index=True)
    grid = np.round(xy * 1e7).astype(np.int64)
    # Latitudes take 31 bits on this grid, so both fit one integer.
    return grid[:, 0] * (1 << 31) + grid[:, 1], owner


def _clashing(decided: Decided, index: NDArray[np.int64], taken: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which of these have a vertex on one of `taken`, or on one of an outline before them."""
    clash = np.zeros(len(index), bool)
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    start = 0
    for part, lon_lat in decided.outlines(index):
        keys, owner = _keys(lon_lat)
        parts.append((keys, owner + start))
        start += len(part)
    keys, owner = (np.concatenate(each) for each in zip(*parts, strict=True)) if parts else (taken[:0],) * 2
    if len(keys) == 0:
        return clash
    order = np.lexsort((owner, keys))
    keys, owner = keys[order], owner[order]
    starts = np.r_[True, keys[1:] != keys[:-1]]
    first_owner = owner[starts][np.cumsum(starts) - 1]
    place = np.minimum(np.searchsorted(taken, keys), len(taken) - 1)
    on_mapped = taken[place] == keys if len(taken) else np.zeros(len(keys), bool)
    clash[owner[(owner != first_owner) | on_mapped]] = True
    return clash
