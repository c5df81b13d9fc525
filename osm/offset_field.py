"""Differences of pairs at their places -> the offset of a region, of its cells, and between their centres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    @property
    def error_m(self) -> float | None:
        """Standard error of the value in metres; None without pairs."""
        return round(1.25 * self.mad / float(np.sqrt(self.n_pairs)), 3) if self.n_pairs else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A plane through the offsets of a region: what a rotated or scaled image does."""

    plane: NDArray[np.float64]
    """(3, 2): east and north at the middle, per metre of x, per metre of y."""
    middle: tuple[float, float]
    """x, y of the middle, in metres."""
    bounds: tuple[float, float, float, float]
    """Left, bottom, right, top of the pairs; beyond them the value at the border holds."""

    def at(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the plane at points, shape (N, 2)."""
        inside = np.clip(xy, self.bounds[:2], self.bounds[2:]) - self.middle
        return np.asarray(self.plane[0] + inside @ self.plane[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetField:
    """The offset of a region and of its cells."""

    whole: Offset
    """From all pairs of the region."""
    trend: Trend | None
    """What cells without pairs of their own take; None = the value of the whole region."""
    cell_m: float
    """Side of the cells; 0 = there are none."""
    cells: dict[tuple[int, int], Offset]
    """Value at the centre of each cell, by column and row: floor(x / cell_m), floor(y / cell_m)."""
    sources: dict[tuple[int, int], str]
    """Where each cell's value comes from: "cell", "neighbourhood" or "region"."""
    disagree: bool
    """Two neighbouring cells with pairs of their own differ by more than is believed."""
    rival: Offset | None = None
    """Another offset of the region that nearly as many pairs speak for, as where like houses stand in rows."""

    def at(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the offset at points, shape (N, 2): east, north in metres.

        Between the centres of cells the value goes over evenly (bilinear), so that neighbours on both sides of a
        cell's border are moved alike.

        Parameters
        ----------
        xy : ndarray of shape (N, 2)
            Centroids of detections, in their own frame.
        """
        base = self._base(xy)
        if not self.cells:
            return base
        keys = sorted(self.cells)
        low = np.min(keys, axis=0) - 1
        size = tuple((np.max(keys, axis=0) + 2 - low).tolist())
        local, known = np.zeros((*size, 2)), np.zeros(size)
        at = np.array(keys, np.int64) - low
        values = np.array([(self.cells[key].east, self.cells[key].north) for key in keys])
        # Only what the cells differ from the trend by is interpolated: the trend itself goes on at the borders.
        local[at[:, 0], at[:, 1]] = values - self._base((np.array(keys) + 0.5) * self.cell_m)
        known[at[:, 0], at[:, 1]] = 1.0
        place = np.clip(xy / self.cell_m - 0.5 - low, 0.0, np.array(size) - 1.000001)
        corner = place.astype(np.int64)
        part = place - corner
        total, weights = np.zeros((len(xy), 2)), np.zeros(len(xy))
        for column, row in ((0, 0), (1, 0), (0, 1), (1, 1)):
            weight = np.where(column, part[:, 0], 1 - part[:, 0]) * np.where(row, part[:, 1], 1 - part[:, 1])
            here = (corner[:, 0] + column, corner[:, 1] + row)
            weight = weight * known[here]
            total += weight[:, None] * local[here]
            weights += weight
        return np.asarray(base + total / np.maximum(weights, 1e-9)[:, None])

    def _base(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.trend is not None:
            return self.trend.at(xy)
        value = (self.whole.east, self.whole.north) if self.whole.used else (0.0, 0.0)
        return np.tile(np.array(value, np.float64), (len(xy), 1))


def cell_keys(xy: NDArray[np.float64], cell_m: float) -> NDArray[np.int64]:
    """Return column and row of the cell of each point, shape (N, 2)."""
    return np.floor(xy / cell_m).astype(np.int64)


def summary(difference: NDArray[np.float64], least: int, options: DiffOptions) -> Offset:
    """Return the median of differences, shape (P, 2) with P > 0; used when at least `least` agree well."""
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


def fit_field(
    keys: NDArray[np.int64],
    xy: NDArray[np.float64],
    difference: NDArray[np.float64],
    *,
    own: NDArray[np.int64],
    whole: Offset,
    options: DiffOptions,
) -> OffsetField:
    """Return the field through pairs.

    Parameters
    ----------
    keys : ndarray of shape (N, 2)
        Cells of all detections: each gets a value.
    xy, difference : ndarray of shape (P, 2)
        Places of the pairs and by how much their detection lies further east and north.
    own : ndarray of shape (P, 2)
        Cells of the pairs.
    whole : Offset
        Of the region, used.
    """
    cell_m = options.offset_cell_m
    trend = fit_trend(xy, difference, whole=whole, options=options)
    base = OffsetField(whole=whole, trend=trend, cell_m=0.0, cells={}, sources={}, disagree=False)
    rest = difference - base.at(xy)
    rows: dict[tuple[int, int], list[int]] = {(int(c), int(r)): [] for c, r in np.unique(keys, axis=0)}
    for position, (column, row) in enumerate(own.tolist()):
        rows[(column, row)].append(position)
    cells: dict[tuple[int, int], Offset] = {}
    sources: dict[tuple[int, int], str] = {}
    for cell in rows:
        value, source = _cell_value(cell, rows, rest, options)
        east, north = base.at((np.array([cell]) + 0.5) * cell_m)[0]
        if value is None:
            value, source = Offset(east=0.0, north=0.0, n_pairs=whole.n_pairs, mad=whole.mad, used=True), "region"
        cells[cell], sources[cell] = (
            Offset(
                east=round(value.east + float(east), 3),
                north=round(value.north + float(north), 3),
                n_pairs=value.n_pairs,
                mad=value.mad,
                used=True,
            ),
            source,
        )
    sure = {cell: value for cell, value in cells.items() if sources[cell] == "cell"}
    disagree = any(
        np.hypot(value.east - other.east, value.north - other.north) > options.offset_disagreement_m
        for (column, row), value in sure.items()
        for step in ((1, 0), (0, 1))
        if (other := sure.get((column + step[0], row + step[1]))) is not None
    )
    return OffsetField(whole=whole, trend=trend, cell_m=cell_m, cells=cells, sources=sources, disagree=disagree)


def _cell_value(
    cell: tuple[int, int],
    rows: dict[tuple[int, int], list[int]],
    rest: NDArray[np.float64],
    options: DiffOptions,
) -> tuple[Offset | None, str]:
    around = [
        position
        for column in (-1, 0, 1)
        for row in (-1, 0, 1)
        for position in rows.get((cell[0] + column, cell[1] + row), ())
    ]
    for source, chosen in (("cell", rows[cell]), ("neighbourhood", around)):
        value = summary(rest[chosen], options.offset_min_pairs, options) if chosen else None
        if value is not None and value.used:
            return value, source
    return None, "region"


def fit_trend(
    xy: NDArray[np.float64], difference: NDArray[np.float64], *, whole: Offset, options: DiffOptions
) -> Trend | None:
    """Return the plane that least absolute deviations lay through the differences.

    Wrong pairs pull at it no more than at a median. None where the pairs are too few, or the slope is not surely
    different from none.
    """
    if len(xy) < 4 * options.offset_min_pairs:
        return None
    middle = np.median(xy, axis=0)
    centred = xy - middle
    design = np.column_stack([np.ones(len(xy)), centred])
    plane = np.vstack([[whole.east, whole.north], np.zeros((2, 2))])
    for _ in range(15):
        weight = 1.0 / np.maximum(np.hypot(*(difference - design @ plane).T), 0.05)
        scaled = design * weight[:, None]
        plane = np.linalg.lstsq(scaled.T @ design, scaled.T @ difference, rcond=None)[0]
    residual = difference - design @ plane
    error = 1.25 * np.median(np.abs(residual), axis=0).max() * np.sqrt(np.diag(np.linalg.pinv(design.T @ design)))
    sure = np.abs(plane[1:]).max(axis=1) > 4.0 * error[1:]
    if not sure.any():
        return None
    bounds = (*xy.min(axis=0).tolist(), *xy.max(axis=0).tolist())
    return Trend(plane=plane, middle=(float(middle[0]), float(middle[1])), bounds=bounds)
