"""docs/errors.md against the real command line: every row, its exit code and what is said."""

import fcntl
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from pipeline.cli import main

ROOT = Path(__file__).resolve().parents[2]
ROWS = {
    given: (int(code), said)
    for given, code, said in re.findall(
        r"^\| ([^|]+) \| (\d+) \| `(.+)` \|$", (ROOT / "docs/errors.md").read_text(), re.M
    )
}
UTM = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)


class World:
    """A folder with a painted scene and its region file, to be spoiled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scene()
        self.region()

    def scene(self, name: str = "scene.tif", *, compress: str = "none", **profile: object) -> Path:
        # Noise without meaning to the painted detector, so that a damaged block cannot be guessed; one building.
        pixels = np.random.default_rng(0).integers(100, 200, (3, 256, 256))
        pixels[:, 20:60, 20:90] = np.array([1, 0, 1])[:, None, None]
        pixels = pixels.astype(str(profile.get("dtype", "uint8")))
        options = {
            "driver": "GTiff", "count": 3, "height": 256, "width": 256, "dtype": "uint8", "crs": "EPSG:32633",
            "transform": UTM, "tiled": True, "blockxsize": 64, "blockysize": 64, "compress": compress,
        }  # fmt: skip
        with rasterio.open(self.folder / name, "w", **(options | profile)) as dataset:
            dataset.write(pixels)
        return self.folder / name

    def region(
        self, head: str = "", *, scenes: str = "scene.tif", model: str = 'weights = "painted"\ngsd_m = 0'
    ) -> Path:
        path = self.folder / "region.toml"
        tiles = "[tiling]\ntile_px = 128\noverlap_px = 32\nblock_tiles = 2\n"
        path.write_text(f'name = "r"\nscenes = ["{scenes}"]\n{head}\n[model]\n{model}\n{tiles}')
        return path

    def run(self) -> int:
        region, out = str(self.folder / "region.toml"), str(self.folder / "out")
        return main(["run", region, "--out", out, "--workers", "0"])

    def features(self, properties: dict) -> int:
        ring = [[15.0, 45.0], [15.001, 45.0], [15.001, 45.001], [15.0, 45.0]]
        feature = {"type": "Feature", "properties": properties}
        feature["geometry"] = {"type": "Polygon", "coordinates": [ring]}
        path = self.folder / "f.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        (self.folder / "e.osm").write_text('<osm version="0.6"/>')
        return main(["diff", str(path), str(self.folder / "e.osm"), "--out", str(self.folder / "out")])


CASES: dict[str, Callable[[World, pytest.MonkeyPatch], int]] = {}


def case(given: str):
    def keep(function: Callable[[World, pytest.MonkeyPatch], int]):
        CASES[given] = function
        return function

    return keep


def simple(given: str, *, head: str = "", scenes: str = "scene.tif", model: str | None = None, **profile) -> None:
    def spoil(world: World, patch: pytest.MonkeyPatch) -> int:
        if profile:
            world.scene(**profile)
        world.region(head, scenes=scenes, **({} if model is None else {"model": model}))
        return world.run()

    CASES[given] = spoil


simple("a key that groundplan does not know", head='scene = "x"')
simple("a region file with a key of a thousand words", head="a" + ".a" * 1000 + " = 1")
simple("a number of thousands of digits", head="a = " + "1" * 5000)
simple("a folder in place of scenes", scenes=".")
simple("a scene pattern that matches nothing", scenes="none*.tif")
simple("a scene without CRS", crs=None)
simple("a scene without place", transform=Affine.identity())
simple("a scene of complex numbers", dtype="complex64")
simple("imagery more than twice as coarse as the model wants", model='weights = "painted"\ngsd_m = 0.1')
simple("a band that the scene does not have", head='[pixels]\nbands = ["infrared"]')
simple(
    "a tile address without an aoi",
    scenes="https://t.example/{z}/{x}/{y}.png",
    model='weights = "painted"\ngsd_m = 0.3',
)


@case("a region file that is not there")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "region.toml").unlink()
    return world.run()


@case("a region file that is not TOML")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "region.toml").write_text("name = ")
    return world.run()


@case("a scene that is no raster")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "scene.tif").write_text("<html>not found</html>")
    return world.run()


@case("a scene whose download stopped half way")
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


@case("a scene with absurdly large blocks")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    sparse(world.folder / "scene.tif", side=32768, block=32768)
    return world.run()


@case("a scene of absurd size")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    sparse(world.folder / "scene.tif", side=400_000, block=4096)
    return world.run()


@case("a STAC item without the asset")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    item = {"id": "i", "assets": {"visual": {"href": "scene.tif", "type": "image/tiff"}}}
    (world.folder / "item.json").write_text(json.dumps(item))
    world.region('[sources]\nassets = ["nir"]', scenes="item.json")
    return world.run()


@case("a scene that a server does not have")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    world.region(scenes="http://127.0.0.1:9/none.tif")
    patch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    patch.setattr("tiling.patience.FIRST_WAIT_S", 0.0)
    return world.run()


def with_aoi(world: World, coordinates: list) -> int:
    (world.folder / "aoi.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [coordinates]}))
    world.region('aoi = "aoi.geojson"')
    return world.run()


@case("an aoi where no scene is")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    return with_aoi(world, [[5, 5], [5.1, 5], [5.1, 5.1], [5, 5]])


@case("an aoi without area")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    return with_aoi(world, [[15, 45], [15, 45], [15, 45], [15, 45]])


@case("an aoi that crosses itself without end")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    ring = np.random.default_rng(0).uniform((15, 45.15), (15.001, 45.151), (2000, 2)).tolist()
    return with_aoi(world, [*ring, ring[0]])


@case("an output folder in the region file that holds other files")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    with (world.folder / "region.toml").open("a") as stream:
        stream.write(f'[output]\ndir = "{world.folder}"\n')
    return main(["run", str(world.folder / "region.toml"), "--workers", "0"])


@case("an output folder with parts that groundplan did not make")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "out" / "parts").mkdir(parents=True)
    (world.folder / "out" / "parts" / "mine.geojson").write_text("{}")
    return world.run()


@case("weights that are a pickle")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "w.pt").write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02K\x03e.")
    world.region(model='weights = "w.pt"')
    return world.run()


@case("an extract that is cut short")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "e.osm").write_text('<osm version="0.6"><node id="1" lat="1" lon')
    world.region('[osm]\nextract = "e.osm"')
    return world.run()


@case("features without labels")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    return world.features({"kind": "building"})


@case("features with a label that is no text")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    return world.features({"label": 7.5})


@case("an output folder that cannot be written to")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "out").write_text("a file")
    return world.run()


@case("an output folder that another run is using")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "out").mkdir()
    with (world.folder / "out" / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        return world.run()


@case("a disk that is full")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    # Real writes that fail: no file of this process may grow beyond a kilobyte.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        code = world.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert not list((world.folder / "out").rglob("*.tmp*"))
    assert world.run() == 0  # nothing half-written is taken over
    return code


@case("an unknown command")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["conquer"])
    return int(str(caught.value.code))


@case("a scene with a damaged block")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    path = world.scene(compress="deflate")
    with rasterio.open(path) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_3_3", "TIFF", bidx=1))
    data = bytearray(path.read_bytes())
    data[offset : offset + 40] = b"\xff" * 40
    path.write_bytes(data)
    code = world.run()
    report = json.loads((world.folder / "out" / "report.json").read_text())
    # The block lies where four tiles overlap.
    assert len(report["tiles"]["failed"]) == 4 and report["counts"]["building"]["features"] == 1
    return code


@case("Ctrl-C")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    from pipeline import blocks

    seen = []
    whole = blocks.run_block

    def interrupted(task):
        if seen:
            raise KeyboardInterrupt
        seen.append(task)
        return whole(task)

    patch.setattr("pipeline.detect.run_block", interrupted)
    code = world.run()
    patch.setattr("pipeline.detect.run_block", whole)
    kept = len(list((world.folder / "out" / "parts").glob("*.json")))
    assert kept == 1 and world.run() == 0
    return code


@case("a scene dated in the future")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    future = time.time() + 10 * 365 * 86400
    os.utime(world.folder / "scene.tif", (future, future))
    assert world.run() == 0
    return world.run()


def test_every_row_has_its_case() -> None:
    assert set(ROWS) == set(CASES)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("given", ROWS)
def test_what_the_table_says_is_what_happens(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = ROWS[given]
    world = World(tmp_path)
    assert CASES[given](world, monkeypatch) == code
    caught = capsys.readouterr()
    assert said in (caught.err if code in (1, 2, 130) else caught.out)
    if code in (1, 130):
        assert len([line for line in caught.err.splitlines() if line.startswith("groundplan: ")]) == 1
        assert "Traceback" not in caught.err


def test_a_real_interrupt_ends_with_one_line(tmp_path: Path) -> None:
    world = World(tmp_path)
    command = [sys.executable, "-m", "groundplan", "run", str(world.region()), "--out", str(tmp_path / "out")]
    code = (
        "import sys, time, pipeline.run, pipeline.cli\n"
        "def slow(*a, **k):\n    print('here', file=sys.stderr, flush=True); time.sleep(60)\n"
        "pipeline.run.detect = slow\n"
        f"sys.exit(pipeline.cli.main({command[3:]!r} + ['--workers', '0']))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "here" in line:
            break
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(30) == 130
    assert "the next run takes it over" in said and "Traceback" not in said
