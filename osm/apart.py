"""Decisions -> the same decisions in which no two new outlines, and none mapped, have a vertex in common."""

from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from osm.decide import Decisions
from osm.options import DiffOptions
from osm.outline import prepare_outlines

SHRINK_M = 0.05
"""Less than anybody can see on imagery, and five times the grid on which OSM stores coordinates."""


def keep_apart(
    decisions: Decisions, *, mapped: NDArray[np.object_], order: list[str], crs: Any, options: DiffOptions
) -> Decisions:
    """Draw outlines in by 5 cm where a vertex lies exactly on another's.

    Two nodes at one place are an error in every OSM quality checker, and sharing one would join objects that no
    person has joined. Of several the first in `order` stays as it is.

    Parameters
    ----------
    decisions : Decisions
    mapped : ndarray of geometry
        OSM areas in EPSG:4326.
    order : list of str, length N
        change_id of each decision.
    """
    open_ = np.isin(decisions.status, ("new", "review")) & decisions.outline_ok
    index = np.array(sorted(np.flatnonzero(open_).tolist(), key=lambda each: order[each]), np.int64)
    polygon, lon_lat = decisions.polygon.copy(), decisions.lon_lat.copy()
    outline_ok = decisions.outline_ok.copy()
    taken = _keys(mapped)[0]
    # Every round moves by the same step, so two outlines that met both times end a step apart.
    for round_ in range(1, 4):
        clash = _clashing(lon_lat[index], taken)
        if not clash.any():
            break
        at = index[clash]
        drawn = shapely.buffer(decisions.polygon[at], -SHRINK_M * round_, join_style="mitre")
        outlines = prepare_outlines(drawn, crs=crs, options=replace(options, simplify_m=0.0))
        polygon[at], lon_lat[at] = outlines.metric, outlines.lon_lat
        outline_ok[at] = outlines.ok
        index = index[outline_ok[index]]
    return replace(decisions, polygon=polygon, lon_lat=lon_lat, outline_ok=outline_ok)


def _keys(lon_lat: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    xy, owner = shapely.get_coordinates(lon_lat, return_index=True)
    grid = np.round(xy * 1e7).astype(np.int64)
    # Latitudes take 31 bits on this grid, so both fit one integer.
    return grid[:, 0] * (1 << 31) + grid[:, 1], owner


def _clashing(lon_lat: NDArray[np.object_], taken: NDArray[np.int64]) -> NDArray[np.bool_]:
    keys, owner = _keys(lon_lat)
    order = np.lexsort((owner, keys))
    keys, owner = keys[order], owner[order]
    starts = np.r_[True, keys[1:] != keys[:-1]] if len(keys) else np.empty(0, bool)
    first_owner = owner[starts][np.cumsum(starts) - 1] if len(keys) else owner
    clash = np.zeros(len(lon_lat), bool)
    clash[owner[(owner != first_owner) | np.isin(keys, taken)]] = True
    return clash
