"""Tiles that imagery fills in part -> detections in the rectangle that it fills, in pixels of the tile."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detector import BoxFilter, Detector
from groundplan.records import Detections

LEAST_PX: Final = 64
"""Sides of what a network is shown: its coarsest features are so far apart."""


def detect_shown(
    detector: Detector,
    images: Sequence[NDArray[np.uint8]],
    valid: Sequence[NDArray[np.bool_]],
    wanted: Sequence[BoxFilter],
) -> list[Detections]:
    """Detect in what each tile shows.

    A network that sees black beside a street takes more of it for roofs: of chips of 78 m, each alone in a tile,
    a quarter more false buildings than of the same chips without the black. So the tile is cut to the rectangle of
    its valid pixels, which saves the time for the rest as well.

    Parameters
    ----------
    detector : Detector
    images : sequence of ndarray of shape (3, H, W), dtype uint8
        All of one size.
    valid : sequence of ndarray of shape (H, W), dtype bool
        Each with at least one valid pixel.
    wanted : sequence of callable
        One per image, of boxes in its pixels; see `detection.detector.Detector`.

    Returns
    -------
    list of Detections
        One per image, boxes in its pixels. A tile without gaps gives what the detector gives.
    """
    windows = [shown_window(each) for each in valid]
    by_size: dict[tuple[int, int], list[int]] = {}
    for place, (rows, cols) in enumerate(windows):
        by_size.setdefault((rows.stop - rows.start, cols.stop - cols.start), []).append(place)
    out: dict[int, Detections] = {}
    for places in by_size.values():
        cut = [np.ascontiguousarray(images[place][:, *windows[place]]) for place in places]
        filters = [_beside(wanted[place], *windows[place]) for place in places]
        out |= dict(zip(places, detector.detect(cut, filters), strict=True))
    return [_moved(out[place], *windows[place]) for place in range(len(images))]


def shown_window(valid: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return rows and columns of the smallest rectangle of at least `LEAST_PX` that holds all valid pixels."""
    rows, cols = (_span(np.asarray(valid.any(axis=axis))) for axis in (1, 0))
    return rows, cols


def _span(seen: NDArray[np.bool_]) -> slice:
    places = np.flatnonzero(seen)
    first, end = int(places[0]), int(places[-1]) + 1
    first = max(0, min(first, end - LEAST_PX))
    return slice(first, min(len(seen), max(end, first + LEAST_PX)))


def _moved(found: Detections, rows: slice, cols: slice) -> Detections:
    if rows.start == cols.start == 0:
        return found
    return replace(found, boxes=found.boxes + _corner(rows, cols))


def _beside(wanted: BoxFilter, rows: slice, cols: slice) -> BoxFilter:
    """Return a filter of the same boxes in pixels of the window."""
    return lambda boxes: wanted(boxes + _corner(rows, cols))


def _corner(rows: slice, cols: slice) -> NDArray[np.float32]:
    return np.array([cols.start, rows.start, cols.start, rows.start], np.float32)
