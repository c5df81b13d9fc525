"""Label, place and imagery -> the id under which a change is known in every run."""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from osm.outline import round_lon_lat

GRID_DEG = 4.5e-5
"""Five metres of latitude; a detector that draws the same object a little differently stays in the cell mostly."""

ROWS_AT_ONCE = 50_000
"""Outlines that are in degrees at the same time."""


def change_ids(
    labels: Sequence[str] | NDArray[np.object_],
    polygons: NDArray[np.object_],
    *,
    crs: Any = LON_LAT,
    imagery_id: str,
) -> list[str]:
    """Return one id per change: a hash of label, centroid on a 5 m grid and imagery.

    Changes that share a cell are numbered in the order of their outlines, so that the ids do not depend on the
    order of the input.

    Parameters
    ----------
    labels : sequence of str, length N
    polygons : ndarray of geometry, shape (N,)
    crs : CRS
        Of the polygons.
    imagery_id : str
        Empty where unknown.
    """
    names: list[str] = []
    for start in range(0, len(labels), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        names += _names(labels[part], _outlines(polygons[part], crs), imagery_id)
    order = sorted(range(len(names)), key=names.__getitem__)
    groups = [group for _, each in groupby(order, key=names.__getitem__) if len(group := list(each)) > 1]
    shared = [index for group in groups for index in group]
    shapes = shapely.to_wkb(shapely.normalize(_outlines(polygons[shared], crs)), byte_order=1)
    outline = dict(zip(shared, shapes.tolist(), strict=True))
    for group in groups:
        for rank, index in enumerate(sorted(group, key=lambda each: (outline[each], each))[1:], start=2):
            names[index] = f"{names[index]}-{rank}"
    return names


def _outlines(polygons: NDArray[np.object_], crs: Any) -> NDArray[np.object_]:
    return round_lon_lat(transform_geometries(polygons, source=crs, target=LON_LAT))


def _names(
    labels: Sequence[str] | NDArray[np.object_], lon_lat: NDArray[np.object_], imagery_id: str
) -> list[str]:
    centres = shapely.centroid(lon_lat)
    rows = np.round(shapely.get_y(centres) / GRID_DEG).astype(np.int64)
    # As wide as high at this latitude, taken from the row so that all in the cell agree.
    width = GRID_DEG / np.maximum(np.cos(np.radians(rows * GRID_DEG)), 0.01)
    columns = np.round(shapely.get_x(centres) / width).astype(np.int64)
    return [
        "p-" + hashlib.sha256(f"{label}\0{column}\0{row}\0{imagery_id}".encode()).hexdigest()[:16]
        for label, column, row in zip(labels, columns.tolist(), rows.tolist(), strict=True)
    ]
