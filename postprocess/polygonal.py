"""Arrays of any geometries in, arrays of valid polygons or multipolygons out."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.tangles import tangled

Geometries = NDArray[np.object_]
"""A one-dimensional array of shapely geometries, None for missing."""

_POLYGONS = (3, 6)  # shapely's type ids of Polygon and MultiPolygon


def geometry_array(geometries: Any) -> Geometries:
    """Return any sequence of geometries as a one-dimensional object array."""
    items = list(geometries)
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out


def polygonal(geometries: Geometries) -> Geometries:
    """Return the geometries made valid, with points and lines left out.

    What is empty, or crosses itself without end, becomes None.

    Parameters
    ----------
    geometries : ndarray of geometry

    Returns
    -------
    ndarray of Polygon, MultiPolygon or None, same length
    """
    out = geometries.copy()
    bad = ~shapely.is_valid(out) & ~shapely.is_missing(out)
    if bad.any():
        out[bad] = np.where(tangled(out[bad]), None, out[bad])
        bad &= ~shapely.is_missing(out)
        out[bad] = shapely.make_valid(out[bad], method="structure", keep_collapsed=False)
    for place in np.flatnonzero(~np.isin(shapely.get_type_id(out), _POLYGONS) & ~shapely.is_missing(out)):
        pieces = shapely.get_parts(shapely.get_parts(out[place]))
        faces = pieces[np.isin(shapely.get_type_id(pieces), _POLYGONS)]
        out[place] = shapely.union_all(faces) if len(faces) else None
    out[shapely.is_empty(out)] = None
    return out


def covers_m2(geometries: Geometries, place: int, by: dict[int, float], *, least_m2: float) -> bool:
    """Return whether some polygons together cover that much of another one.

    Parameters
    ----------
    geometries : ndarray of geometry, shape (N,)
    place : int
        Of the one that is covered.
    by : dict
        Places of those that cover it -> area that each shares with it.
    least_m2 : float
    """
    # What several of them cover counts once; only where their sum is enough it has to be known.
    if sum(by.values()) < least_m2:
        return False
    if len(by) == 1:
        return True
    together = shapely.union_all(geometries[list(by)])
    return bool(shapely.area(shapely.intersection(geometries[place], together)) >= least_m2)


def thickness(geometries: Geometries) -> NDArray[np.float64]:
    """Return twice area over perimeter: the width of a strip, half the side of a square; 0 when empty."""
    length = shapely.length(geometries)
    area = np.asarray(shapely.area(geometries), dtype=np.float64)
    return np.divide(2 * area, length, out=np.zeros(len(area)), where=length > 0)


def without_small_holes(geometry: Any, *, min_hole_m2: float, min_thickness_m: float = 0.0) -> Any:
    """Return the polygon or multipolygon with its small or thin holes filled."""
    pieces = []
    for piece in shapely.get_parts(geometry):
        if len(piece.interiors):
            holes = shapely.polygons(np.array(piece.interiors, dtype=object))
            keep = (shapely.area(holes) >= min_hole_m2) & (thickness(holes) >= min_thickness_m)
            if not keep.all():
                piece = shapely.Polygon(piece.exterior, [h.exterior for h in holes[keep]])
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else shapely.multipolygons(pieces)
