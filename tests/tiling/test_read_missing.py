"""Tiles read from scenes with holes: what is missing, however a file tells it."""

import dataclasses
import math

import numpy as np
import pytest
from affine import Affine
from rasterio.enums import ColorInterp as C

from tests.tiling.mosaics import ON_GRID, UTM, mosaic, noise, region_of, scene_around
from tiling.grid import tile_at
from tiling.read import SceneReader
from tiling.region import make_region
from tiling.scene import read_scene

HOLE = np.zeros((96, 96), bool)
HOLE[20:50, 30:70] = True


def with_hole(write_scene, kind: str, transform: Affine, crs: str) -> str:
    rgb = np.full((3, 96, 96), 90, np.uint8)
    options: dict = {"transform": transform, "crs": crs}
    if kind == "nodata":
        return write_scene("a.tif", np.where(HOLE, 0, rgb).astype(np.uint8), nodata=0, **options)
    if kind == "mask":
        return write_scene("a.tif", rgb, mask=np.where(HOLE, 0, 255).astype(np.uint8), **options)
    if kind == "nan":
        ramp = np.linspace(-3, 5, 96)[None, None] * np.ones((3, 96, 1))
        return write_scene("a.tif", np.where(HOLE, np.nan, ramp).astype(np.float32), **options)
    if kind == "float nodata":
        ramp = np.linspace(-3, 5, 96)[None, None] * np.ones((3, 96, 1))
        return write_scene("a.tif", np.where(HOLE, -3.4e38, ramp).astype(np.float32), nodata=-3.4e38, **options)
    full = 65535 if kind == "uint16 alpha" else 255
    dtype = np.uint16 if kind == "uint16 alpha" else np.uint8
    rgba = np.concatenate([rgb, np.where(HOLE, 0, full)[None]]).astype(dtype)
    return write_scene("a.tif", rgba, colors=(C.red, C.green, C.blue, C.alpha), **options)


KINDS = ["nodata", "mask", "alpha", "uint16 alpha", "nan", "float nodata"]


@pytest.mark.parametrize("kind", KINDS)
def test_missing_pixels_are_missing_however_the_file_tells_it(write_scene, kind: str) -> None:
    image, valid = mosaic(region_of(with_hole(write_scene, kind, ON_GRID, UTM)))
    assert (valid == ~HOLE).all()
    assert (image[:, HOLE] == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_missing_pixels_lend_nothing_to_their_neighbours_after_reprojection(write_scene, kind: str) -> None:
    transform, _ = scene_around(11.0, 52.0, "EPSG:4326", "north-up", 0.5)
    image, valid = mosaic(region_of(with_hole(write_scene, kind, transform, "EPSG:4326"), gsd_m=0.4))
    hole_m2 = HOLE.sum() * 0.25
    region_m2 = 96 * 96 * 0.25
    assert valid.sum() * 0.16 == pytest.approx(region_m2 - hole_m2, rel=0.01)
    assert (image[:, ~valid] == 0).all()
    if kind in ("nodata", "mask", "alpha"):
        assert (image[:, valid] == 90).all()


def test_with_nodata_0_a_pure_colour_is_not_missing(write_scene) -> None:
    pixels = np.zeros((3, 8, 8), np.uint8)
    pixels[0, 2:4, 2:4] = 1
    image, valid = mosaic(region_of(write_scene("a.tif", pixels, transform=ON_GRID, nodata=0)))
    assert valid.sum() == 4 and image.sum() == 4


@pytest.mark.parametrize(
    ("dtype", "nodata", "missing"),
    [("uint8", -9999.0, None), ("uint8", 241.5, None), ("uint16", 65535.0, 65535), ("int16", -32768.0, -32768),
     ("float32", -3.4028235e38, np.finfo(np.float32).min), ("float32", 1e300, None), ("uint8", math.inf, None)],
)  # fmt: skip
def test_a_nodata_value_that_no_pixel_can_hold_hides_none(write_scene, dtype, nodata, missing) -> None:
    pixels = np.full((3, 16, 16), 241, dtype)
    pixels[:, 0, 0] = 241 if missing is None else missing
    path = write_scene("a.tif", pixels, transform=ON_GRID)
    scene = dataclasses.replace(read_scene(path), nodata=nodata, validity="nodata")
    _, valid = mosaic(make_region([scene], gsd_m=0, tile_px=64, overlap_px=0))
    assert valid.sum() == (256 if missing is None else 255)


def test_near_infrared_that_a_file_calls_alpha_hides_nothing(write_scene) -> None:
    pixels = noise(4, 64, 64)
    pixels[3, :20] = 0
    path = write_scene("a.tif", pixels, transform=ON_GRID, colors=(C.red, C.green, C.blue, C.alpha))
    image, valid = mosaic(region_of(path))
    assert valid.all() and (image == pixels[:3]).all()


def test_a_tile_of_which_everything_is_missing_is_black_and_not_decoded(write_scene) -> None:
    path = write_scene(
        "a.tif", noise(3, 64, 64), transform=ON_GRID, mask=np.zeros((64, 64), np.uint8), tiled=True, blockxsize=16,
        blockysize=16,
    )  # fmt: skip
    region = region_of(path)
    with SceneReader(region) as reader:
        image, valid = reader.read(tile_at(region.grid, row=0, col=0))
    assert not valid.any() and not image.any()
