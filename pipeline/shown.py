"""Tiles that imagery fills in part -> detections in the rectangle that it fills, in pixels of the tile."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detection.detector import Detector
from groundplan.records import Detections

LEAST_PX: Final = 64
"""Sides of what a network is shown: its coarsest features are so far apart."""


def detect_shown(
    detector: Detector, images: Sequence[NDArray[np.uint8]], valid: Sequence[NDArray[np.bool_]]
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
        out |= dict(zip(places, detector.detect(cut), strict=True))
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
    by = np.array([cols.start, rows.start, cols.start, rows.start], np.float32)
    return replace(found, boxes=found.boxes + by)
