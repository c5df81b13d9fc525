"""The path or address of a raster -> its Scene record, from the header alone; no pixel is read."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyproj
import rasterio
import shapely
from affine import Affine
from rasterio.enums import ColorInterp, MaskFlags, WktVersion
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from groundplan.crs import transform_geometries
from groundplan.errors import CRSError, SceneError
from tiling.colors import color_names
from tiling.ground import apply, gsd_m
from tiling.paths import gdal_options, is_address
from tiling.patience import patiently
from tiling.radiometry import Stretch
from tiling.stamp import scene_stamp
from tiling.tile_service import TileService

Validity = Literal["all", "nodata", "alpha", "mask"]

FOOTPRINT_POINTS = 21
"""Points a side of a reprojected footprint; GDAL's own number for bounds (OGRCoordinateTransformation)."""

MAX_BLOCK_BYTES = 2**30
"""One block is decoded whole, whatever is wanted of it; larger ones are a bomb, or a strip that holds a scene."""

_MAX_BLOCKS_CHECKED = 256
"""A truncated file is noticed from its header where blocks lie behind its end; so many are looked up at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the header of one georeferenced raster says."""

    path: str
    """Path, VRT or address, as rasterio opens it."""
    width: int
    """Columns, px."""
    height: int
    """Rows, px."""
    transform: Affine
    """Pixel corner -> CRS; may be rotated or south-up."""
    crs: pyproj.CRS
    """Horizontal CRS, in any unit."""
    count: int
    """Number of bands, an alpha band included."""
    dtype: str
    """numpy name of the bands' common type."""
    nodata: float | None
    """Value that marks missing pixels; may be NaN; None means no such value."""
    gsd_m: float
    """Side in metres of the square with a pixel's area on the ground, at the scene's centre."""
    color_names: tuple[str, ...]
    """What each band shows: "red", "green", "blue", "gray", "alpha", "undefined", ..."""
    validity: Validity
    """Where the file says which pixels are missing."""
    block_shape: tuple[int, int]
    """Rows and columns of one block of the file, px."""
    overviews: tuple[int, ...]
    """Factors of the file's overviews, ascending; () without any."""
    stamp: str
    """From `tiling.stamp`: a changed file has another; "" where a server does not say."""
    band_names: tuple[str, ...] = ()
    """What the file or its STAC item calls each band, in lower case, "" where nothing; () = nothing is known."""
    bands: tuple[int, int, int] | None = None
    """Bands to show as red, green and blue; None = as the file says, see `rgb_bands`."""
    stretch: Stretch | None = None
    """Scaling of those bands to grey levels; None = uint8 stays, others are stretched by their own values."""
    taken: str = ""
    """When it was taken, RFC 3339 or TIFF's form, which sort alike; "" = not known."""
    tiles: TileService | None = None
    """The tile service that it is made of; None = a raster that rasterio opens."""


def read_scene(path: str | Path) -> Scene:
    """Read a raster's header.

    Parameters
    ----------
    path : str or Path
        Anything rasterio opens: a file, a VRT, ``https://``, ``s3://``, ``/vsi...``.

    Raises
    ------
    SceneError
        It is missing, unreadable or cut short; it has no bands, no CRS or no place in it; its values are complex
        numbers or palette entries.
    """
    name = str(path)
    if not is_address(name) and not Path(name).exists():
        raise SceneError(f"no scene at {name}; check the path in `scenes`")

    def read() -> Scene:
        with rasterio.open(name) as dataset:
            return _scene_of(dataset, name)

    try:
        with warnings.catch_warnings(), rasterio.Env(**gdal_options(name)):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return patiently(name, read)
    except RasterioError as err:
        raise SceneError(f"cannot read {name} as a raster: {one_line(err)}; give a GeoTIFF, COG or VRT") from err


def one_line(err: BaseException) -> str:
    """Return the first line of an error's message, or its kind when it says nothing."""
    text = str(err).strip()
    return text.splitlines()[0] if text else type(err).__name__


def _scene_of(dataset: Any, name: str) -> Scene:
    if dataset.count == 0:
        raise SceneError(f"{name} has no bands; give a raster with pixels (is it a container of subdatasets?)")
    dtype = np.result_type(*(np.dtype(text) for text in _known_dtypes(dataset, name)))
    colors = color_names(dataset)
    if "palette" in colors:
        raise SceneError(f"{name} holds palette entries, not colours; convert it with gdal_translate -expand rgb")
    _check_blocks(dataset, name)
    _check_whole(dataset, name)
    crs = _crs_of(dataset, name)
    transform = dataset.transform
    if transform.is_identity or transform.is_degenerate:
        more = " (it has ground control points or RPCs only)" if dataset.gcps[0] or dataset.rpcs else ""
        raise SceneError(f"{name} has no geotransform{more}; georeference it, as with gdalwarp")
    try:
        ground = gsd_m(transform, crs, col_px=dataset.width / 2, row_px=dataset.height / 2)
    except CRSError as err:
        raise SceneError(f"{name} lies outside the area of its CRS {crs.name!r}; check its georeference") from err
    if not (math.isfinite(ground) and ground > 0):
        raise SceneError(
            f"{name} has pixels without size on the ground; check its transform {tuple(transform)[:6]}"
        )
    return Scene(
        path=name,
        width=dataset.width,
        height=dataset.height,
        transform=transform,
        crs=crs,
        count=dataset.count,
        dtype=dtype.name,
        nodata=dataset.nodata,
        gsd_m=ground,
        color_names=colors,
        validity=_validity_of(dataset, colors),
        block_shape=tuple(dataset.block_shapes[0]),
        overviews=tuple(sorted(dataset.overviews(1))),
        stamp=scene_stamp(name, dataset.files),
        band_names=tuple((text or "").strip().lower() for text in dataset.descriptions),
        # "2024:06:01 10:00:00" -> "2024-06-01 10:00:00"
        taken=dataset.tags().get("TIFFTAG_DATETIME", "")[:19].replace(":", "-", 2),
    )


def _known_dtypes(dataset: Any, name: str) -> tuple[str, ...]:
    """Return the bands' types when pixels of them can be scaled to grey levels."""
    for dtype in dataset.dtypes:
        if "complex" in dtype:
            raise SceneError(f"{name} holds {dtype} values; give imagery of real numbers, such as amplitudes")
    return tuple(dataset.dtypes)


def _crs_of(dataset: Any, name: str) -> pyproj.CRS:
    if dataset.crs is None:
        raise SceneError(f"{name} has no CRS; assign one, as with gdal_edit.py -a_srs EPSG:...")
    try:
        crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt(version=WktVersion.WKT2_2019)).to_2d()
    except (pyproj.exceptions.CRSError, RasterioError) as err:
        raise SceneError(
            f"{name} has a CRS that PROJ does not understand: {one_line(err)}; assign another"
        ) from err
    if not (crs.is_projected or crs.is_geographic):
        raise SceneError(f"{name} has the local CRS {crs.name!r}, which has no place on Earth; assign another")
    # The registry's own definition, where it says the same, makes equal CRS of different writers compare equal.
    epsg = dataset.crs.to_epsg()
    if epsg is not None:
        known = pyproj.CRS.from_epsg(epsg)
        if known.equals(crs, ignore_axis_order=True):
            return known
    return crs


def _validity_of(dataset: Any, colors: tuple[str, ...]) -> Validity:
    flags = dataset.mask_flag_enums[0]
    if MaskFlags.alpha in flags:
        return "alpha"
    if MaskFlags.nodata in flags:
        return "nodata"
    # GDAL takes a band of uint8 or uint16 only for a mask, but writes others as well (gdalwarp -dstalpha).
    if MaskFlags.all_valid in flags and ColorInterp.alpha.name in colors:
        return "alpha"
    return "mask" if MaskFlags.per_dataset in flags or MaskFlags.all_valid not in flags else "all"


def _check_blocks(dataset: Any, name: str) -> None:
    """Refuse blocks that take absurd amounts of memory, before any is taken."""
    rows, cols = dataset.block_shapes[0]
    together = dataset.count if dataset.profile.get("interleave") == "pixel" else 1
    n_bytes = rows * cols * together * np.dtype(dataset.dtypes[0]).itemsize
    if n_bytes > MAX_BLOCK_BYTES:
        raise SceneError(
            f"{name} has blocks of {cols} x {rows} px x {together} bands, {n_bytes / 2**30:.1f} GiB each, more "
            f"than {MAX_BLOCK_BYTES >> 30} GiB; convert it with gdal_translate -of COG"
        )


def _check_whole(dataset: Any, name: str) -> None:
    """Refuse a local TIFF whose header points behind the end of the file."""
    if dataset.driver != "GTiff" or is_address(name):
        return
    size = Path(name).stat().st_size
    block_rows, block_cols = dataset.block_shapes[0]
    n_rows, n_cols = math.ceil(dataset.height / block_rows), math.ceil(dataset.width / block_cols)
    places = np.unique(np.linspace(0, n_rows * n_cols - 1, _MAX_BLOCKS_CHECKED).round().astype(int))
    for place in places:
        key = f"{place % n_cols}_{place // n_cols}"
        offset = dataset.get_tag_item(f"BLOCK_OFFSET_{key}", "TIFF", bidx=1)
        length = dataset.get_tag_item(f"BLOCK_SIZE_{key}", "TIFF", bidx=1)
        if offset and length and int(offset) + int(length) > size:
            raise SceneError(
                f"{name} is cut short: {size} bytes, but it needs {int(offset) + int(length)}; copy it again"
            )


def rgb_bands(scene: Scene, *, bands: Sequence[int] | None = None) -> tuple[int, int, int]:
    """Return the numbers (from 1) of the bands shown as red, green and blue.

    Parameters
    ----------
    scene : Scene
    bands : sequence of int, optional
        One band, which is repeated, or three; default: the scene's `bands`. Without either: the bands that are
        called red, green and blue; else the first three that are not alpha; else the first, repeated.

    Raises
    ------
    SceneError
        The scene has no such band.
    """
    bands = scene.bands if bands is None else bands
    if bands is not None:
        chosen = tuple(bands) * 3 if len(bands) == 1 else tuple(bands)
        if len(chosen) != 3 or not all(1 <= band <= scene.count for band in chosen):
            raise SceneError(
                f"{scene.path} has bands 1 to {scene.count}, not {list(bands)}; name one band, or three"
            )
        return chosen[0], chosen[1], chosen[2]
    wanted = [ColorInterp.red.name, ColorInterp.green.name, ColorInterp.blue.name]
    for names in (scene.band_names, scene.color_names):
        named = [names.index(name) + 1 for name in wanted if name in names]
        if len(named) == 3:
            return named[0], named[1], named[2]
    colors = [number for number, color in enumerate(scene.color_names, start=1) if color != "alpha"]
    if len(colors) >= 3:
        return colors[0], colors[1], colors[2]
    first = colors[0] if colors else 1
    return first, first, first


def footprint(scene: Scene, crs: pyproj.CRS) -> shapely.Polygon:
    """Return the outline of a scene's pixels in another CRS, its sides bent as the reprojection bends them.

    Raises
    ------
    CRSError
        The scene lies outside the area in which `crs` is defined.
    """
    steps = np.linspace(0.0, 1.0, FOOTPRINT_POINTS)[:-1]
    zeros, ones = np.zeros_like(steps), np.ones_like(steps)
    cols = np.concatenate([steps, ones, 1 - steps, zeros]) * scene.width
    rows = np.concatenate([zeros, steps, ones, 1 - steps]) * scene.height
    ring = shapely.Polygon(np.column_stack(apply(scene.transform, cols, rows)))
    return transform_geometries([ring], source=scene.crs, target=crs)[0]
