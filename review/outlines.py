"""Geometries in metres -> flat rings of whole centimetres, which are short to write and quick to draw."""

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray


def ground_origin(geometries: NDArray[np.object_]) -> tuple[float, float]:
    """Return whole metres at or below the geometries' lower left corner; (0, 0) when there is nothing."""
    bounds = shapely.total_bounds(geometries) if len(geometries) else np.full(4, np.nan)
    return (0.0, 0.0) if not np.isfinite(bounds).all() else (math.floor(bounds[0]), math.floor(bounds[1]))


def outline(shape: Any, origin: tuple[float, float]) -> dict[str, Any]:
    """Return a geometry's kind and rings as the page draws them.

    Parameters
    ----------
    shape : shapely geometry or None
        In a metric CRS.
    origin : tuple of float
        Easting and northing taken off, in metres.

    Returns
    -------
    dict
        ``kind``: area, line or point; ``rings``: lists x0, y0, x1, y1, ... in centimetres, an area's closing
        point left out. Holes are rings like others: the page fills by the even-odd rule. Nothing for None.

    Examples
    --------
    >>> outline(shapely.box(10, 20, 11, 22), (10, 20))
    {'kind': 'area', 'rings': [[100, 0, 100, 200, 0, 200, 0, 0]]}
    """
    if shape is None or shape.is_empty:
        return {"kind": "area", "rings": []}
    kind = ("point", "line", "area")[shapely.get_dimensions(shape)]
    rings = []
    for piece in shapely.get_rings(shape) if kind == "area" else shapely.get_parts(shape):
        xy = np.round((shapely.get_coordinates(piece) - origin) * 100).astype(np.int64)
        rings.append((xy[:-1] if kind == "area" else xy).ravel().tolist())
    return {"kind": kind, "rings": rings}
