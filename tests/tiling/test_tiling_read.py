"""Tiles read from painted scenes of every kind: where things lie, how large they are, what is missing."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.enums import ColorInterp as C

from groundplan.crs import parse_crs, transform_geometries, transform_xy
from groundplan.errors import SceneError
from tiling.cover import covered_tiles
from tiling.grid import tile_at, tiles
from tiling.look import look_at
from tiling.read import SceneReader
from tiling.region import Region, make_region
from tiling.scene import footprint, read_scene

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


# --- the scene's own grid ---------------------------------------------------------------------------------------


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


# --- places and sizes -------------------------------------------------------------------------------------------


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


# --- missing pixels ---------------------------------------------------------------------------------------------

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


# --- values -----------------------------------------------------------------------------------------------------


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


# --- failures ---------------------------------------------------------------------------------------------------


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


# --- real imagery -----------------------------------------------------------------------------------------------


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
