"""An open scene, seen from afar -> how its values become grey levels and how its missing pixels are told."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tiling.radiometry import Stretch, is_opacity, stretch_of
from tiling.scene import Scene

Range = tuple[tuple[int, int], tuple[int, int]]
"""((first row, end row), (first column, end column)) of a rectangle of a file."""

VIEW_PX = 1024
"""Longest side of the view from afar."""

WHOLE_PX = 2**26
"""Scenes without overviews are viewed whole up to this size; of larger ones, scattered windows are read."""

SCATTERED = 8
"""So many windows a side, each of `VIEW_PX` / `SCATTERED` pixels a side, evenly over the scene."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What must be known of a scene's pixels before any tile of it is read."""

    stretch: Stretch | None
    """Scaling to grey levels; None means that the values are uint8 and stay as they are."""
    alpha_band: int | None
    """Band that tells which pixels are missing; None means that there is none that can be believed."""
    alpha_full: float
    """Largest value of that band: opaque."""


NO_LOOK: Final = Look(stretch=None, alpha_band=None, alpha_full=0.0)
"""For scenes whose header says it all."""


def needs_look(scene: Scene) -> bool:
    """Tell whether any pixel must be looked at to know how to read a scene."""
    return scene.dtype != "uint8" or scene.validity == "alpha" or scene.stretch is not None


def look_at(dataset: Any, scene: Scene, *, bands: tuple[int, int, int]) -> Look:
    """Measure a scene's stretch, and whether what it calls alpha is one, over the whole scene.

    Parameters
    ----------
    dataset : rasterio dataset
        Open for reading, at full resolution.
    scene : Scene
        Its header; a stretch in it stands.
    bands : tuple of int
        Bands shown as red, green and blue; a shown band is a colour, whatever the file calls it.

    Notes
    -----
    Reads about a megapixel a band; the same pixels every time.
    """
    alpha_band, alpha_full, opaque = _alpha_of(dataset, scene, bands)
    stretch = scene.stretch
    if stretch is None and scene.dtype != "uint8":
        stretch = stretch_of(*_sample(dataset, scene, bands, opaque))
    return Look(stretch=stretch, alpha_band=alpha_band, alpha_full=alpha_full)


def sample_values(
    dataset: Any, scene: Scene, *, bands: tuple[int, int, int]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return pixels from all over a scene, shape (3, N), and which of them are real, shape (N,)."""
    return _sample(dataset, scene, bands, _alpha_of(dataset, scene, bands)[2])


def _alpha_of(
    dataset: Any, scene: Scene, bands: tuple[int, int, int]
) -> tuple[int | None, float, NDArray[np.bool_] | None]:
    """Return the alpha band that can be believed, its largest value, and where a sample of it is opaque."""
    if scene.validity != "alpha":
        return None, 0.0, None
    band = scene.color_names.index("alpha") + 1
    alpha = _view(dataset, scene, [band])
    if band in bands or not is_opacity(alpha):
        return None, 0.0, None
    full = float(max(alpha.max(), 1))
    return band, full, _opaque(alpha[0], full)


def _sample(
    dataset: Any, scene: Scene, bands: tuple[int, int, int], opaque: NDArray[np.bool_] | None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    values = _view(dataset, scene, list(bands))
    valid = values_validity(values, scene)
    if opaque is not None:
        valid &= opaque
    elif scene.validity == "mask":
        valid &= _view(dataset, scene, None)[0] > 0
    return values, valid


def file_validity(dataset: Any, scene: Scene, look: Look, *, window: Range) -> NDArray[np.bool_]:
    """Return where the file's alpha or mask band says that pixels are real; everywhere if it has neither."""
    if look.alpha_band is not None:
        return _opaque(dataset.read(look.alpha_band, window=window), look.alpha_full)
    if scene.validity == "mask":
        return np.asarray(dataset.read_masks(1, window=window) > 0)
    (row0, row1), (col0, col1) = window
    return np.ones((row1 - row0, col1 - col0), bool)


def values_validity(values: NDArray[Any], scene: Scene) -> NDArray[np.bool_]:
    """Return where values are finite in all bands and, in at least one, not the scene's nodata.

    At least one: with nodata 0, black is missing but pure red is not.

    Parameters
    ----------
    values : ndarray of shape (bands, ...)

    Returns
    -------
    ndarray of the shape without its first axis, dtype bool
    """
    valid = np.ones(values.shape[1:], bool)
    if values.dtype.kind == "f":
        valid &= np.isfinite(values).all(axis=0)
    missing = None if scene.validity != "nodata" else _held(scene.nodata, values.dtype)
    return valid if missing is None else valid & (values != missing).any(axis=0)


def _held(nodata: float | None, dtype: np.dtype[Any]) -> Any:
    """Return a nodata value as pixels of a type hold it; None where none can hold it, as -9999 in uint8.

    In the pixels' own type, because -3.4e38 as a double is not the float32 that they hold.
    """
    if nodata is None or not np.isfinite(nodata):
        return None
    if dtype.kind != "f":
        whole = int(nodata)
        return dtype.type(whole) if whole == nodata and _fits(whole, np.iinfo(dtype)) else None
    limits = np.finfo(dtype)
    # A limit that was written in decimals may come back a little larger.
    near = float(limits.max) * (1 + 1e-7) if dtype.itemsize < 8 else float(limits.max)
    return dtype.type(np.clip(nodata, limits.min, limits.max)) if abs(nodata) <= near else None


def _fits(value: int, limits: np.iinfo[Any]) -> bool:
    return int(limits.min) <= value <= int(limits.max)


def _opaque(alpha: NDArray[Any], full: float) -> NDArray[np.bool_]:
    return np.asarray(alpha.astype(np.float64) * 2 >= full)


def _view(dataset: Any, scene: Scene, bands: list[int] | None) -> NDArray[Any]:
    """Return pixels from all over a scene, shape (bands, N); bands None means the mask."""

    def read(**options: Any) -> NDArray[Any]:
        view = dataset.read_masks([1], **options) if bands is None else dataset.read(bands, **options)
        return np.asarray(view.reshape(view.shape[0], -1))

    height, width = scene.height, scene.width
    if scene.overviews or width * height <= WHOLE_PX:
        shrink = max(max(width, height) / VIEW_PX, 1)
        # GDAL's default is nearest, and that is meant: averages would pull the percentiles in.
        n_bands = 1 if bands is None else len(bands)
        return read(out_shape=(n_bands, max(1, round(height / shrink)), max(1, round(width / shrink))))
    side = VIEW_PX // SCATTERED
    row_starts = np.linspace(0, max(height - side, 0), SCATTERED).round().astype(int).tolist()
    col_starts = np.linspace(0, max(width - side, 0), SCATTERED).round().astype(int).tolist()
    views = [
        read(window=((row, min(row + side, height)), (col, min(col + side, width))))
        for row in row_starts
        for col in col_starts
    ]
    return np.concatenate(views, axis=1)
