"""Cases of docs/errors.md in which something that groundplan is given is bad."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from tests.pipeline.spoiled import Cases, World

INPUTS = Cases()

INPUTS.simple("a key that groundplan does not know", head='scene = "x"')
INPUTS.simple("a region file with a key of a thousand words", head="a" + ".a" * 1000 + " = 1")
INPUTS.simple("a number of thousands of digits", head="a = " + "1" * 5000)
INPUTS.simple("a folder in place of scenes", scenes=".")
INPUTS.simple("a scene pattern that matches nothing", scenes="none*.tif")
INPUTS.simple("a scene without CRS", crs=None)
INPUTS.simple("a scene without place", transform=Affine.identity())
INPUTS.simple("a scene of complex numbers", dtype="complex64")
INPUTS.simple(
    "imagery more than four times as coarse as the model wants", model='weights = "painted"\ngsd_m = 0.05'
)
INPUTS.simple("a band that the scene does not have", head='[pixels]\nbands = ["infrared"]')
INPUTS.simple(
    "a tile address without an aoi",
    scenes="https://t.example/{z}/{x}/{y}.png",
    model='weights = "painted"\ngsd_m = 0.3',
)


@INPUTS.case("a region file that is not there")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "region.toml").unlink()
    return world.run()


@INPUTS.case("a region file that is not TOML")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "region.toml").write_text("name = ")
    return world.run()


@INPUTS.case("a scene that is no raster")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "scene.tif").write_text("<html>not found</html>")
    return world.run()


@INPUTS.case("a scene whose download stopped half way")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    path = world.folder / "scene.tif"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return world.run()


def sparse(path: Path, *, side: int, block: int) -> None:
    profile = {"driver": "GTiff", "count": 3, "height": side, "width": side, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.open(
        path, "w", transform=Affine(0.3, 0, 0, 0, -0.3, 5e6), tiled=True, blockxsize=block, blockysize=block,
        SPARSE_OK=True, BIGTIFF="YES", interleave="pixel", **profile,
    ):  # fmt: skip
        pass


@INPUTS.case("a scene with absurdly large blocks")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    sparse(world.folder / "scene.tif", side=32768, block=32768)
    return world.run()


@INPUTS.case("a scene of absurd size")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    sparse(world.folder / "scene.tif", side=400_000, block=4096)
    return world.run()


@INPUTS.case("a STAC item without the asset")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    item = {"id": "i", "assets": {"visual": {"href": "scene.tif", "type": "image/tiff"}}}
    (world.folder / "item.json").write_text(json.dumps(item))
    world.region('[sources]\nassets = ["nir"]', scenes="item.json")
    return world.run()


@INPUTS.case("a scene that a server does not have")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    world.region(scenes="http://127.0.0.1:9/none.tif")
    patch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    patch.setattr("tiling.patience.FIRST_WAIT_S", 0.0)
    return world.run()


def with_aoi(world: World, coordinates: list) -> int:
    (world.folder / "aoi.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [coordinates]}))
    world.region('aoi = "aoi.geojson"')
    return world.run()


@INPUTS.case("an aoi where no scene is")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    return with_aoi(world, [[5, 5], [5.1, 5], [5.1, 5.1], [5, 5]])


@INPUTS.case("an aoi without area")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    return with_aoi(world, [[15, 45], [15, 45], [15, 45], [15, 45]])


@INPUTS.case("an aoi that crosses itself without end")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    ring = np.random.default_rng(0).uniform((15, 45.15), (15.001, 45.151), (2000, 2)).tolist()
    return with_aoi(world, [*ring, ring[0]])


@INPUTS.case("weights that are a pickle")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "w.pt").write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02K\x03e.")
    world.region(model='weights = "w.pt"')
    return world.run()


@INPUTS.case("an extract that is cut short")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "e.osm").write_text('<osm version="0.6"><node id="1" lat="1" lon')
    world.region('[osm]\nextract = "e.osm"')
    return world.run()


@INPUTS.case("features without labels")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    return world.features({"kind": "building"})


@INPUTS.case("features with a label that is no text")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    return world.features({"label": 7.5})
