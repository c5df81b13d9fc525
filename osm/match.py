"""Two sets of polygons in one metric CRS -> the pairs that overlap, with how much of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from osm.shared_area import shared_areas

BLOCK = 200_000
"""Pairs measured together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Overlapping pairs of (detection, OSM row), sorted by both; P may be 0."""

    det: NDArray[np.int64]
    """(P,): position of the detection."""
    osm: NDArray[np.int64]
    """(P,): position of the OSM row."""
    iou: NDArray[np.float64]
    """(P,): intersection over union, 0..1."""
    cov_det: NDArray[np.float64]
    """(P,): share of the detection that is covered, 0..1."""
    cov_osm: NDArray[np.float64]
    """(P,): share of the OSM area that is covered, 0..1."""

    def __len__(self) -> int:
        return len(self.det)

    @property
    def cov(self) -> NDArray[np.float64]:
        """(P,): the larger of both shares, which is the intersection over the smaller area."""
        return np.maximum(self.cov_det, self.cov_osm)

    def where(self, keep: NDArray[np.bool_]) -> "Pairs":
        """Return the pairs chosen by a mask of shape (P,)."""
        return Pairs(
            det=self.det[keep],
            osm=self.osm[keep],
            iou=self.iou[keep],
            cov_det=self.cov_det[keep],
            cov_osm=self.cov_osm[keep],
        )

    def at(self, det: NDArray[np.int64], osm: NDArray[np.int64]) -> "Pairs":
        """Return the pairs with positions in what the detections and OSM rows were taken from."""
        return replace(self, det=det[self.det], osm=osm[self.osm])

    @staticmethod
    def joined(parts: Sequence["Pairs"]) -> "Pairs":
        """Return all pairs of several."""
        none = np.empty(0)
        first = Pairs(det=none.astype(np.int64), osm=none.astype(np.int64), iou=none, cov_det=none, cov_osm=none)
        return Pairs(
            **{name: np.concatenate([getattr(part, name) for part in (first, *parts)]) for name in Pairs.__slots__}
        )


def candidates(det: NDArray[np.object_], osm: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs whose bounding boxes meet, sorted by detection, then OSM row.

    Parameters
    ----------
    det, osm : ndarray of geometry
        In the same CRS; None and empty geometries meet nothing.
    """
    if len(det) == 0 or len(osm) == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    # STRtree boxes are exact here; a predicate would cost seven times the query and the areas show it anyway.
    left, right = shapely.STRtree(osm).query(det)
    order = np.lexsort((right, left))
    return left[order].astype(np.int64), right[order].astype(np.int64)


def overlaps(det: NDArray[np.object_], osm: NDArray[np.object_]) -> Pairs:
    """Return the pairs of polygons that share some area.

    Parameters
    ----------
    det, osm : ndarray of valid polygons
        In the same metric CRS.

    Returns
    -------
    Pairs
        Only pairs with an intersection larger than a square centimetre.

    Notes
    -----
    About 100,000 pairs of houses a second; memory grows with the number of pairs.
    """
    left, right = candidates(det, osm)
    if len(left) == 0:
        return _pairs(left, right, np.empty(0), np.empty(0), np.empty(0))
    # In blocks: a million detections at once would take half a gigabyte of edges.
    starts = range(0, len(left), BLOCK)
    blocks = [(left[start : start + BLOCK], right[start : start + BLOCK]) for start in starts]
    shared = np.concatenate([shared_areas(det, osm, pairs=block) for block in blocks])
    keep = shared > 1e-4
    left, right, shared = left[keep], right[keep], shared[keep]
    return _pairs(left, right, shared, shapely.area(det)[left], shapely.area(osm)[right])


def _pairs(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    shared: NDArray[np.float64],
    area_det: NDArray[np.float64],
    area_osm: NDArray[np.float64],
) -> Pairs:
    return Pairs(
        det=left,
        osm=right,
        iou=np.clip(shared / (area_det + area_osm - shared), 0.0, 1.0),
        cov_det=np.clip(shared / area_det, 0.0, 1.0),
        cov_osm=np.clip(shared / area_osm, 0.0, 1.0),
    )


def mutual_best(pairs: Pairs, *, n_det: int, n_osm: int) -> NDArray[np.bool_]:
    """Tell which pairs are the best (by IoU) of both their detection and their OSM row.

    Returns
    -------
    ndarray of shape (P,), dtype bool
    """
    best_det = np.zeros(n_det)
    best_osm = np.zeros(n_osm)
    np.maximum.at(best_det, pairs.det, pairs.iou)
    np.maximum.at(best_osm, pairs.osm, pairs.iou)
    return np.asarray((pairs.iou >= best_det[pairs.det]) & (pairs.iou >= best_osm[pairs.osm]))


def components(
    pairs: Pairs, *, n_det: int, n_osm: int, min_cov: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give a number to the groups of detections and OSM rows that hang together.

    Parameters
    ----------
    pairs : Pairs
    n_det, n_osm : int
        How many there are of each, paired or not.
    min_cov : float
        Pairs hold together when the larger of their two shares exceeds this.

    Returns
    -------
    tuple of ndarray
        Group number of each detection, shape (n_det,), and of each OSM row, shape (n_osm,). What is in no pair is
        a group of its own.
    """
    strong = pairs.cov > min_cov
    rows, columns = pairs.det[strong], pairs.osm[strong] + n_det
    size = n_det + n_osm
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    return group[:n_det].astype(np.int64), group[n_det:].astype(np.int64)


def count_components(pairs: Pairs, *, n_det: int, n_osm: int) -> dict[str, int]:
    """Return how many groups hang together by how many detections and OSM areas they have."""
    det, osm = components(pairs, n_det=n_det, n_osm=n_osm, min_cov=0.3)
    size = n_det + n_osm
    per_det, per_osm = np.bincount(det, minlength=size), np.bincount(osm, minlength=size)
    one_det, many_det = per_det == 1, per_det > 1
    return {
        "one_to_one": int((one_det & (per_osm == 1)).sum()),
        "one_to_many": int((one_det & (per_osm > 1)).sum()),
        "many_to_one": int((many_det & (per_osm == 1)).sum()),
        "many_to_many": int((many_det & (per_osm > 1)).sum()),
    }
