"""Polygons as rings of pixel coordinates: masks from them, and holes as COCO can hold them.

A polygon is a tuple of float arrays of shape (n, 2), x right and y down; where rings lie inside one another the
even-odd rule decides, so a hole is just another ring.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

Rings = tuple[NDArray[np.float64], ...]

FILLED_LABELS: Final = ("running_track",)
"""Labels that are taught and measured with what they enclose; see `taught_rings`."""


def rasterise(rings: Rings, *, height: int, width: int) -> NDArray[np.bool_]:
    """Return the pixels whose centres lie inside the polygon (even-odd rule).

    Parameters
    ----------
    rings : tuple of ndarray of shape (n, 2)
        x, y in pixels; integers are pixel corners. Closed or not.
    height, width : int
        Size of the mask; what lies outside is cut off.

    Returns
    -------
    ndarray of shape (height, width), dtype bool

    Notes
    -----
    O(edges x rows): each edge toggles, in every row whose centre it crosses, all pixels to its right.

    Examples
    --------
    >>> square = (np.array([[1.0, 1.0], [3.0, 1.0], [3.0, 2.0], [1.0, 2.0]]),)
    >>> rasterise(square, height=3, width=4).astype(int).tolist()
    [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    """
    toggles = np.zeros((height, width + 1), np.int32)
    for ring in rings:
        start, end = ring, np.roll(ring, -1, axis=0)
        for (x0, y0), (x1, y1) in zip(start, end, strict=True):
            low, high = (y0, y1) if y0 < y1 else (y1, y0)
            first, last = max(0, int(np.ceil(low - 0.5))), min(height, int(np.ceil(high - 0.5)))
            if first >= last:
                continue
            rows = np.arange(first, last)
            crossing = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            cols = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
            np.add.at(toggles, (rows, cols), 1)
    return (np.cumsum(toggles, axis=1)[:, :width] % 2).astype(bool)


def keyhole(rings: Rings) -> NDArray[np.float64]:
    """Return one ring that encloses the first and leaves the others out, joined by slits of no width.

    COCO polygons are unions of rings and cannot hold holes; a slit from the outer ring to each hole can.

    Parameters
    ----------
    rings : tuple of ndarray of shape (n, 2)
        The outer ring, then the holes.
    """
    outer = rings[0]
    for hole in rings[1:]:
        distances = np.linalg.norm(outer[:, None] - hole[None], axis=2)
        at, to = np.unravel_index(int(distances.argmin()), distances.shape)
        around = np.roll(hole, -int(to), axis=0)
        if _signed_area(around) * _signed_area(outer) > 0:
            around = np.vstack([around[:1], around[:0:-1]])
        outer = np.vstack([outer[: at + 1], around, around[:1], outer[at:]])
    return outer


def from_coco(segmentation: Sequence[Sequence[float]]) -> Rings:
    """Return COCO's flat coordinate lists as rings."""
    return tuple(np.asarray(flat, np.float64).reshape(-1, 2) for flat in segmentation)


def to_coco(rings: Rings, *, decimals: int = 1) -> list[list[float]]:
    """Return a polygon with holes as one flat COCO ring."""
    return [np.round(keyhole(rings), decimals).ravel().tolist()]


def taught_rings(label: str, rings: Rings) -> Rings:
    """Return what the network learns to fill: of a running track its whole oval, of anything else the polygon.

    The ring of lanes is as thin as one and a half cells of a track's mask: masks of it are thin, broken or lost.
    The oval around it is plain, and `postprocess.stadium` finds the inner edge by the lengths that tracks are
    built with. Ovals are convex: the hull gives them back from keyholes and from rings that a border cuts open.

    Parameters
    ----------
    label : str
    rings : tuple of ndarray of shape (n, 2)
    """
    if label not in FILLED_LABELS:
        return rings
    hull = shapely.convex_hull(shapely.multipoints(np.vstack(rings)))
    return (shapely.get_coordinates(hull)[:-1],)


def outline_area(rings: Rings) -> float:
    """Return the area, in square pixels, of what the largest ring encloses."""
    return max(abs(_signed_area(ring)) for ring in rings)


def _signed_area(ring: NDArray[np.float64]) -> float:
    x, y = ring.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)
