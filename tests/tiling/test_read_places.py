"""Tiles read from scenes in any CRS and at any resolution: where things lie, and how large they are."""

import math

import numpy as np
import pytest
import rasterio
import shapely

from groundplan.crs import transform_geometries, transform_xy
from tests.tiling.mosaics import DATA, UTM, mosaic, noise, region_of, scene_around
from tiling.grid import tile_at, tiles
from tiling.read import SceneReader
from tiling.region import make_region
from tiling.scene import footprint, read_scene


@pytest.mark.parametrize(
    ("crs", "lon", "lat", "kind"),
    [
        ("EPSG:4326", 11.0, 0.01, "north-up"),
        ("EPSG:4326", 11.0, 52.0, "north-up"),
        ("EPSG:4326", 11.0, 65.0, "north-up"),
        ("EPSG:4326", 11.0, -33.9, "south-up"),
        (UTM, 11.0, 52.0, "rotated"),
        (UTM, 11.0, 52.0, "south-up"),
        ("EPSG:3857", 11.0, 52.0, "north-up"),
        ("EPSG:2994", -122.5, 44.0, "north-up"),
        ("EPSG:25833", 11.0, 52.0, "north-up"),
    ],
)
def test_a_square_of_100_m_measures_10_000_m2_where_it_stands(
    write_scene, painted, crs: str, lon: float, lat: float, kind: str
) -> None:
    transform, n = scene_around(lon, lat, crs, kind, 0.28, side_m=145.0)
    # True metres: a projection made for this very place.
    local = f"+proj=tmerc +lat_0={lat} +lon_0={lon} +k=1 +ellps=GRS80 +units=m"
    if "2994" not in crs:
        local = local.replace("+ellps=GRS80", "+datum=WGS84")
    square = shapely.affinity.rotate(shapely.box(-50, -50, 50, 50), 12)
    cover = painted(square, local, transform=transform, crs=crs, width=n, height=n)
    pixels = np.repeat(np.rint(cover * 255).astype(np.uint8)[None], 3, axis=0)
    region = region_of(write_scene("a.tif", pixels, transform=transform, crs=crs), gsd_m=0.3, tile_px=256)
    image, valid = mosaic(region)
    weights = image[0] / 255
    assert weights.sum() * 0.3**2 == pytest.approx(10_000, rel=1e-3)
    # And where it should be, to a tenth of a pixel.
    rows, cols = np.indices(weights.shape) + 0.5
    t = region.grid.transform
    x, y = t.c + t.a * np.average(cols, weights=weights), t.f + t.e * np.average(rows, weights=weights)
    # By way of the scene's CRS, as the pixels go: `local` has no datum of its own where the scene is not WGS 84.
    (there,) = transform_geometries([square], source=local, target=crs)
    (truth,) = transform_geometries([there], source=crs, target=region.grid.crs)
    assert math.hypot(x - truth.centroid.x, y - truth.centroid.y) < 0.03
    assert valid.mean() > 0.5  # 0.57 for a square scene turned by 25 degrees


@pytest.mark.parametrize("size_m", [0.6, 0.3, 0.2, 0.15, 0.13, 0.1, 0.05])
def test_a_painted_polygon_keeps_its_area_at_every_resolution(write_scene, painted, size_m: float) -> None:
    transform, n = scene_around(11.0, 52.0, "EPSG:4326", "north-up", size_m, side_m=60.0)
    x, y = (
        v.item()
        for v in transform_xy(
            transform.c + transform.a * n / 2, transform.f + transform.e * n / 2, source="EPSG:4326", target=UTM
        )
    )
    shape = shapely.Polygon([(-20, -15), (25, -9), (18, 22), (0, 5), (-16, 20)])
    shape = shapely.affinity.translate(shape, x, y)
    cover = painted(shape, UTM, transform=transform, crs="EPSG:4326", width=n, height=n)
    pixels = np.repeat(np.rint(cover * 255).astype(np.uint8)[None], 3, axis=0)
    image, _ = mosaic(
        region_of(write_scene("a.tif", pixels, transform=transform, crs="EPSG:4326"), gsd_m=0.3, tile_px=256)
    )
    assert image[0].sum() / 255 * 0.09 == pytest.approx(shape.area, rel=5e-3)
    assert (image[0] >= 128).sum() * 0.09 == pytest.approx(shape.area, rel=5e-3)


@pytest.mark.parametrize("overviews", [(), (2, 4, 8)])
def test_tiles_of_every_size_agree_to_the_bit(write_scene, overviews: tuple[int, ...]) -> None:
    transform, n = scene_around(11.0, 52.0, "EPSG:4326", "north-up", 0.3)
    pixels = noise(3, n, n)
    mask = np.where(noise(1, n, n, seed=5)[0] > 30, 255, 0).astype(np.uint8)
    path = write_scene("a.tif", pixels, transform=transform, crs="EPSG:4326", mask=mask, overviews=overviews)
    for gsd_m in (0.25, 0.8):
        found = [
            mosaic(region_of(path, gsd_m=gsd_m, tile_px=size, overlap_px=lap)) for size, lap in ((64, 16), (97, 3))
        ]
        assert (found[0][0] == found[1][0]).all() and (found[0][1] == found[1][1]).all()


def test_what_was_read_before_does_not_matter(write_scene) -> None:
    transform, n = scene_around(11.0, 52.0, "EPSG:4326", "north-up", 0.3)
    region = region_of(write_scene("a.tif", noise(3, n, n), transform=transform, crs="EPSG:4326"), gsd_m=0.4)
    every = list(tiles(region.grid))
    with SceneReader(region) as reader:
        forwards = [reader.read(tile)[0] for tile in every]
        backwards = [reader.read(tile)[0] for tile in reversed(every)]
    assert all((a == b).all() for a, b in zip(forwards, reversed(backwards), strict=True))


def test_needs_beyond_the_memory_limit_are_read_in_quarters_alike(
    write_scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    transform, n = scene_around(11.0, 52.0, "EPSG:4326", "north-up", 0.3)
    region = region_of(write_scene("a.tif", noise(3, n, n), transform=transform, crs="EPSG:4326"), gsd_m=2.0)
    whole = mosaic(region)
    monkeypatch.setattr("tiling.on_grid.MAX_SOURCE_PX", 20_000)
    quarters = mosaic(region)
    assert (whole[0] == quarters[0]).all() and (whole[1] == quarters[1]).all()


def test_overviews_are_read_where_the_grid_is_coarser(write_scene) -> None:
    # The overviews are painted another colour, so that one can see which was read.
    transform, _ = scene_around(11.0, 52.0, "EPSG:4326", "north-up", 0.1)
    pixels = np.full((3, 512, 512), 50, np.uint8)
    path = write_scene("a.tif", pixels, transform=transform, crs="EPSG:4326", tiled=True, overviews=(2, 4))
    with rasterio.open(path, "r+", overview_level=1) as dataset:
        dataset.write(np.full((3, 128, 128), 200, np.uint8))
    seen = {}
    for gsd_m in (0.1, 0.3, 0.4):
        image, valid = mosaic(region_of(path, gsd_m=gsd_m, tile_px=256))
        seen[gsd_m] = set(np.unique(image[0][valid]).tolist())
    assert seen == {0.1: {50}, 0.3: {50}, 0.4: {200}}


@pytest.mark.skipif(not (DATA / "buildings").is_dir(), reason="the shared test data are not beside this checkout")
def test_real_lonlat_imagery_comes_out_as_gdal_would_warp_it() -> None:
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    path = DATA / "buildings" / "banepa" / "banepa_train_z19.tif"
    scene = read_scene(path)
    region = make_region([scene], gsd_m=0.3, tile_px=512, overlap_px=128)
    assert region.grid.crs.to_epsg() == 32645
    tile = tile_at(region.grid, row=1, col=1)
    with SceneReader(region) as reader:
        image, valid = reader.read(tile)
    assert valid.all()
    assert footprint(scene, region.grid.crs).contains(shapely.box(*tile.bounds))
    with (
        rasterio.open(path) as dataset,
        WarpedVRT(
            dataset,
            crs=region.grid.crs.to_wkt(),
            transform=tile.transform,
            width=512,
            height=512,
            resampling=Resampling.average,
        ) as warped,
    ):
        reference = warped.read()
    difference = image.astype(int) - reference
    assert abs(difference.mean()) < 0.5
    shifts = {
        (dy, dx): np.abs(
            image[:, 4:-4, 4:-4].astype(int) - np.roll(reference, (dy, dx), (1, 2))[:, 4:-4, 4:-4]
        ).mean()
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    }
    assert min(shifts, key=shifts.__getitem__) == (0, 0)
    assert shifts[0, 0] < 8


@pytest.mark.skipif(not (DATA / "scenes").is_dir(), reason="the shared test data are not beside this checkout")
def test_real_four_band_imagery_keeps_all_its_pixels() -> None:
    path = DATA / "scenes" / "naip_4band_bishop_2020_0.tif"
    region = region_of(str(path), tile_px=256, overlap_px=0)
    image, valid = mosaic(region)
    with rasterio.open(path) as dataset:
        assert (image == dataset.read([1, 2, 3])).all()
    assert valid.all()
