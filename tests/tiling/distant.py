"""Addresses and files -> regions, and the bytes of all their tiles; COGs to serve."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from affine import Affine

from tiling.cover import covered_tiles
from tiling.pixels import PixelOptions
from tiling.read import SceneReader
from tiling.region import Region, make_region
from tiling.sources import SourceOptions, read_scenes

UTM = Affine(0.5, 0, 500000, 0, -0.5, 5700000)


def pixels_of(region: Region) -> bytes:
    with SceneReader(region) as reader:
        return b"".join(a.tobytes() for tile in covered_tiles(region) for a in reader.read(tile))


def region_of(
    *patterns: str, base: Path, aoi: gpd.GeoDataFrame | None = None, gsd_m: float = 0.5, **sources
) -> Region:
    scenes = read_scenes(
        patterns, base, sources=SourceOptions(**sources), pixels=PixelOptions(), gsd_m=gsd_m, aoi=aoi
    )
    return make_region(scenes, gsd_m=gsd_m, tile_px=256, overlap_px=32, aoi=aoi)


def write_cog(path: Path, size: int = 700, seed: int = 1) -> None:
    pixels = np.random.default_rng(seed).integers(1, 255, (3, size, size)).astype(np.uint8)
    profile = {"driver": "COG", "height": size, "width": size, "count": 3, "dtype": "uint8", "blocksize": 128}
    with rasterio.open(path, "w", crs="EPSG:32632", transform=UTM, **profile) as dataset:
        dataset.write(pixels)
