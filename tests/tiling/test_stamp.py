"""A raster's stamp changes with what its pixels are read from, and with nothing that a viewer leaves beside it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from groundplan.errors import SceneError
from tiling.scene import read_scene
from tiling.stamp import scene_stamp

SIGNED = "a.tif?X-Amz-Expires=60&X-Amz-Signature=ab"
CHANGED = {"Last-Modified": "Mon, 01 Jun 2026 10:00:00 GMT"}
VRT = """<VRTDataset rasterXSize="8" rasterYSize="8"><SRS>EPSG:32632</SRS>
<GeoTransform>500000, 1, 0, 5700000, 0, -1</GeoTransform>
<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename>
<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""


@pytest.fixture
def tif(tmp_path: Path) -> Path:
    place = Affine(1, 0, 500_000, 0, -1, 5_700_000)
    options = {"driver": "GTiff", "width": 8, "height": 8, "count": 1, "dtype": "uint8", "transform": place}
    with rasterio.open(tmp_path / "a.tif", "w", crs="EPSG:32632", **options) as scene:
        scene.write(np.ones((1, 8, 8), np.uint8))
    return tmp_path / "a.tif"


def test_a_mosaic_changes_with_the_files_it_is_made_of(tif: Path) -> None:
    vrt = tif.with_name("all.vrt")
    vrt.write_text(VRT)
    before = read_scene(vrt).stamp
    assert read_scene(vrt).stamp == before
    os.utime(tif, ns=(1, 1))
    assert read_scene(vrt).stamp != before


def write_vrt(path: Path, source: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(VRT.replace("a.tif", source).replace('ToVRT="1"', f'ToVRT="{int("://" not in source)}"'))
    return path


def test_a_mosaic_of_mosaics_changes_with_the_files_at_the_bottom(tif: Path) -> None:
    write_vrt(tif.with_name("one.vrt"), "a.tif")
    # By its beginning GDAL knows a mosaic, whatever its name.
    write_vrt(tif.with_name("two.xml"), "one.vrt")
    top = write_vrt(tif.parent / "deep" / "three.vrt", "../two.xml")
    before = read_scene(top).stamp
    assert read_scene(top).stamp == before
    os.utime(tif, ns=(1, 1))
    assert read_scene(top).stamp != before


@pytest.mark.parametrize("name", ["a.tif.msk", "a.tif.OVR", "a.tif.msk.ovr"])
def test_masks_and_overviews_beside_the_files_of_a_mosaic_count(tif: Path, name: str) -> None:
    vrt = write_vrt(tif.with_name("all.vrt"), "a.tif")
    found = [read_scene(vrt).stamp]
    tif.with_name(name).write_bytes(b"one")
    found.append(read_scene(vrt).stamp)
    tif.with_name(name).write_bytes(b"other")
    found.append(read_scene(vrt).stamp)
    tif.with_name("a.tif.aux.xml").write_text("<PAMDataset/>")
    tif.with_name("b.tif.msk").write_bytes(b"of another file")
    assert len(set(found)) == 3 and read_scene(vrt).stamp == found[-1]


def test_mosaics_that_name_each_other_have_a_stamp(tif: Path) -> None:
    one = write_vrt(tif.with_name("one.vrt"), "deep/two.vrt")
    two = write_vrt(tif.parent / "deep" / "two.vrt", "../one.vrt")
    before = scene_stamp(str(one), [str(one), str(two)])
    os.utime(two, ns=(1, 1))
    assert scene_stamp(str(one), [str(one), str(two)]) != before


def test_a_mosaic_changes_with_what_a_server_says_of_its_files(tif: Path, serve_folder: Callable) -> None:
    server = serve_folder(tif.parent)
    source = f"/vsicurl/{server.address}/a.tif"
    vrt = write_vrt(tif.with_name("all.vrt"), source)
    server.headers = {"ETag": '"one"'}
    # Not by GDAL, which asks for the list of files without letting this process's server answer.
    before = scene_stamp(str(vrt), [str(vrt), source])
    assert scene_stamp(str(vrt), [str(vrt), source]) == before
    server.headers = {"ETag": '"other"'}
    assert scene_stamp(str(vrt), [str(vrt), source]) != before


def test_overviews_beside_a_scene_count_and_statistics_do_not(tif: Path) -> None:
    before = read_scene(tif).stamp
    tif.with_name("a.tif.aux.xml").write_text("<PAMDataset/>")
    assert read_scene(tif).stamp == before
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(tif, "r+") as scene:
        scene.build_overviews([2])
    assert tif.with_name("a.tif.ovr").is_file()
    assert read_scene(tif).stamp != before


def test_a_server_says_when_its_file_was_changed(tif: Path, serve_folder: Callable) -> None:
    server = serve_folder(tif.parent)
    address = f"{server.address}/a.tif"
    assert scene_stamp(address, []) == ""  # it says nothing
    server.headers = {"Last-Modified": "Mon, 01 Jun 2026 10:00:00 GMT", "ETag": '"one of many"'}
    before = scene_stamp(address, [])
    assert before == f"{tif.stat().st_size}-Mon, 01 Jun 2026 10:00:00 GMT"
    server.headers = {"ETag": '"other"'}
    assert scene_stamp(address, []) == f'{tif.stat().st_size}-"other"'
    server.every_fails, server.kinds = 2, ("503",)
    assert scene_stamp(address, []) == f'{tif.stat().st_size}-"other"'
    assert read_scene(address).stamp == scene_stamp(address, [])
    assert scene_stamp(f"{server.address}/none.tif", []) == "" == scene_stamp("s3://bucket/a.tif", [])


def test_a_server_that_refuses_questions_is_asked_for_a_byte(tif: Path, serve_folder: Callable) -> None:
    server = serve_folder(tif.parent)
    server.headers = CHANGED
    before = scene_stamp(f"{server.address}/a.tif", [])
    for status in (403, 405, 501):
        server.refused = {"HEAD": status}
        assert scene_stamp(f"{server.address}/{SIGNED}", []) == before
    assert read_scene(f"{server.address}/{SIGNED}").stamp == before


def test_a_server_that_fails_stops_the_plan_and_changes_no_stamp(tif: Path, serve_folder: Callable) -> None:
    server = serve_folder(tif.parent)
    server.headers, server.refused = CHANGED, {"HEAD": 503, "GET": 503}
    with pytest.raises(SceneError, match=r"a\.tif failed 5 times, last: HTTP 503; try again later"):
        scene_stamp(f"{server.address}/a.tif", [])


def test_who_is_let_in_by_a_login_of_gdals_gets_no_stamp(tif: Path, serve_folder: Callable) -> None:
    server = serve_folder(tif.parent)
    server.headers, server.login = CHANGED, "Basic bWU6cCB3"  # me:p w
    assert scene_stamp(f"{server.address}/a.tif", []) == ""
    named = server.address.replace("//", "//me:p%20w@")
    assert scene_stamp(f"{named}/a.tif", []) == f"{tif.stat().st_size}-{CHANGED['Last-Modified']}"


def test_a_copy_with_its_times_is_the_same_scene(tif: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    copy = shutil.copy2(tif, tmp_path / "other" / "a.tif")
    assert read_scene(copy).stamp == read_scene(tif).stamp
