"""Shape and scales in pixels -> grey noise fields that make painted surfaces look like ground."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]


def smooth_noise(shape: tuple[int, int], *, scale_px: float, rng: np.random.Generator) -> Floats:
    """Return noise whose spots are about `scale_px` wide, mean about 0 and deviation about 1.

    Parameters
    ----------
    shape : tuple of int
        Rows, columns; both at least 1.
    scale_px : float
        1 or less gives white noise, pixel by pixel.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of shape (rows, cols), dtype float32

    Notes
    -----
    A coarse grid of normal numbers enlarged with a bicubic filter; thirty times as fast as blurring white noise.
    """
    rows, cols = shape
    if scale_px <= 1.0:
        return rng.standard_normal(shape, dtype=np.float32)
    coarse_rows, coarse_cols = int(rows / scale_px) + 3, int(cols / scale_px) + 3
    coarse = rng.standard_normal((coarse_rows, coarse_cols), dtype=np.float32)
    top, left = rng.random(2)
    box = (left, top, left + cols / scale_px, top + rows / scale_px)
    big = Image.fromarray(coarse).resize((cols, rows), Image.Resampling.BICUBIC, box=box)
    return np.asarray(big, np.float32) * np.float32(1.35)


def cloud(shape: tuple[int, int], *, scales_px: tuple[float, ...], rng: np.random.Generator) -> Floats:
    """Return the mean of several `smooth_noise` fields, deviation about 1: spots in spots, as dry grass has."""
    total = sum(smooth_noise(shape, scale_px=scale, rng=rng) for scale in scales_px)
    return np.asarray(total / np.sqrt(len(scales_px)), np.float32)


def smoothstep(values: Floats, low: float, high: float) -> Floats:
    """Return 0 below `low`, 1 above `high`, and a smooth ramp between."""
    ramp = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(ramp * ramp * (3.0 - 2.0 * ramp), np.float32)


def gradient(shape: tuple[int, int], *, rng: np.random.Generator) -> Floats:
    """Return a plane of random direction from -1 to 1 over the array: light that differs from side to side."""
    angle = rng.uniform(0.0, 2.0 * np.pi)
    row = np.linspace(-1.0, 1.0, shape[0], dtype=np.float32)[:, None]
    col = np.linspace(-1.0, 1.0, shape[1], dtype=np.float32)[None, :]
    plane = row * np.float32(np.sin(angle)) + col * np.float32(np.cos(angle))
    return np.asarray(plane / np.float32(np.sqrt(2.0)), np.float32)
