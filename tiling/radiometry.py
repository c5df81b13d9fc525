"""Pixel values of any type -> uint8 grey levels, by one stretch per scene and band; arrays only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOW_PERCENT, HIGH_PERCENT = 2.0, 98.0
"""Percentiles that become 0 and 255: the usual display stretch, robust against glints and dead pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What becomes black and what becomes white, per band; the same for every tile of a scene."""

    low: tuple[float, ...]
    """Value that becomes 0, per band."""
    high: tuple[float, ...]
    """Value that becomes 255, per band; above `low`."""


def stretch_of(samples: NDArray[Any], valid: NDArray[np.bool_]) -> Stretch:
    """Measure the stretch of a scene from a sample of its pixels.

    Parameters
    ----------
    samples : ndarray of shape (bands, N)
        Of any real type; values that are not finite are left out.
    valid : ndarray of shape (N,), dtype bool

    Returns
    -------
    Stretch
        A band of one single value becomes black; without any valid pixel 0..1 is taken.
    """
    low, high = [], []
    for band in samples:
        values = band[valid & np.isfinite(band)].astype(np.float64)
        if values.size == 0:
            values = np.array([0.0, 1.0])
        below, above = np.percentile(values, [LOW_PERCENT, HIGH_PERCENT])
        low.append(float(below))
        # Differences that a double hardly holds are no contrast, and dividing by them overflows.
        high.append(float(above if above - below > 1e-9 * max(abs(below), abs(above), 1e-9) else below + 1.0))
    return Stretch(low=tuple(low), high=tuple(high))


def to_uint8(values: NDArray[Any], stretch: Stretch) -> NDArray[np.uint8]:
    """Scale values linearly to 0..255, cut off at both ends; NaN becomes 0.

    Parameters
    ----------
    values : ndarray of shape (bands, H, W)
    stretch : Stretch
        Of as many bands.

    Returns
    -------
    ndarray of the same shape, dtype uint8
    """
    low = np.asarray(stretch.low)[:, None, None]
    scale = 255.0 / (np.asarray(stretch.high) - np.asarray(stretch.low))[:, None, None]
    # 254.999 + 0.5 would still round to 255, so clipping may come before the rounding.
    levels = np.clip((values.astype(np.float64) - low) * scale, 0, 255) + 0.5
    return np.where(np.isnan(levels), 0, levels).astype(np.uint8)


def is_opacity(alpha: NDArray[Any]) -> bool:
    """Tell whether a band that a file calls alpha is one.

    GDAL calls the fourth of four bands alpha unless the writer says otherwise, and many near infrared bands are
    mislabelled so. An opacity is nearly everywhere none or full; an image is nearly nowhere.

    Parameters
    ----------
    alpha : ndarray of any shape
        A sample of the band, over the whole scene.

    Returns
    -------
    bool
        False when more than half of the values lie strictly between 0 and the largest.
    """
    if alpha.size == 0:
        return True
    between = (alpha > 0) & (alpha < alpha.max())
    return bool(np.count_nonzero(between) * 2 <= alpha.size)
