"""Tiles read from scenes on the grid: pixel by pixel, from several scenes, their values, and failures."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.enums import ColorInterp as C

from groundplan.errors import SceneError
from tests.tiling.mosaics import ON_GRID, UTM, mosaic, noise, region_of, smooth
from tiling.cover import covered_tiles
from tiling.grid import tile_at, tiles
from tiling.look import look_at
from tiling.read import SceneReader
from tiling.scene import read_scene


def test_a_scene_on_the_grid_is_read_pixel_by_pixel(write_scene) -> None:
    pixels = noise(3, 150, 201)
    image, valid = mosaic(region_of(write_scene("a.tif", pixels, transform=ON_GRID)))
    assert (image == pixels).all() and valid.all()


def test_pixels_beyond_the_scene_are_missing_and_black(write_scene) -> None:
    pixels = noise(3, 40, 50)
    region = region_of(write_scene("a.tif", pixels, transform=ON_GRID))
    with SceneReader(region) as reader:
        image, valid = reader.read(tile_at(region.grid, row=0, col=0))
    assert image.dtype == np.uint8 and image.shape == (3, 64, 64) and valid.shape == (64, 64)
    assert (image[:, :40, :50] == pixels).all()
    assert valid[:40, :50].all() and valid.sum() == 2000 and image.sum() == pixels.sum()


def test_imagery_beyond_the_aoi_is_read_as_context(write_scene) -> None:
    import geopandas as gpd

    path = write_scene("a.tif", noise(3, 200, 200), transform=ON_GRID)
    aoi = gpd.GeoDataFrame(geometry=[shapely.box(500010, 5699980, 500020, 5699990)], crs=UTM)
    region = region_of(path, aoi=aoi)
    (tile,) = covered_tiles(region)
    with SceneReader(region) as reader:
        assert reader.read(tile)[1].all()


def test_two_half_scenes_equal_the_whole_on_their_own_grid(write_scene) -> None:
    pixels = noise(3, 120, 160)
    whole = mosaic(region_of(write_scene("w.tif", pixels, transform=ON_GRID)))
    left = write_scene("l.tif", pixels[:, :, :70], transform=ON_GRID)
    right = write_scene("r.tif", pixels[:, :, 70:], transform=Affine(0.5, 0, 500035, 0, -0.5, 5700000))
    for order in ((left, right), (right, left)):
        image, valid = mosaic(region_of(*order))
        assert (image == whole[0]).all() and valid.all()


def test_two_half_scenes_equal_the_whole_after_reprojection(write_scene) -> None:
    transform = Affine(3e-6, 0, 9.1, 0, -2e-6, 52.0)
    pixels = smooth(3, 300, 240)
    whole = mosaic(region_of(write_scene("w.tif", pixels, transform=transform, crs="EPSG:4326"), gsd_m=0.25))
    left = write_scene("l.tif", pixels[:, :, :101], transform=transform, crs="EPSG:4326")
    shifted = Affine(3e-6, 0, 9.1 + 3e-6 * 101, 0, -2e-6, 52.0)
    right = write_scene("r.tif", pixels[:, :, 101:], transform=shifted, crs="EPSG:4326")
    image, valid = mosaic(region_of(left, right, gsd_m=0.25))
    assert (valid == whole[1]).all()  # no hole at the seam
    differing = (image != whole[0]).any(axis=0)
    # Only pixels that interpolate over the seam may differ: it is one or two of 240 columns wide.
    assert differing.mean() < 0.01
    assert np.abs(image.astype(int) - whole[0]).max() <= 10


def test_the_first_scene_wins_where_it_has_data_and_the_next_fills_its_holes(write_scene) -> None:
    holes = np.zeros((40, 40), np.uint8)
    holes[:, :25] = 255
    first = write_scene("1.tif", np.full((3, 40, 40), 10, np.uint8), transform=ON_GRID, mask=holes)
    second = write_scene("2.tif", np.full((3, 40, 60), 20, np.uint8), transform=ON_GRID)
    image, valid = mosaic(region_of(first, second))
    assert valid.all() and (image[:, :, :25] == 10).all() and (image[:, :, 25:] == 20).all()
    image, _ = mosaic(region_of(second, first))
    assert (image == 20).all()


def test_one_stretch_serves_all_tiles_of_a_uint16_scene(write_scene) -> None:
    ramp = np.broadcast_to(np.arange(320) * 10 + 1000, (3, 160, 320)).astype(np.uint16)
    image, valid = mosaic(region_of(write_scene("a.tif", ramp, transform=ON_GRID)))
    low, high = np.percentile(ramp[0], [2, 98])
    expected = np.clip((ramp[0] - low) / (high - low) * 255, 0, 255)
    assert valid.all() and np.abs(image[1] - expected).max() <= 0.5


def test_a_large_scene_without_overviews_is_looked_at_in_scattered_windows(
    write_scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    ramp = np.broadcast_to(np.arange(2000) * 20, (1, 1500, 2000)).astype(np.uint16)
    scene = read_scene(write_scene("a.tif", ramp, transform=ON_GRID))
    with rasterio.open(scene.path) as dataset:
        whole = look_at(dataset, scene, bands=(1, 1, 1)).stretch
        monkeypatch.setattr("tiling.look.WHOLE_PX", 1000)
        scattered = look_at(dataset, scene, bands=(1, 1, 1)).stretch
    assert whole is not None and scattered is not None and scattered != whole
    assert scattered.low[0] == pytest.approx(whole.low[0], abs=0.02 * 40000)
    assert scattered.high[0] == pytest.approx(whole.high[0], abs=0.02 * 40000)


def test_one_band_becomes_grey_and_bands_can_be_chosen(write_scene) -> None:
    grey = noise(1, 40, 40)
    image, _ = mosaic(region_of(write_scene("g.tif", grey, transform=ON_GRID)))
    assert (image == grey).all()
    four = noise(4, 40, 40)
    region = region_of(write_scene("4.tif", four, transform=ON_GRID, colors=(C.blue, C.green, C.red, C.undefined)))
    assert (mosaic(region)[0][:, :40, :40] == four[[2, 1, 0]]).all()
    with SceneReader(region, bands=(4, 3, 2)) as reader:
        image, _ = reader.read(tile_at(region.grid, row=0, col=0))
    assert (image[:, :40, :40] == four[[3, 2, 1]]).all()


def test_damaged_pixels_are_an_error_that_names_the_scene(write_scene) -> None:
    path = Path(
        write_scene(
            "a.tif",
            noise(3, 128, 128),
            transform=ON_GRID,
            compress="deflate",
            tiled=True,
            blockxsize=64,
            blockysize=64,
        )
    )
    region = region_of(str(path))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    path.write_bytes(data)
    with SceneReader(region) as reader, pytest.raises(SceneError, match=r"a\.tif") as caught:
        for tile in tiles(region.grid):
            reader.read(tile)
    assert "\n" not in str(caught.value)


def test_a_scene_that_vanished_is_an_error_of_one_line(write_scene) -> None:
    path = write_scene("a.tif", noise(3, 16, 16), transform=ON_GRID)
    region = region_of(path)
    Path(path).unlink()
    with SceneReader(region) as reader, pytest.raises(SceneError, match=r"cannot read pixels of .*a\.tif"):
        reader.read(tile_at(region.grid, row=0, col=0))


def test_many_scenes_do_not_exhaust_open_files(write_scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiling.read.MAX_OPEN", 2)
    paths = [
        write_scene(
            f"{k}.tif", np.full((3, 8, 8), k + 1, np.uint8), transform=Affine(0.5, 0, 5e5 + 4 * k, 0, -0.5, 5e6)
        )
        for k in range(6)
    ]
    region = region_of(*paths)
    image, valid = mosaic(region)
    assert valid.all() and (image[0, 0, ::8] == np.arange(1, 7)).all()
