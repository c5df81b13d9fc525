"""Background picture and drawn patch -> the picture with the patch in it, and the truth in picture pixels."""

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from shapely.affinity import translate
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
        Deviation of the blur; None = drawn as survey imagery has it, 0.25 to 0.6.

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
    # Estimating a picture's blur from its edges gave the cap for every real picture: a draw serves as well.
    sigma = float(rng.uniform(0.25, 0.6)) if blur_px is None else blur_px
    premultiplied = cut[..., :3] * alpha
    if sigma > 0.05:
        premultiplied = ndimage.gaussian_filter(premultiplied, (sigma, sigma, 0.0))
        alpha = ndimage.gaussian_filter(alpha, (sigma, sigma, 0.0))
    colours = premultiplied / np.maximum(alpha, np.float32(1e-3))
    if rng.random() < 0.4:
        # Survey imagery is often sharpened, with light seams along dark edges.
        colours += np.float32(rng.uniform(0.2, 0.7)) * (
            colours - ndimage.gaussian_filter(colours, (1.0, 1.0, 0.0))
        )
    colours = matched(colours, alpha[..., 0], image, share=match, rng=rng)
    noise = rng.standard_normal(colours.shape[:2], dtype=np.float32)[..., None]
    colours += noise * np.float32(grain_of(image))
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
        moved = translate(outline, col, row)
        moved = moved if frame.contains(moved) else shapely.intersection(moved, frame)
        kept += [
            (label, part) for part in shapely.get_parts(moved) if part.geom_type == "Polygon" and part.area >= 4.0
        ]
    return tuple(kept)


def grain_of(image: NDArray[np.uint8]) -> float:
    """Estimate a picture's grain: the deviation of grey values that the finest differences show.

    Notes
    -----
    Median of second differences, which edges hardly move; 0.6 of it, because ground has texture of its own.
    """
    grey = image[..., 1].astype(np.float32)
    second = grey[:, 2:] - 2.0 * grey[:, 1:-1] + grey[:, :-2]
    grain = float(np.median(np.abs(second)) / 0.6745 / np.sqrt(6.0)) if second.size else 0.0
    return float(np.clip(0.6 * grain, 0.5, 4.0))


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
    grey = sample.mean(axis=1)
    low, high = np.quantile(grey, (0.02, 0.985))
    # Painted colours span about 20..235; the picture's haze and exposure squeeze that, its tint shifts it.
    # One range for all channels: a range per channel would turn a green town's brick red into orange.
    tint = sample.mean(axis=0) - grey.mean()
    target = low + (colours - 20.0) / 215.0 * max(high - low, 90.0) + 0.5 * tint
    weight = np.float32(share * rng.uniform(0.6, 1.4))
    return np.asarray(colours + (target - colours) * min(float(weight), 1.0), np.float32)
