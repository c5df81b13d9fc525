"""Detections and OSM areas -> how far the detections lie from OSM, for the region and for each cell of it."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from osm.match import mutual_best, overlaps
from osm.options import DiffOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """How far detections lie from OSM (detections minus OSM), in metres of the metric CRS."""

    east: float
    """Metres by which detections lie further east."""
    north: float
    """Metres by which detections lie further north."""
    n_pairs: int
    """Pairs the value was taken from."""
    mad: float
    """Median absolute deviation of the pairs, the larger of both axes, in metres; 0 without pairs."""
    used: bool
    """Enough pairs agree well enough for the value to be taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetField:
    """The offset of a region and of its cells."""

    whole: Offset
    """From all pairs of the region."""
    cell_m: float
    """Side of the cells; 0 = there are none."""
    cells: dict[tuple[int, int], Offset]
    """By column and row: floor(x / cell_m), floor(y / cell_m) of the detections' CRS."""
    sources: dict[tuple[int, int], str]
    """Where each cell's value comes from: "cell", "neighbourhood" or "region"."""
    disagree: bool
    """Two neighbouring cells with pairs of their own differ by more than is believed."""

    def at(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the offset at points, shape (N, 2): east, north in metres.

        Parameters
        ----------
        xy : ndarray of shape (N, 2)
            Centroids of detections, in their own frame.
        """
        base = (self.whole.east, self.whole.north) if self.whole.used else (0.0, 0.0)
        out = np.tile(np.array(base, np.float64), (len(xy), 1))
        if not self.cells:
            return out
        keys = cell_keys(xy, self.cell_m)
        unique, inverse = np.unique(keys, axis=0, return_inverse=True)
        values = np.array(
            [(cell.east, cell.north) if (cell := self.cells.get((int(c), int(r)))) else base for c, r in unique]
        )
        return np.asarray(values[inverse.reshape(-1)])


def cell_keys(xy: NDArray[np.float64], cell_m: float) -> NDArray[np.int64]:
    """Return column and row of the cell of each point, shape (N, 2)."""
    return np.floor(xy / cell_m).astype(np.int64)


def estimate_offset(det: NDArray[np.object_], osm: NDArray[np.object_], *, options: DiffOptions) -> OffsetField:
    """Estimate how detections lie to OSM.

    Pairs that are each other's best are taken, the median of their centroid differences is taken out, and again
    until it settles. A vote over all near centroids gives the start, because small buildings that lie eight
    metres off overlap their neighbours and not themselves.

    Parameters
    ----------
    det, osm : ndarray of valid polygons
        Of one family (or buildings and fields together), in the same metric CRS.
    options : DiffOptions

    Returns
    -------
    OffsetField
        With ``n_pairs`` 0 and nothing used when there is nothing to compare.
    """
    none = Offset(east=0.0, north=0.0, n_pairs=0, mad=0.0, used=False)
    nothing = OffsetField(whole=none, cell_m=0.0, cells={}, sources={}, disagree=False)
    if options.offset == "off" or len(det) == 0 or len(osm) == 0:
        return nothing
    cell_m = options.offset_cell_m
    xy = centroids(det)
    if cell_m > 0:
        chosen = _sample(cell_keys(xy, cell_m), options.offset_cell_sample)
        det, xy = det[chosen], xy[chosen]
    osm_xy = centroids(osm)
    start = _vote(xy, osm_xy, shapely.area(det), shapely.area(osm), options)
    whole, _, _ = _settle(det, osm, xy, osm_xy, np.tile(start, (len(det), 1)), options)
    if not whole.used:
        return OffsetField(whole=whole, cell_m=0.0, cells={}, sources={}, disagree=False)
    if cell_m <= 0:
        return OffsetField(whole=whole, cell_m=0.0, cells={}, sources={}, disagree=False)
    keys = cell_keys(xy, cell_m)
    shift = np.tile(np.array([whole.east, whole.north]), (len(det), 1))
    field = OffsetField(whole=whole, cell_m=cell_m, cells={}, sources={}, disagree=False)
    for _ in range(2):
        index, difference = _paired(det, osm, xy, osm_xy, shift, options)
        field = _by_cell(keys, index, difference, whole, options)
        shift = field.at(xy)
    return field


def centroids(polygons: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the centroids, shape (N, 2)."""
    points = shapely.centroid(polygons)
    return np.column_stack([shapely.get_x(points), shapely.get_y(points)])


def shifted(polygons: NDArray[np.object_], by: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return each polygon moved by its own (east, north), shape of `by` (N, 2)."""
    counts = shapely.get_num_coordinates(polygons)
    per_vertex = np.repeat(by, counts, axis=0)
    if not per_vertex.any():
        return np.array(polygons, dtype=object)
    return np.asarray(shapely.transform(polygons, lambda xy: xy + per_vertex), dtype=object)


def _sample(keys: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return positions of at most `most` detections of each cell, spread evenly over their order."""
    order = np.lexsort((np.arange(len(keys)), keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)])
    sizes = np.diff(np.r_[starts, len(order)])
    picked = [
        order[start : start + size][np.unique(np.linspace(0, size - 1, min(size, most)).astype(int))]
        for start, size in zip(starts, sizes, strict=True)
    ]
    return np.sort(np.concatenate(picked))


def _vote(
    xy: NDArray[np.float64],
    osm_xy: NDArray[np.float64],
    area: NDArray[np.float64],
    osm_area: NDArray[np.float64],
    options: DiffOptions,
) -> NDArray[np.float64]:
    """Return the displacement on which most near pairs of similar size agree, to half a metre."""
    if len(xy) > 20_000:
        pick = np.unique(np.linspace(0, len(xy) - 1, 20_000).astype(int))
        xy, area = xy[pick], area[pick]
    reach = options.offset_search_m
    near = cKDTree(osm_xy).query_ball_point(xy, reach, return_sorted=True)
    counts = np.array([len(each) for each in near])
    if counts.sum() == 0:
        return np.zeros(2)
    left = np.repeat(np.arange(len(xy)), counts)
    right = np.concatenate([np.asarray(each, np.int64) for each in near if each])
    ratio = area[left] / osm_area[right]
    alike = (ratio >= options.offset_area_ratio) & (ratio <= 1 / options.offset_area_ratio)
    difference = (xy[left] - osm_xy[right])[alike]
    if len(difference) < options.offset_min_pairs_global:
        return np.zeros(2)
    edges = np.arange(-reach, reach + 0.5, 0.5)
    votes, _, _ = np.histogram2d(difference[:, 0], difference[:, 1], bins=(edges, edges))
    padded = np.pad(votes, 1)
    smooth = sum(padded[i : i + votes.shape[0], j : j + votes.shape[1]] for i in range(3) for j in range(3))
    best = np.unravel_index(int(np.argmax(smooth)), votes.shape)
    return np.array([edges[best[0]] + 0.25, edges[best[1]] + 0.25])


def _paired(
    det: NDArray[np.object_],
    osm: NDArray[np.object_],
    xy: NDArray[np.float64],
    osm_xy: NDArray[np.float64],
    shift: NDArray[np.float64],
    options: DiffOptions,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the detections that have a mutual best partner once `shift` is taken out, and their differences."""
    pairs = overlaps(shifted(det, -shift), osm)
    ratio = pairs.cov_det / np.maximum(pairs.cov_osm, 1e-12)
    alike = (ratio >= options.offset_area_ratio) & (ratio <= 1 / options.offset_area_ratio)
    pairs = pairs.where(alike & (pairs.iou > options.offset_iou))
    pairs = pairs.where(mutual_best(pairs, n_det=len(det), n_osm=len(osm)))
    return pairs.det, xy[pairs.det] - osm_xy[pairs.osm]


def _settle(
    det: NDArray[np.object_],
    osm: NDArray[np.object_],
    xy: NDArray[np.float64],
    osm_xy: NDArray[np.float64],
    shift: NDArray[np.float64],
    options: DiffOptions,
) -> tuple[Offset, NDArray[np.int64], NDArray[np.float64]]:
    offset = Offset(east=0.0, north=0.0, n_pairs=0, mad=0.0, used=False)
    index, difference = np.empty(0, np.int64), np.empty((0, 2))
    for _ in range(5):
        index, difference = _paired(det, osm, xy, osm_xy, shift, options)
        if len(index) == 0:
            break
        offset = _summary(difference, options.offset_min_pairs_global, options)
        step = np.hypot(*(np.array([offset.east, offset.north]) - shift[0]))
        shift = np.tile(np.array([offset.east, offset.north]), (len(det), 1))
        if step < 0.05:
            break
    return offset, index, difference


def _summary(difference: NDArray[np.float64], least: int, options: DiffOptions) -> Offset:
    middle = np.median(difference, axis=0)
    mad = float(np.median(np.abs(difference - middle), axis=0).max())
    n = len(difference)
    sure = n >= least and 1.25 * mad / np.sqrt(n) < options.offset_precision_m
    return Offset(
        east=round(float(middle[0]), 3),
        north=round(float(middle[1]), 3),
        n_pairs=n,
        mad=round(mad, 3),
        used=bool(sure),
    )


def _by_cell(
    keys: NDArray[np.int64],
    index: NDArray[np.int64],
    difference: NDArray[np.float64],
    whole: Offset,
    options: DiffOptions,
) -> OffsetField:
    rows: dict[tuple[int, int], list[int]] = {(int(c), int(r)): [] for c, r in np.unique(keys, axis=0)}
    for position, (column, row) in enumerate(keys[index]):
        rows[(int(column), int(row))].append(position)
    cells: dict[tuple[int, int], Offset] = {}
    sources: dict[tuple[int, int], str] = {}
    for cell, own in rows.items():
        around = [
            position
            for column in (-1, 0, 1)
            for row in (-1, 0, 1)
            for position in rows.get((cell[0] + column, cell[1] + row), ())
        ]
        for source, chosen in (("cell", own), ("neighbourhood", around)):
            value = _summary(difference[chosen], options.offset_min_pairs, options) if chosen else None
            if value is not None and value.used:
                cells[cell], sources[cell] = value, source
                break
        else:
            cells[cell], sources[cell] = whole, "region"
    sure = {cell: value for cell, value in cells.items() if sources[cell] == "cell"}
    disagree = any(
        np.hypot(value.east - other.east, value.north - other.north) > options.offset_disagreement_m
        for (column, row), value in sure.items()
        for step in ((1, 0), (0, 1))
        if (other := sure.get((column + step[0], row + step[1]))) is not None
    )
    return OffsetField(whole=whole, cell_m=options.offset_cell_m, cells=cells, sources=sources, disagree=disagree)
