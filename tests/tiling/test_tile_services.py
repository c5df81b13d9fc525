"""Tile services over a real HTTP server: cache, pace, holes, refusals."""

import io
import multiprocessing
import os
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image

from groundplan.crs import transform_geometries
from groundplan.errors import ConfigError, SceneError
from tests.tiling.distant import pixels_of, region_of
from tiling.cover import covered_tiles
from tiling.ground import apply
from tiling.read import SceneReader
from tiling.sources import SourceOptions, tile_scene
from tiling.tile_cache import keep_pace
from tiling.tile_service import check_tile_address, tiles_over, zoom_for

AOI = gpd.GeoDataFrame(geometry=[shapely.box(9.0, 51.0, 9.0016, 51.001)], crs=4326)


def write_tiles(folder: Path, zoom: int, *, skip: tuple[int, ...] = ()) -> int:
    col0, row0, col1, row1 = tiles_over((9.0, 51.0, 9.0016, 51.001), zoom)
    number = 0
    for col in range(col0, col1):
        for row in range(row0, row1):
            number += 1
            if number in skip:
                continue
            path = folder / str(zoom) / str(col) / f"{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            colour = (number * 7 % 250 + 1, col % 256, row % 256)
            Image.fromarray(np.full((256, 256, 3), colour, np.uint8)).save(path)
    return number


def test_tiles_of_a_service_become_one_scene_through_faults_and_come_from_the_cache_then(
    tmp_path: Path, serve_folder
) -> None:
    n_tiles = write_tiles(tmp_path / "www", 18, skip=(2,))
    server = serve_folder(tmp_path / "www")
    server.every_fails = 3
    options = {"cache": "cache", "requests_per_s": 50.0}
    address = f"{server.address}/{{z}}/{{x}}/{{y}}.png"
    region = region_of(address, base=tmp_path, aoi=AOI, gsd_m=0.5, **options)
    (scene,) = region.scenes
    assert scene.width * scene.height == n_tiles * 256**2 and 0.3 < scene.gsd_m < 0.5
    first = pixels_of(region)
    n_asked = len(server.requests)
    assert n_asked >= n_tiles and server.faults > 0
    assert pixels_of(region) == first and len(server.requests) == n_asked
    # Every pixel is the colour of the tile that shows its place; the tile that the server lacks is missing.
    with SceneReader(region) as reader:
        for tile in covered_tiles(region):
            image, valid = reader.read(tile)
            x, y = apply(tile.transform, np.float64(128.5), np.float64(128.5))
            (point,) = transform_geometries([shapely.Point(x, y)], source=region.grid.crs, target=4326)
            col, row, _, _ = tiles_over((point.x, point.y, point.x + 1e-9, point.y + 1e-9), 18)
            there = (tmp_path / "www" / "18" / str(col) / f"{row}.png").is_file()
            assert valid[128, 128] == there
            if there:
                assert image[1:, 128, 128].tolist() == [col % 256, row % 256]


def test_a_tile_that_the_server_lacked_is_asked_for_again_after_a_week_and_not_before(
    tmp_path: Path, serve_folder
) -> None:
    n_tiles = write_tiles(tmp_path / "www", 18, skip=(2,))
    server = serve_folder(tmp_path / "www")
    address = f"{server.address}/{{z}}/{{x}}/{{y}}.png"
    region = region_of(address, base=tmp_path, aoi=AOI, cache="c", requests_per_s=50.0)
    with_hole = pixels_of(region)
    (hole,) = (path for path in (tmp_path / "c").rglob("*.tile") if path.stat().st_size == 0)
    write_tiles(tmp_path / "www", 18)
    for age_days, asked in ((6.9, 0), (7.1, 1), (7.1, 0)):
        before = len(server.requests)
        if hole.stat().st_size == 0:
            os.utime(hole, (0, time.time() - age_days * 86400))
        assert (pixels_of(region) == with_hole) == (hole.stat().st_size == 0)
        assert len(server.requests) == before + asked
    # A clock that jumped back: a hole found in the future is not believed.
    hole.write_bytes(b"")
    os.utime(hole, (0, time.time() + 86400))
    pixels_of(region)
    assert hole.stat().st_size > 0 and len(server.requests) == n_tiles + 2


def test_what_is_no_tile_is_an_error_and_is_not_kept(tmp_path: Path, serve_folder) -> None:
    write_tiles(tmp_path / "www", 18)
    for path in (tmp_path / "www").rglob("*.png"):
        path.write_text("<html>please log in</html>")
    server = serve_folder(tmp_path / "www")
    region = region_of(f"{server.address}/{{z}}/{{x}}/{{y}}.png", base=tmp_path, aoi=AOI, cache="c")
    with pytest.raises(SceneError, match="is no image but '<html>please log in"):
        pixels_of(region)
    assert list((tmp_path / "c").rglob("*.tile")) == []
    data = io.BytesIO()
    Image.fromarray(np.zeros((512, 512, 3), np.uint8)).save(data, "png")
    for path in (tmp_path / "www").rglob("*.png"):
        path.write_bytes(data.getvalue())
    with pytest.raises(SceneError, match=r"set \[sources\] tile_px = 512"):
        pixels_of(region)


def test_a_refusal_is_not_asked_again(tmp_path: Path, serve_folder) -> None:
    server = serve_folder(tmp_path)
    server.every_fails, server.kinds = 1, ("403",)
    region = region_of(f"{server.address}/{{z}}/{{x}}/{{-y}}.png", base=tmp_path, aoi=AOI, cache="c")
    with pytest.raises(SceneError, match="answers HTTP 403; check the address and your access"):
        pixels_of(region)
    assert len(server.requests) == 1


def _asks(path: Path) -> None:
    for _ in range(5):
        keep_pace(path, 50.0)


def test_processes_share_one_pace(tmp_path: Path) -> None:
    started = time.monotonic()
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_asks, args=(tmp_path / "pace",)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    # Ten requests at 50 a second: the tenth may go after 9 x 20 ms.
    assert time.monotonic() - started > 0.175


def test_a_pace_from_before_the_clock_began_anew_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "pace").write_text(f"{time.monotonic() + 500!r} {time.monotonic() + 600!r}")
    started = time.monotonic()
    keep_pace(tmp_path / "pace", 50.0)
    assert time.monotonic() - started < 1


def test_the_zoom_follows_from_the_resolution() -> None:
    # 0.2986 m at the equator for zoom 19; half of that is enough at 60 degrees.
    assert (zoom_for(0.3, 0.0), zoom_for(0.3, 60.0), zoom_for(0.3, 0.0, tile_px=512)) == (19, 18, 18)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://t.example/{z}/{x}/{y}/{r}.png", r"has \{r\}; only"),
        ("https://t.example/{z}/{x}.png", "lacks"),
        ("ftp://t.example/{z}/{x}/{y}.png", "is not http"),
    ],
)
def test_addresses_that_cannot_be_filled_in_are_refused(address: str, message: str) -> None:
    with pytest.raises(SceneError, match=message):
        check_tile_address(address)


def test_a_tile_service_needs_a_place_and_a_size(tmp_path: Path) -> None:
    address = "https://t.example/{z}/{x}/{y}.png"

    def ask(aoi: gpd.GeoDataFrame | None, gsd_m: float) -> None:
        tile_scene(address, tmp_path, sources=SourceOptions(), gsd_m=gsd_m, aoi=aoi)

    for aoi, gsd_m, message in (
        (None, 0.3, "name an `aoi`"),
        (AOI, 0.0, "zoom"),
        (AOI.set_geometry([shapely.box(-170, -60, 170, 60)], crs=4326), 0.3, "make it smaller"),
        (AOI.set_geometry([shapely.box(0, 86, 1, 87)], crs=4326), 0.3, "within 85 degrees"),
    ):
        with pytest.raises(ConfigError, match=message):
            ask(aoi, gsd_m)
