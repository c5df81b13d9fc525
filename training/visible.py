"""A picture and a pitch's outline -> whether its lines can be seen: a lawn without lines is no pitch."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from training.rings import Rings

LEAST_CONTRAST: Final = 5.0
"""Grey levels by which a line has to stand out more than the grain beside it; chosen by looking at many."""
LEAST_PX: Final = 30
"""Shorter pieces of an outline say nothing."""


def line_contrast(grey: NDArray[np.float32], rings: Rings) -> float | None:
    """Return how much brighter the outer line of a pitch is than its surroundings, beyond the ground's own grain.

    Parameters
    ----------
    grey : ndarray of shape (H, W)
        0..255.
    rings : Rings
        Outline in the picture's pixels; the first ring counts.

    Returns
    -------
    float or None
        Grey levels; None where too little of the outline is in the picture.
    """
    size = (grey.shape[1], grey.shape[0])
    corners = [(float(x), float(y)) for x, y in rings[0]]
    drawn = Image.new("L", size)
    ImageDraw.Draw(drawn).line([*corners, corners[0]], fill=1, width=1)
    filled = Image.new("L", size)
    ImageDraw.Draw(filled).polygon(corners, fill=1)
    line, inside = np.asarray(drawn) > 0, np.asarray(filled) > 0
    beside = ndimage.binary_dilation(line, iterations=4) & ~ndimage.binary_dilation(line, iterations=2) & inside
    if min(line.sum(), beside.sum()) < LEAST_PX:
        return None
    # The line may lie a pixel beside where it is said to be, and grain has bright pixels, too.
    standing_out = ndimage.maximum_filter(grey, 3) - ndimage.uniform_filter(grey, 9)
    return float(standing_out[line].mean() - standing_out[beside].mean())


def lines_show(image: NDArray[np.uint8], rings: Rings) -> bool:
    """Return whether a mapper would see the lines of a pitch; True where too little of it is in view to say.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), dtype uint8
    rings : Rings
        As of `line_contrast`.
    """
    contrast = line_contrast(image.astype(np.float32).mean(axis=2), rings)
    return contrast is None or contrast >= LEAST_CONTRAST
