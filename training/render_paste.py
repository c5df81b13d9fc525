"""Background picture and drawn patch -> the picture with the patch in it, and the truth in picture pixels."""

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import Polygon

from groundplan.errors import DataError
from training.render_patch import FieldPatch


def paste(
    image: NDArray[np.uint8],
    patch: FieldPatch,
    *,
    row: int,
    col: int,
    rng: np.random.Generator,
    match: float = 0.35,
    blur_px: float | None = None,
) -> tuple[NDArray[np.uint8], tuple[tuple[str, Polygon], ...]]:
    """Lay a patch over a picture so that its sharpness, grain and tint fit.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), dtype uint8
        Not modified.
    patch : FieldPatch
    row, col : int
        Where the patch's upper left corner comes; the patch may reach beyond the picture.
    rng : numpy.random.Generator
    match : float
        0 keeps the patch's colours, 1 gives it the mean and contrast of the picture around it.
    blur_px : float, optional
        Deviation of the blur; None = about as sharp as the picture.

    Returns
    -------
    image : ndarray of shape (H, W, 3), dtype uint8
    outlines : tuple of (label, Polygon)
        In picture pixels, clipped to the picture; outlines wholly outside are left out.

    Raises
    ------
    DataError
        The picture is not uint8 of shape (H, W, 3).
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise DataError(f"image is {image.dtype} {image.shape}; paste needs uint8 (H, W, 3)")
    height, width = image.shape[:2]
    top, left = max(row, 0), max(col, 0)
    bottom, right = min(row + patch.rgba.shape[0], height), min(col + patch.rgba.shape[1], width)
    if top >= bottom or left >= right:
        return image.copy(), ()
    cut = patch.rgba[top - row : bottom - row, left - col : right - col].astype(np.float32)
    ground = image[top:bottom, left:right].astype(np.float32)
    alpha = cut[..., 3:] / np.float32(255.0)
    sigma, grain = sharpness(image)
    sigma = sigma if blur_px is None else blur_px
    premultiplied = cut[..., :3] * alpha
    if sigma > 0.05:
        premultiplied = ndimage.gaussian_filter(premultiplied, (sigma, sigma, 0.0))
        alpha = ndimage.gaussian_filter(alpha, (sigma, sigma, 0.0))
    colours = premultiplied / np.maximum(alpha, np.float32(1e-3))
    colours = matched(colours, alpha[..., 0], image, share=match, rng=rng)
    noise = rng.standard_normal(colours.shape[:2], dtype=np.float32)[..., None]
    colours += noise * np.float32(grain)
    out = image.copy()
    mixed = ground + (colours - ground) * alpha
    out[top:bottom, left:right] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return out, clipped(patch.outlines, row=row, col=col, height=height, width=width)


def clipped(
    outlines: tuple[tuple[str, Polygon], ...], *, row: int, col: int, height: int, width: int
) -> tuple[tuple[str, Polygon], ...]:
    """Return outlines moved to picture pixels and cut at its border; parts under 4 px2 are left out."""
    frame = shapely.box(0, 0, width, height)
    kept = []
    for label, outline in outlines:
        moved = shapely.intersection(shapely.transform(outline, lambda xy: xy + (col, row)), frame)
        kept += [
            (label, part) for part in shapely.get_parts(moved) if part.geom_type == "Polygon" and part.area >= 4.0
        ]
    return tuple(kept)


def sharpness(image: NDArray[np.uint8]) -> tuple[float, float]:
    """Estimate a picture's blur (sigma in pixels) and grain (deviation of grey values).

    Notes
    -----
    Blur from the ratio of differences at one and at two pixels' distance along strong edges, where a step blurred
    by sigma gives a known ratio; grain from the median of the finest differences, which edges hardly move.
    """
    grey = image[..., 1].astype(np.float32)
    one, two = np.abs(np.diff(grey, axis=1))[:, :-1], np.abs(grey[:, 2:] - grey[:, :-2])
    strong = two >= max(12.0, float(np.quantile(two, 0.98)))
    ratio = float(np.median(one[strong] / two[strong])) if strong.any() else 0.6
    # A sharp step has ratio 0 or 1, a wide ramp 0.5: median distance from 0.5 falls with the blur.
    sigma = float(np.clip(0.9 - 1.4 * abs(ratio - 0.5), 0.3, 0.8))
    second = grey[:, 2:] - 2.0 * grey[:, 1:-1] + grey[:, :-2]
    grain = float(np.median(np.abs(second)) / 0.6745 / np.sqrt(6.0))
    return sigma, float(np.clip(0.6 * grain, 0.5, 5.0))


def matched(
    colours: NDArray[np.float32],
    alpha: NDArray[np.float32],
    image: NDArray[np.uint8],
    *,
    share: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return colours pulled towards the picture's range: its darkest, its brightest, its tint of grey."""
    if share <= 0.0:
        return colours
    sample = image[::4, ::4].reshape(-1, 3).astype(np.float32)
    low, high = np.quantile(sample, (0.02, 0.98), axis=0)
    # Painted colours span about 20..235; the picture's haze and exposure squeeze that.
    target = low + (colours - 20.0) / 215.0 * np.maximum(high - low, 60.0)
    weight = np.float32(share * rng.uniform(0.6, 1.4))
    return np.asarray(colours + (target - colours) * min(float(weight), 1.0), np.float32)
