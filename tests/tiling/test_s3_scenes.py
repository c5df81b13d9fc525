"""s3:// through GDAL, from a server on this machine in the place of the store; nothing was tried at Amazon."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from groundplan.errors import SceneError
from tiling.cover import covered_tiles
from tiling.pixels import PixelOptions
from tiling.read import SceneReader
from tiling.region import make_region
from tiling.sources import SourceOptions, read_scenes


@pytest.fixture
def store(tmp_path: Path, serve_folder, monkeypatch: pytest.MonkeyPatch):
    """Return a server that GDAL takes for S3."""
    server = serve_folder(tmp_path)
    for name, value in {
        "AWS_S3_ENDPOINT": server.address.removeprefix("http://"),
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_NO_SIGN_REQUEST": "YES",
    }.items():
        monkeypatch.setenv(name, value)
    return server


def pixels(path: str) -> bytes:
    scenes = read_scenes([path], Path("/"), sources=SourceOptions(), pixels=PixelOptions(), gsd_m=0.5)
    region = make_region(scenes, gsd_m=0.5, tile_px=256, overlap_px=32)
    with SceneReader(region) as reader:
        return b"".join(a.tobytes() for tile in covered_tiles(region) for a in reader.read(tile))


@pytest.mark.parametrize("every_fails", [0, 3])
def test_a_scene_in_a_bucket_has_the_bytes_of_the_file(tmp_path: Path, store, every_fails: int) -> None:
    (tmp_path / "bucket").mkdir()
    path = tmp_path / "bucket" / f"a{every_fails}.tif"
    image = np.random.default_rng(1).integers(1, 255, (3, 500, 500)).astype(np.uint8)
    profile = {"driver": "COG", "height": 500, "width": 500, "count": 3, "dtype": "uint8", "blocksize": 128}
    transform = Affine(0.5, 0, 500000, 0, -0.5, 5700000)
    with rasterio.open(path, "w", crs="EPSG:32632", transform=transform, **profile) as dataset:
        dataset.write(image)
    store.every_fails = every_fails
    assert pixels(f"s3://bucket/{path.name}") == pixels(str(path))
    assert any(asked.startswith("/bucket/") for asked, _ in store.requests)
    assert (store.faults > 0) == bool(every_fails)


def test_what_a_bucket_lacks_is_an_error_of_one_line(store) -> None:
    with pytest.raises(SceneError, match=r"s3://bucket/none\.tif") as caught:
        pixels("s3://bucket/none.tif")
    assert "\n" not in str(caught.value)
