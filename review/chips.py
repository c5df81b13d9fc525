"""Footprints -> which squares of ground to show, and their pixels -> small image files beside the page."""

import math
import os
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from groundplan.crs import check_metric
from groundplan.errors import ConfigError, DataError
from groundplan.vector import same_crs
from groundplan.whole import whole_file

NODATA_GREY = 128
"""Grey value shown where there is no imagery."""

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipPlan:
    """A square of ground to read for one proposal, north up."""

    change_id: str
    """The proposal it shows."""
    width_px: int
    """Width and height of the image to write."""
    height_px: int
    """As `width_px`."""
    transform: Affine
    """Pixel corner -> metric CRS, in the imagery's frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipInfo:
    """An image file that the page shows, and where on the ground its pixels lie."""

    path: str
    """Relative to the run's review folder, with forward slashes, such as ``chips/c-1.jpg``; "" = no image."""
    width_px: int
    """Columns of the image."""
    height_px: int
    """Rows of the image."""
    transform: Affine
    """Pixel corner -> metric CRS, in the imagery's frame; rotation is allowed."""


def ground_point(transform: Affine, column_px: float, row_px: float) -> tuple[float, float]:
    """Return where a pixel position lies.

    Written out because affine 2 knows only ``*`` for it and affine 3 warns of that.

    Examples
    --------
    >>> ground_point(Affine(2.0, 0.0, 100.0, 0.0, -2.0, 50.0), 3, 4)
    (106.0, 42.0)
    """
    a, b, c, d, e, f = transform[:6]
    return a * column_px + b * row_px + c, d * column_px + e * row_px + f


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipOptions:
    """How much ground a chip shows, and with how many pixels."""

    gsd_m: float = 0.3
    """Ground sample distance of the imagery in metres per pixel; finer chips would only be larger files."""
    margin_m: float = 15.0
    """Least ground shown around the footprint on each side, in metres."""
    min_side_m: float = 60.0
    """Least side of the square, in metres."""
    max_side_px: int = 512
    """Largest side of the image; larger objects are shown coarser than `gsd_m`."""


def plan_chips(
    changes: gpd.GeoDataFrame, *, crs: object, offset_m: ArrayLike = (0.0, 0.0), options: ChipOptions | None = None
) -> list[ChipPlan]:
    """Return the square of ground to show for each proposal, in the frame's order.

    Parameters
    ----------
    changes : GeoDataFrame
        With a column change_id; any CRS. Rows without geometry are left out.
    crs : Any
        The region's metric CRS; the squares are aligned with it.
    offset_m : array_like of shape (2,) or (n, 2)
        East and north, in metres, added to a geometry to reach the place where the imagery shows it.
    options : ChipOptions, optional

    Raises
    ------
    ConfigError
        An option is not above 0.
    CRSError
        `crs` is not metric.
    """
    opts = options or ChipOptions()
    if opts.gsd_m <= 0 or opts.min_side_m <= 0 or opts.max_side_px < 1 or opts.margin_m < 0:
        raise ConfigError(f"chip options {opts} cannot be used; give lengths above 0")
    metric = check_metric(crs)
    frame = same_crs(changes, metric)
    shift = np.broadcast_to(np.asarray(offset_m, np.float64), (len(frame), 2))
    plans = []
    for change_id, bounds, (east, north) in zip(
        frame["change_id"], frame.geometry.bounds.to_numpy(), shift, strict=True
    ):
        left, bottom, right, top = (float(value) for value in bounds)
        if not math.isfinite(left):
            continue
        side_m = max(opts.min_side_m, right - left + 2 * opts.margin_m, top - bottom + 2 * opts.margin_m)
        side_px = min(opts.max_side_px, math.ceil(side_m / opts.gsd_m))
        step_m = max(opts.gsd_m, side_m / side_px)
        x = (left + right) / 2 + east - side_px * step_m / 2
        y = (bottom + top) / 2 + north + side_px * step_m / 2
        # Centimetres are finer than any pixel, and keep the page's data short.
        transform = Affine(step_m, 0.0, round(x, 2), 0.0, -step_m, round(y, 2))
        plans.append(ChipPlan(change_id=change_id, width_px=side_px, height_px=side_px, transform=transform))
    return plans


def write_chip(
    path: str | os.PathLike[str],
    image: NDArray[np.uint8],
    *,
    valid: NDArray[np.bool_] | None = None,
    quality: int = 85,
) -> None:
    """Write one chip as JPEG or PNG, whole or not at all, equal pixels as equal bytes.

    Parameters
    ----------
    path : path-like
        Ends in .jpg, .jpeg or .png.
    image : ndarray of shape (3, H, W), dtype uint8
        RGB.
    valid : ndarray of shape (H, W), dtype bool, optional
        False where there is no imagery; shown grey.
    quality : int
        JPEG's, 1..95. 85 makes about 15 kB of a 256 px chip.

    Raises
    ------
    DataError
        The array has another shape or dtype.
    ConfigError
        The suffix is none of the three.
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower()  # noqa: PTH122 - a str or bytes path alike
    if suffix not in FORMATS:
        raise ConfigError(f"chip {os.fspath(path)!r} ends in {suffix!r}; end it in .jpg or .png")
    _check_pixels(image, valid)
    pixels = np.moveaxis(image, 0, 2)
    if valid is not None:
        pixels = np.where(valid[:, :, None], pixels, np.uint8(NODATA_GREY))
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    options: dict[str, int | bool] = {"optimize": True}
    if FORMATS[suffix] == "JPEG":
        options["quality"] = quality
    with whole_file(path) as part:
        picture.save(part, format=FORMATS[suffix], **options)


def _check_pixels(image: NDArray[np.uint8], valid: NDArray[np.bool_] | None) -> None:
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise DataError(f"chip has shape {image.shape} and dtype {image.dtype}; give uint8 (3, rows, columns)")
    if valid is not None and (valid.shape != image.shape[1:] or valid.dtype != np.bool_):
        raise DataError(f"valid has shape {valid.shape} and dtype {valid.dtype}; give bool {image.shape[1:]}")
