"""A region file's `scenes` and what it says of them -> Scene records, in order of priority."""

import dataclasses
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import geopandas as gpd

from groundplan.crs import LON_LAT
from groundplan.errors import ConfigError
from groundplan.vector import same_crs
from tiling.ground import gsd_m as ground_gsd_m
from tiling.paths import find_scenes
from tiling.pixels import PixelOptions, with_pixels
from tiling.scene import Scene, read_scene
from tiling.stac import is_stac, read_stac
from tiling.tile_service import (
    MAX_ZOOM,
    WEB_MERCATOR,
    TileService,
    check_tile_address,
    is_tile_address,
    tiles_over,
    tiles_transform,
    zoom_for,
)

MAX_TILES = 1_000_000
"""A tile service is asked for at most so many tiles: days at a polite pace, and 10 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """``[sources]``: where several scenes, STAC items or tile services are read from, and how."""

    order: Literal["listed", "newest", "finest"] = "listed"
    """Which scene wins where several show a place; equal ones stay in the order listed, undated ones come last."""
    assets: tuple[str, ...] = ()
    """Keys or roles of STAC assets; empty = "visual", "image", else the first image with the role "data"."""
    zoom: int | None = None
    """Zoom of tile services; left out = the coarsest that is as fine as `gsd_m`."""
    tile_px: int = 256
    """Side of a service's tiles, px: 256, or 512 where the service says so."""
    requests_per_s: float = 4.0
    """Requests a second to a tile service, all workers of this machine together."""
    cache: str = ""
    """Folder that keeps tiles, relative to the region file; empty = groundplan's in the user's cache folder."""

    def __post_init__(self) -> None:
        if self.zoom is not None and not 0 <= self.zoom <= MAX_ZOOM:
            raise ConfigError(f"zoom = {self.zoom}; choose 0 to {MAX_ZOOM}")
        if self.tile_px not in (256, 512, 1024):
            raise ConfigError(f"tile_px = {self.tile_px}; choose 256, 512 or 1024")
        if not 0.01 <= self.requests_per_s <= 50:
            raise ConfigError(
                f"requests_per_s = {self.requests_per_s}; choose 0.01 to 50, 4 where nothing is said"
            )


def read_scenes(
    patterns: Sequence[str],
    base: Path,
    *,
    sources: SourceOptions,
    pixels: PixelOptions,
    gsd_m: float,
    aoi: gpd.GeoDataFrame | None = None,
) -> tuple[Scene, ...]:
    """Return all scenes of a region, the first to win first.

    Parameters
    ----------
    patterns : sequence of str
        Paths, globs, addresses, STAC documents, tile addresses.
    base : Path
        Folder that relative paths start from.
    sources, pixels
        The region file's tables.
    gsd_m : float
        Metres per pixel wanted, which choose the zoom of a tile service; 0 = not said.
    aoi : GeoDataFrame, optional
        Where tiles of a service are wanted.

    Raises
    ------
    SceneError, ConfigError
        A source cannot be read or used.
    """
    found: list[Scene] = []
    for path in find_scenes(patterns, base):
        if is_tile_address(path):
            found.append(tile_scene(path, base, sources=sources, gsd_m=gsd_m, aoi=aoi))
        elif is_stac(path):
            for image in read_stac(path, assets=sources.assets):
                scene = read_scene(image.path)
                named = len(image.band_names) == scene.count
                names = tuple(name.lower() for name in image.band_names) if named else scene.band_names
                found.append(dataclasses.replace(scene, band_names=names, taken=image.taken or scene.taken))
        else:
            found.append(read_scene(path))
    unique = list({scene.path: scene for scene in found}.values())
    return with_pixels(ordered(unique, sources.order), pixels)


def ordered(scenes: Sequence[Scene], order: Literal["listed", "newest", "finest"]) -> list[Scene]:
    """Return the scenes by priority; Python's sort keeps equal ones in their order.

    Sizes are compared to a hundredth: pixels of one survey differ by less on the ground.
    """
    if order == "newest":
        # RFC 3339 and TIFF times differ in the eleventh character only.
        return sorted(scenes, key=lambda scene: scene.taken.replace("T", " "), reverse=True)
    if order == "finest":
        return sorted(scenes, key=lambda scene: round(math.log(scene.gsd_m) / 0.01))
    return list(scenes)


def tile_scene(
    address: str, base: Path, *, sources: SourceOptions, gsd_m: float, aoi: gpd.GeoDataFrame | None
) -> Scene:
    """Return the scene that a service's tiles over the aoi make up; nothing is fetched.

    Raises
    ------
    ConfigError
        There is no aoi, no zoom can be chosen, or it would be too many tiles.
    SceneError
        The address cannot be used.
    """
    check_tile_address(address)
    if aoi is None or aoi.geometry.is_empty.all():
        raise ConfigError(f"the tile address {address} shows the whole world; name an `aoi` to read")
    west, south, east, north = (float(value) for value in same_crs(aoi, LON_LAT).total_bounds)
    if not gsd_m and sources.zoom is None:
        raise ConfigError("gsd_m = 0 does not say which zoom of the tiles to read; set [sources] zoom")
    lat = (south + north) / 2
    zoom = zoom_for(gsd_m, lat, tile_px=sources.tile_px) if sources.zoom is None else sources.zoom
    col0, row0, col1, row1 = tiles_over((west, south, east, north), zoom)
    n_tiles = (col1 - col0) * (row1 - row0)
    if n_tiles > MAX_TILES:
        raise ConfigError(f"the aoi needs {n_tiles} tiles at zoom {zoom}, more than {MAX_TILES}; make it smaller")
    service = TileService(
        address=address,
        zoom=zoom,
        col=col0,
        row=row0,
        tile_px=sources.tile_px,
        cache=base / sources.cache if sources.cache else cache_dir(),
        requests_per_s=sources.requests_per_s,
    )
    width, height = (col1 - col0) * sources.tile_px, (row1 - row0) * sources.tile_px
    transform = tiles_transform(service)
    return Scene(
        path=address,
        width=width,
        height=height,
        transform=transform,
        crs=WEB_MERCATOR,
        count=4,
        dtype="uint8",
        nodata=None,
        gsd_m=ground_gsd_m(transform, WEB_MERCATOR, col_px=width / 2, row_px=height / 2),
        color_names=("red", "green", "blue", "alpha"),
        validity="alpha",
        block_shape=(sources.tile_px, sources.tile_px),
        overviews=(),
        stamp="",
        tiles=service,
    )


def cache_dir() -> Path:
    """Return the folder for tiles in the user's cache folder (XDG Base Directory Specification)."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(named) if named.startswith("/") else Path.home() / ".cache"
    return root / "groundplan" / "tiles"
