"""What a region file says of the pixels -> scenes that know their bands, missing value and scaling."""

import dataclasses
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from groundplan.errors import ConfigError, SceneError
from groundplan.nearest import did_you_mean
from tiling.look import sample_values
from tiling.paths import gdal_options
from tiling.patience import patiently
from tiling.radiometry import Stretch, stretch_of
from tiling.scene import Scene, one_line, rgb_bands

log = logging.getLogger(__name__)

POOLED_PX = 2**16
"""Pixels that one of several scenes gives to the stretch of them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelOptions:
    """``[pixels]``: which bands are shown, how their values become grey levels, and which are missing."""

    bands: tuple[str | int, ...] = ()
    """One band or three, by number from 1 or by name; empty = red, green, blue, else the first three."""
    scaling: Literal["region", "scene", "fixed", "none"] = "region"
    """Of values that are not uint8: percentiles 2..98 of all scenes, or of each; `black` to `white`; or as is."""
    black: tuple[float, ...] = ()
    """Value that becomes 0, one for all bands or three; with scaling = "fixed"."""
    white: tuple[float, ...] = ()
    """Value that becomes 255; above `black`."""
    nodata: float | None = None
    """Value of missing pixels, in place of what the files say; left out = as the files say."""

    def __post_init__(self) -> None:
        if len(self.bands) not in (0, 1, 3):
            raise ConfigError(f"bands has {len(self.bands)} entries; name one band, or three")
        given = bool(self.black or self.white)
        if given != (self.scaling == "fixed"):
            raise ConfigError('scaling = "fixed" and black, white belong together; give all three, or none')
        if given and (len(self.black) not in (1, 3) or len(self.white) != len(self.black)):
            raise ConfigError("black and white need one number each, or three each")
        if not all(low < high for low, high in zip(self.black, self.white, strict=True)):
            raise ConfigError(f"white = {list(self.white)} is not above black = {list(self.black)}")


def with_pixels(scenes: Sequence[Scene], options: PixelOptions) -> tuple[Scene, ...]:
    """Return the scenes with what the region file says of their pixels.

    With scaling = "region" about a megapixel of each scene that is not uint8 is read.

    Raises
    ------
    SceneError
        A scene lacks a band that is named.
    """
    named = [_with_choice(scene, options) for scene in scenes]
    return tuple(_with_joint_stretch(named)) if options.scaling == "region" else tuple(named)


def _with_choice(scene: Scene, options: PixelOptions) -> Scene:
    changes: dict[str, object] = {}
    if options.bands:
        changes["bands"] = rgb_bands(scene, bands=[band_number(scene, band) for band in options.bands])
    if options.nodata is not None and scene.tiles is None:
        changes |= {"nodata": options.nodata, "validity": "nodata"}
    if options.scaling == "fixed":
        changes["stretch"] = Stretch(low=_three(options.black), high=_three(options.white))
    elif options.scaling == "none" and scene.dtype != "uint8":
        changes["stretch"] = Stretch(low=(0.0,) * 3, high=(255.0,) * 3)
    return dataclasses.replace(scene, **changes) if changes else scene  # type: ignore[arg-type]


def _three(values: tuple[float, ...]) -> tuple[float, ...]:
    return values * 3 if len(values) == 1 else values


def band_number(scene: Scene, band: str | int) -> int:
    """Return a band's number from 1, given that or what the file or its STAC item calls it.

    Raises
    ------
    SceneError
        No band is called so.
    """
    if isinstance(band, int):
        return band
    wanted = band.strip().lower()
    for names in (scene.band_names, scene.color_names):
        if wanted and wanted in names:
            return names.index(wanted) + 1
    known = [name for name in (*scene.band_names, *scene.color_names) if name and name != "undefined"]
    raise SceneError(
        f"{scene.path} has no band {band!r}{did_you_mean(wanted, known)}; it has {scene.count} bands"
        + (f" called {', '.join(dict.fromkeys(known))}" if known else " without names")
        + "; name bands by number"
    )


def _with_joint_stretch(scenes: Sequence[Scene]) -> list[Scene]:
    """Give all scenes of one type one stretch: neighbours must not differ by their own contents.

    A type of its own, because 8 bits' worth of float reflectance and of uint16 counts have nothing in common.
    """
    stretches: dict[str, Stretch | None] = {}
    for dtype in sorted({scene.dtype for scene in scenes if scene.dtype != "uint8"}):
        alike = [scene for scene in scenes if scene.dtype == dtype]
        samples = [
            found for found in (_sample(scene, thin=len(alike) > 1) for scene in alike) if found is not None
        ]
        pool = np.concatenate(samples, axis=1) if samples else None
        # Scenes none of which can be read keep no stretch: each tile says what is wrong with its own.
        stretches[dtype] = None if pool is None else stretch_of(pool, np.ones(pool.shape[1], bool))
    return [
        dataclasses.replace(scene, stretch=stretches[scene.dtype]) if stretches.get(scene.dtype) else scene
        for scene in scenes
    ]


def _sample(scene: Scene, *, thin: bool) -> np.ndarray | None:
    """Return real values of a scene, shape (3, N); None where it cannot be read."""

    def read() -> tuple[np.ndarray, np.ndarray]:
        with rasterio.open(scene.path) as dataset:
            return sample_values(dataset, scene, bands=rgb_bands(scene))

    try:
        with warnings.catch_warnings(), rasterio.Env(**gdal_options(scene.path)):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            values, valid = patiently(scene.path, read)
    except RasterioError as err:
        log.warning("cannot look at %s: %s; its values do not count for the scaling", scene.path, one_line(err))
        return None
    values = values[:, valid]
    step = max(1, values.shape[1] // POOLED_PX) if thin else 1
    return np.asarray(values[:, ::step])
