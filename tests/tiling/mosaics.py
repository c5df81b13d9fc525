"""Scenes and places -> regions, and whole regions put together from their tiles."""

import math
from pathlib import Path

import numpy as np
from affine import Affine

from groundplan.crs import parse_crs, transform_xy
from tiling.grid import tiles
from tiling.read import SceneReader
from tiling.region import Region, make_region
from tiling.scene import read_scene

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
UTM = "EPSG:32632"
ON_GRID = Affine(0.5, 0, 500000, 0, -0.5, 5700000)


def region_of(*paths: str, **options) -> Region:
    scenes = [read_scene(path) for path in paths]
    return make_region(scenes, **({"gsd_m": 0, "tile_px": 64, "overlap_px": 16} | options))


def mosaic(region: Region) -> tuple[np.ndarray, np.ndarray]:
    """Return the whole region, put together from the tiles' cores."""
    grid = region.grid
    image = np.zeros((3, grid.height_px, grid.width_px), np.uint8)
    valid = np.zeros((grid.height_px, grid.width_px), bool)
    with SceneReader(region) as reader:
        for tile in tiles(grid):
            part, part_valid = reader.read(tile)
            core, window = tile.core, tile.window
            target = np.s_[core.row : core.row + core.height, core.col : core.col + core.width]
            row, col = core.row - window.row, core.col - window.col
            source = np.s_[row : row + core.height, col : col + core.width]
            image[:, *target], valid[target] = part[:, *source], part_valid[source]
    return image, valid


def noise(bands: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, (bands, height, width)).astype(np.uint8)


def smooth(bands: int, height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([127 + 100 * np.sin(x / (7 + b)) * np.cos(y / 11) for b in range(bands)]).astype(np.uint8)


def scene_around(
    lon: float, lat: float, crs: str, kind: str, size_m: float, side_m: float = 75.0
) -> tuple[Affine, int]:
    """Return transform and side in pixels of a raster in `crs` of `side_m` around a place."""
    x, y = (v.item() for v in transform_xy(lon, lat, source="EPSG:4326", target=crs))
    unit_x = unit_y = 1.0
    if parse_crs(crs).is_geographic:
        unit_y = 1 / 111_200
        unit_x = unit_y / math.cos(math.radians(lat))
    elif "2994" in crs:
        unit_x = unit_y = 1 / 0.3048
    elif "3857" in crs:
        unit_x = unit_y = 1 / math.cos(math.radians(lat))
    n = round(side_m / size_m)
    a, e = size_m * unit_x, size_m * unit_y
    turn = math.radians(25 if kind == "rotated" else 0)
    sign = -1 if kind == "south-up" else 1
    c, s = math.cos(turn), math.sin(turn)
    t = (a * c, sign * e * s, a * s, -sign * e * c)
    return Affine(t[0], t[1], x - (t[0] + t[1]) * n / 2, t[2], t[3], y - (t[2] + t[3]) * n / 2), n
