"""A {z}/{x}/{y} address, an area and a resolution -> the Scene that its tiles make up; nothing is fetched."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import pyproj
from affine import Affine

from groundplan.errors import ConfigError, SceneError

HALF_WORLD_M = math.pi * 6378137.0
"""Web Mercator's square reaches from minus to plus this, in its metres (EPSG:3857)."""

MAX_LAT = 85.0511287798066
MAX_ZOOM = 24
FINER_SLACK = 1.05
"""A zoom a twentieth coarser than asked for is taken: the next has four times as many tiles."""

WEB_MERCATOR = pyproj.CRS.from_epsg(3857)


@dataclass(frozen=True, slots=True, kw_only=True)
class TileService:
    """Where tiles come from and how they are asked for."""

    address: str
    """With {z}, {x} and {y} (rows from the north) or {-y} (rows from the south)."""
    zoom: int
    col: int
    """Column of the scene's first tile."""
    row: int
    """Row of the scene's first tile, from the north."""
    tile_px: int
    """Side of one tile, px."""
    cache: Path
    """Folder that keeps tiles."""
    requests_per_s: float
    """Requests a second, by all processes of this machine together."""

    def tile_address(self, col: int, row: int) -> str:
        """Return the address of a tile, by its place in the whole world's tiles."""
        from_south = 2**self.zoom - 1 - row
        values = {"{z}": self.zoom, "{x}": col, "{y}": row, "{-y}": from_south}
        address = self.address
        for name, value in values.items():
            address = address.replace(name, str(value))
        return address


def is_tile_address(path: str) -> bool:
    """Tell whether one of a region file's `scenes` is the address of a tile service."""
    return "{z}" in path


def check_tile_address(address: str) -> None:
    """Refuse addresses that are no http(s), or have other places to fill in than can be filled.

    Raises
    ------
    SceneError
    """
    if not address.startswith(("http://", "https://")):
        raise SceneError(f"the tile address {address} is not http(s); give one that is")
    names = re.findall(r"\{[^{}]*\}", address)
    unknown = sorted(set(names) - {"{z}", "{x}", "{y}", "{-y}"})
    if unknown:
        raise SceneError(
            f"the tile address {address} has {', '.join(unknown)}; only {{z}}, {{x}}, {{y}} and {{-y}} are "
            "filled in, so write one server and your key into it"
        )
    if not {"{z}", "{x}"} <= set(names) or ("{y}" in names) == ("{-y}" in names):
        raise SceneError(f"the tile address {address} lacks {{x}} or {{y}}; it needs {{z}}, {{x}} and {{y}}")


def zoom_for(gsd_m: float, lat: float, *, tile_px: int = 256) -> int:
    """Return the coarsest zoom whose pixels are no larger than `gsd_m` on the ground.

    Examples
    --------
    >>> zoom_for(0.3, 0.0)
    19
    """
    equator_m = 2 * HALF_WORLD_M / tile_px
    wanted = equator_m * math.cos(math.radians(lat)) / (gsd_m * FINER_SLACK)
    return min(max(math.ceil(math.log2(wanted)), 0), MAX_ZOOM)


def tiles_over(bounds: tuple[float, float, float, float], zoom: int) -> tuple[int, int, int, int]:
    """Return first column, first row, end column and end row of the tiles that touch an area.

    Parameters
    ----------
    bounds : tuple of float
        West, south, east, north in degrees.
    zoom : int

    Raises
    ------
    ConfigError
        The area lies beyond Web Mercator, or over the antimeridian.
    """
    west, south, east, north = bounds
    if not (-180 <= west < east <= 180 and -MAX_LAT <= south < north <= MAX_LAT):
        raise ConfigError(
            f"the aoi from {west:.4f}, {south:.4f} to {east:.4f}, {north:.4f} is not within what tile services "
            "show; give one within 85 degrees that does not cross the antimeridian"
        )
    count = 2**zoom

    def place(lon: float, lat: float) -> tuple[float, float]:
        mercator = math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))
        return (lon + 180) / 360 * count, (1 - mercator / math.pi) / 2 * count

    col0, row0 = place(west, north)
    col1, row1 = place(east, south)
    return (
        max(math.floor(col0), 0),
        max(math.floor(row0), 0),
        min(math.floor(col1) + 1, count),
        min(math.floor(row1) + 1, count),
    )


def tiles_transform(service: TileService) -> Affine:
    """Return pixel corner -> EPSG:3857 of the scene."""
    size_m = 2 * HALF_WORLD_M / 2**service.zoom
    pixel_m = size_m / service.tile_px
    left, top = service.col * size_m - HALF_WORLD_M, HALF_WORLD_M - service.row * size_m
    return Affine(pixel_m, 0.0, left, 0.0, -pixel_m, top)
