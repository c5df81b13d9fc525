"""Every kind of raster against painted truth: 6 CRS x 4 types x 4 ways to miss pixels x 4 geometries."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.enums import ColorInterp as C

from groundplan.crs import parse_crs, transform_xy
from groundplan.errors import ConfigError, SceneError
from tiling.ground import pixel_area_m2
from tiling.pixels import PixelOptions
from tiling.read import SceneReader
from tiling.region import make_region
from tiling.sources import SourceOptions, ordered, read_scenes

PLACES = (
    ("EPSG:32632", 9.3, 51.0),
    ("EPSG:4326", 9.3, 61.0),
    ("EPSG:3857", 9.3, -33.0),
    ("EPSG:2994", -122.5, 44.0),  # feet
    ("EPSG:32760", 179.9985, -18.0),  # against the antimeridian
    ("EPSG:25833", 9.3, 51.0),  # far outside its zone
)
DTYPES = ("uint8", "uint16", "int16", "float32")
MISSING = ("value", "alpha", "mask", "nan")
GEOMETRIES = ("north-up", "rotated", "south-up", "non-square")
LEVELS = {"uint8": (20.0, 240.0), "uint16": (1500.0, 40000.0), "int16": (-900.0, 12000.0), "float32": (0.02, 0.61)}
TIMES = (0, 2, 3, 1)
"""Multiplication by a generator of the field of four elements: rows below meet every pair of columns' values."""


def designs() -> list[tuple[int, int, int, int]]:
    if os.environ.get("GROUNDPLAN_MATRIX") == "whole":
        return [(c, d, m, g) for c in range(6) for d in range(4) for m in range(4) for g in range(4)]
    return [(c, d, (c % 4) ^ d, (c % 4) ^ TIMES[d]) for c in range(6) for d in range(4)]


def transform_at(crs: str, lon: float, lat: float, geometry: str, n: int) -> Affine:
    x, y = (float(v) for v in transform_xy(lon, lat, source=4326, target=crs))
    wide = high = 0.29
    if geometry == "non-square":
        wide, high = 0.25, 0.4
    if parse_crs(crs).is_geographic:
        wide, high = wide / 111_320 / math.cos(math.radians(lat)), high / 111_320
    elif crs == "EPSG:2994":
        wide, high = wide / 0.3048, high / 0.3048
    elif crs == "EPSG:3857":
        wide, high = wide / math.cos(math.radians(lat)), high / math.cos(math.radians(lat))
    turn = math.radians(31 if geometry == "rotated" else 0)
    sign = 1 if geometry == "south-up" else -1
    a, b = wide * math.cos(turn), -sign * high * math.sin(turn)
    d, e = wide * math.sin(turn), sign * high * math.cos(turn)
    return Affine(a, b, x - (a + b) * n / 2, d, e, y - (d + e) * n / 2)


@pytest.mark.parametrize(("crs", "dtype", "missing", "geometry"), designs())
def test_areas_are_right_whatever_the_raster(
    write_scene, painted, crs: int, dtype: int, missing: int, geometry: int
) -> None:
    (code, lon, lat), kind, way = PLACES[crs], DTYPES[dtype], MISSING[missing]
    n = 200
    transform = transform_at(code, lon, lat, GEOMETRIES[geometry], n)
    local = f"+proj=tmerc +lat_0={lat} +lon_0={lon} +k=1 +datum=WGS84 +units=m"
    if code in ("EPSG:2994", "EPSG:25833"):
        local = local.replace("+datum=WGS84", "+ellps=GRS80")
    shape = shapely.affinity.rotate(shapely.box(-16, -9, 14, 17) - shapely.box(-4, -4, 6, 8), 17)
    hole = shapely.affinity.rotate(shapely.box(18.5, -12, 22.5, 6), 9)

    def cover(polygon: shapely.Polygon) -> np.ndarray:
        return painted(polygon, local, transform=transform, crs=code, width=n, height=n)

    low, high = LEVELS[kind]
    gone = cover(hole) >= 0.5
    values = low + cover(shape) * (high - low)
    values = (np.rint(values) if kind != "float32" else values).astype(kind)
    pixels = np.repeat(values[None], 3, axis=0)
    options: dict = {"scaling": "fixed", "black": (low,), "white": (high,)}
    file: dict = {}
    if way == "alpha":
        full = 255 if kind == "uint8" else 1 if kind == "float32" else 32767
        pixels = np.concatenate([pixels, np.where(gone, 0, full).astype(kind)[None]])
        file = {"colors": (C.red, C.green, C.blue, C.alpha)}
    elif way == "mask":
        file = {"mask": np.where(gone, 0, 255).astype(np.uint8)}
    else:
        unreal = {"uint8": 255, "uint16": 65535, "int16": -32768, "float32": -3.4e38}[kind]
        if way == "nan" and kind == "float32":
            unreal = math.nan
        pixels[:, gone] = unreal
        # Files of whole numbers have no NaN: there the region file says what the file does not.
        file = {"nodata": unreal} if way == "value" else {}
        options |= {"nodata": unreal} if way == "nan" and kind != "float32" else {}
    path = write_scene("a.tif", pixels, transform=transform, crs=code, **file)
    scenes = read_scenes([path], Path("/"), sources=SourceOptions(), pixels=PixelOptions(**options), gsd_m=0.3)
    region = make_region(scenes, gsd_m=0.3, tile_px=600, overlap_px=0)
    with SceneReader(region) as reader:
        image, valid = reader.read(_whole(region))
    assert (image[0].astype(float) / 255).sum() * 0.09 == pytest.approx(shape.area, rel=5e-3)
    # A hole of whole source pixels: its area is theirs, but for pixels that the outline cuts.
    t = region.grid.transform
    rows, cols = np.indices(valid.shape) + 0.5
    middle = region.footprints[0].buffer(-1)
    inside = shapely.contains_xy(middle, t.c + t.a * cols, t.f + t.e * rows)
    scene = scenes[0]
    one_m2 = pixel_area_m2(scene.transform, scene.crs, col_px=n / 2, row_px=n / 2)
    holes = [scene.transform @ (col + 0.5, row + 0.5) for row, col in np.argwhere(gone)]
    x, y = transform_xy(*np.transpose(holes), source=scene.crs, target=region.grid.crs)
    missing_m2 = one_m2 * np.count_nonzero(shapely.contains_xy(middle, x, y))
    assert np.count_nonzero(inside & ~valid) * 0.09 == pytest.approx(missing_m2, rel=0.03)
    assert not image[:, ~valid].any()


def _whole(region):
    from tiling.grid import tile_at

    assert region.grid.n_rows == region.grid.n_cols == 1
    return tile_at(region.grid, row=0, col=0)


def read_all(paths: list[str], **options) -> np.ndarray:
    scenes = read_scenes(paths, Path("/"), sources=SourceOptions(), pixels=PixelOptions(**options), gsd_m=0.0)
    region = make_region(scenes, gsd_m=0, tile_px=64, overlap_px=0)
    with SceneReader(region) as reader:
        return reader.read(_whole(region))[0]


UTM = Affine(0.5, 0, 500000, 0, -0.5, 5700000)


def test_neighbouring_scenes_of_16_bits_meet_without_a_step(write_scene) -> None:
    """One ramp cut in two: stretched each by its own values, the halves would repeat each other."""
    ramp = np.repeat(np.linspace(1000, 9000, 64)[None, None, :], 64, axis=1).repeat(3, axis=0).astype(np.uint16)
    paths = [
        write_scene("a.tif", ramp[:, :, :32], transform=UTM),
        write_scene("b.tif", ramp[:, :, 32:], transform=UTM @ Affine.translation(32, 0)),
    ]
    whole = write_scene("c.tif", ramp, transform=UTM)
    steps = {
        how: np.abs(np.diff(read_all(paths, scaling=how)[0, 0].astype(int))).max() for how in ("region", "scene")
    }
    assert steps["region"] <= 6 and steps["scene"] > 200
    assert np.abs(read_all(paths).astype(int) - read_all([whole])).max() <= 1


def test_values_are_scaled_as_the_region_file_says(write_scene) -> None:
    pixels = np.repeat(np.array([[[0, 100, 255, 300, 1000]]], np.uint16), 5, axis=1).repeat(3, axis=0)
    path = write_scene("a.tif", pixels, transform=UTM)
    assert read_all([path], scaling="none")[0, 0, :5].tolist() == [0, 100, 255, 255, 255]
    fixed = read_all([path], scaling="fixed", black=(0.0,), white=(1000.0,))
    assert fixed[0, 0, :5].tolist() == [0, 26, 65, 77, 255]
    byte = write_scene("b.tif", np.full((3, 4, 4), 50, np.uint8), transform=UTM)
    assert (read_all([byte])[:, :4, :4] == 50).all()
    assert (read_all([byte], scaling="fixed", black=(0.0,), white=(200.0,))[:, :4, :4] == 64).all()


def test_bands_are_chosen_by_name_or_number(write_scene, tmp_path: Path) -> None:
    import rasterio

    pixels = np.arange(1, 6, dtype=np.uint8)[:, None, None] * np.ones((5, 8, 8), np.uint8)
    path = write_scene("a.tif", pixels, transform=UTM)
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = ("Coastal", "Blue", "Green", "Red", "NIR")

    def shown(*bands: str | int) -> list[int]:
        return read_all([path], bands=bands)[:, 0, 0].tolist()

    assert (shown(), shown("nir", "Red", "green"), shown(5), shown(1, 2, "nir")) == (
        [4, 3, 2], [5, 4, 3], [5, 5, 5], [1, 2, 5],
    )  # fmt: skip
    for wrong, message in (
        (("nit",), "no band 'nit', did you mean 'nir'|no band 'nit'.*called coastal"),
        ((6,), "bands 1 to 5"),
    ):
        with pytest.raises(SceneError, match=message):
            shown(*wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": (1, 2)}, "name one band, or three"),
        ({"scaling": "fixed"}, "belong together"),
        ({"black": (1.0,), "white": (2.0,)}, "belong together"),
        ({"scaling": "fixed", "black": (1.0, 2.0), "white": (2.0, 3.0)}, "one number each, or three"),
        ({"scaling": "fixed", "black": (2.0,), "white": (2.0,)}, "is not above"),
    ],
)
def test_pixel_options_that_cannot_be_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PixelOptions(**options)


def test_scenes_win_as_listed_by_date_or_by_fineness(write_scene) -> None:
    from tiling.scene import read_scene

    found = []
    for number, (taken, size) in enumerate(
        (("2019:05:01 10:00:00", 0.5), ("", 0.3), ("2023:05:01 10:00:00", 0.501))
    ):
        path = write_scene(
            f"{number}.tif", np.zeros((3, 8, 8), np.uint8), transform=Affine(size, 0, 500000, 0, -size, 5700000)
        )
        import rasterio

        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(**({"TIFFTAG_DATETIME": taken} if taken else {}))
        found.append(read_scene(path))

    def order(how) -> list[str]:
        return [scene.path[-5] for scene in ordered(found, how)]

    assert (order("listed"), order("newest"), order("finest")) == (list("012"), list("201"), list("102"))
