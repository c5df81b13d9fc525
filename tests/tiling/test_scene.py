"""Headers of scenes."""

import math
import pickle
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.enums import ColorInterp as C
from rasterio.shutil import copy

from groundplan.errors import SceneError
from tiling.scene import footprint, read_scene, rgb_bands

UTM = Affine(0.5, 0, 500000, 0, -0.5, 5700000)
DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def test_the_header_says_what_was_written(write_scene) -> None:
    path = write_scene(
        "a.tif", np.zeros((3, 96, 64), np.uint8), transform=UTM, tiled=True, blockxsize=32, blockysize=16
    )
    scene = read_scene(path)
    assert (scene.width, scene.height, scene.count, scene.dtype) == (64, 96, 3, "uint8")
    assert scene.transform == UTM and scene.crs == pyproj.CRS.from_epsg(32632)
    assert (scene.nodata, scene.validity, scene.block_shape, scene.overviews) == (None, "all", (16, 32), ())
    assert scene.gsd_m == pytest.approx(0.5 / 0.9996, rel=1e-5)
    assert scene.stamp.startswith(f"{Path(path).stat().st_size}-")
    assert pickle.loads(pickle.dumps(scene)) == scene and hash(scene) == hash(read_scene(path))  # noqa: S301


def test_a_changed_file_has_another_stamp(write_scene) -> None:
    before = read_scene(write_scene("a.tif", np.zeros((1, 8, 8), np.uint8), transform=UTM)).stamp
    assert read_scene(write_scene("a.tif", np.zeros((1, 9, 8), np.uint8), transform=UTM)).stamp != before


def test_what_tells_missing_pixels_is_recognised(write_scene) -> None:
    rgb, rgba = np.zeros((3, 8, 8), np.uint8), np.zeros((4, 8, 8), np.uint8)
    cases = {
        "all": write_scene("a.tif", rgb, transform=UTM),
        "nodata": write_scene("b.tif", rgb, transform=UTM, nodata=7),
        "mask": write_scene("c.tif", rgb, transform=UTM, mask=np.zeros((8, 8), np.uint8)),
        "alpha": write_scene("d.tif", rgba, transform=UTM, colors=(C.red, C.green, C.blue, C.alpha)),
    }
    assert {kind: read_scene(path).validity for kind, path in cases.items()} == {kind: kind for kind in cases}
    assert read_scene(cases["nodata"]).nodata == 7


def test_overviews_are_listed(write_scene) -> None:
    path = write_scene("a.tif", np.zeros((1, 512, 512), np.uint8), transform=UTM, overviews=(2, 4))
    assert read_scene(path).overviews == (2, 4)


def test_a_tag_that_gdal_complains_of_and_does_without_is_no_obstacle(write_scene) -> None:
    # rasterio raised the complaint when it was asked for colours, as an error that is none of its public ones.
    path = Path(write_scene("a.tif", np.zeros((3, 8, 8), np.uint8), transform=UTM))
    data = path.read_bytes()
    at = data.index(b"\x53\x01\x03\0\x03\0\0\0")  # SampleFormat, which is the default, becomes ResolutionUnit = 8
    path.write_bytes(data[:at] + b"\x28\x01\x03\0\x01\0\0\0\x08\0\0\0" + data[at + 12 :])
    assert read_scene(path).color_names == ("red", "green", "blue")


def test_a_vrt_is_a_scene(write_scene, tmp_path: Path) -> None:
    path = write_scene("a.tif", np.zeros((3, 8, 8), np.uint8), transform=UTM)
    vrt = tmp_path / "a.vrt"
    copy(path, vrt, driver="VRT")
    assert read_scene(vrt).transform == UTM


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crs": None}, "a.tif has no CRS; assign one"),
        ({"transform": Affine.identity()}, "a.tif has no geotransform; georeference it"),
        ({"dtype": "complex64"}, "a.tif holds complex64 values"),
        ({"transform": Affine(0.3, 0, 1e12, 0, -0.3, 1e12)}, "outside the area of its CRS|without size"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_scenes_that_cannot_be_placed_or_shown_are_refused(write_scene, options: dict, message: str) -> None:
    path = write_scene("a.tif", np.zeros((1, 8, 8), np.uint8), **({"transform": UTM} | options))
    with pytest.raises(SceneError, match=message) as caught:
        read_scene(path)
    assert "\n" not in str(caught.value)


def test_palettes_are_refused_with_the_way_out(write_scene) -> None:
    path = write_scene("a.tif", np.zeros((1, 8, 8), np.uint8), transform=UTM, photometric="palette")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (255, 0, 0, 255)})
    with pytest.raises(
        SceneError, match="palette entries, not colours; convert it with gdal_translate -expand rgb"
    ):
        read_scene(path)


def test_missing_and_unreadable_files_are_errors_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"no scene at .*nowhere.tif"):
        read_scene(tmp_path / "nowhere.tif")
    junk = tmp_path / "junk.tif"
    junk.write_bytes(b"this is no raster")
    with pytest.raises(SceneError, match=r"cannot read .*junk.tif as a raster") as caught:
        read_scene(junk)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0.2, 0.7, 0.99])
def test_a_file_cut_short_is_noticed_from_its_header(write_scene, keep: float) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (3, 256, 256)).astype(np.uint8)
    path = Path(write_scene("a.tif", pixels, transform=UTM, tiled=True, blockxsize=64, blockysize=64))
    whole = path.read_bytes()
    read_scene(path)
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(SceneError, match=r"cut short|cannot read"):
        read_scene(path)


def test_bands_are_chosen_by_what_the_file_calls_them(write_scene) -> None:
    def bands(count: int, colors: tuple | None = None, chosen: tuple | None = None) -> tuple[int, int, int]:
        pixels = np.zeros((count, 8, 8), np.uint16)
        path = write_scene(f"{count}.tif", pixels, transform=UTM, colors=colors)
        return rgb_bands(read_scene(path), bands=chosen)

    assert bands(1) == (1, 1, 1)
    assert bands(2, (C.gray, C.alpha)) == (1, 1, 1)
    assert bands(3) == (1, 2, 3)
    assert bands(3, (C.blue, C.green, C.red)) == (3, 2, 1)
    assert bands(4, (C.alpha, C.undefined, C.undefined, C.undefined)) == (2, 3, 4)
    assert bands(5, (C.undefined, C.red, C.green, C.blue, C.undefined)) == (2, 3, 4)
    assert bands(4, chosen=(4, 1, 2)) == (4, 1, 2)
    assert bands(4, chosen=(2,)) == (2, 2, 2)
    for wrong in ((0, 1, 2), (1, 2), (1, 2, 5)):
        with pytest.raises(SceneError, match="has bands 1 to 4, not"):
            bands(4, chosen=wrong)


def test_the_footprint_of_a_lonlat_scene_is_bent_in_utm(write_scene) -> None:
    # A parallel over 1 degree at 52 N bends by L^2 tan(lat) / 8R = about 118 m; four corners would miss that.
    path = write_scene(
        "a.tif", np.zeros((1, 10, 100), np.uint8), transform=Affine(0.01, 0, 8.5, 0, -0.01, 52), crs="EPSG:4326"
    )
    crs = pyproj.CRS.from_epsg(32632)
    outline = footprint(read_scene(path), crs)
    length = 6378137 * math.cos(math.radians(52)) * math.radians(1)
    bow = length**2 * math.tan(math.radians(52)) / 8 / 6390000
    corners = shapely.Polygon(list(outline.exterior.coords[:-1:20]))
    assert outline.is_valid and len(corners.exterior.coords) == 5
    assert outline.hausdorff_distance(corners) == pytest.approx(bow, rel=0.02)


@pytest.mark.skipif(not (DATA / "scenes").is_dir(), reason="the shared test data are not beside this checkout")
def test_a_real_scene_in_feet_measures_in_metres() -> None:
    scene = read_scene(DATA / "scenes" / "autzen_rgb_1ft.tif")
    assert scene.gsd_m == pytest.approx(0.3048, rel=2e-3)
