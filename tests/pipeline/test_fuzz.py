"""Mutated inputs on the real command line: one line or a result, in time, and nothing outside the output folder.

A bounded number in `make test`; `make fuzz` runs 10,000.
"""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import osmium
import pytest
import rasterio
from affine import Affine

from pipeline.cli import main

ROUNDS = int(os.environ.get("GROUNDPLAN_FUZZ", "200")) // 5
LIMIT_S = 10

REGION = """name = "fuzz"
scenes = ["scene.tif"]
aoi = "aoi.geojson"
crs = "auto"
[sources]
order = "newest"
[pixels]
bands = ["red", 2, 3]
scaling = "region"
[imagery]
id = "x"
date = 2026-06-01
licence = "CC0-1.0"
[osm]
extract = "extract.osm"
[model]
weights = "painted"
gsd_m = 0.3
min_score = { default = 0.5 }
[tiling]
tile_px = 64
overlap_px = 16
block_tiles = 2
"""
OSM = """<?xml version="1.0"?><osm version="0.6"><bounds minlat="44" minlon="14" maxlat="46" maxlon="16"/>
<node id="1" version="1" timestamp="2020-01-01T00:00:00Z" lat="45.0001" lon="15.0001"/>
<node id="2" version="1" timestamp="2020-01-01T00:00:00Z" lat="45.0001" lon="15.0003"/>
<node id="3" version="1" timestamp="2020-01-01T00:00:00Z" lat="45.0003" lon="15.0003"/>
<way id="1" version="3" timestamp="2020-01-01T00:00:00Z"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="1"/>
<tag k="building" v="yes"/><tag k="name" v="a &lt;b&gt; c"/></way>
<relation id="1" version="1" timestamp="2020-01-01T00:00:00Z"><member type="way" ref="1" role="outer"/>
<tag k="type" v="multipolygon"/><tag k="leisure" v="pitch"/><tag k="sport" v="tennis"/></relation></osm>
"""
GEOJSON = """{"type": "FeatureCollection", "features": [
{"type": "Feature", "properties": {"label": "building", "score": 0.9, "feature_id": "a"}, "geometry":
{"type": "Polygon", "coordinates": [[[15.0, 45.0], [15.0005, 45.0], [15.0005, 45.0004],
[15.0, 45.0004], [15.0, 45.0]]
]}},
{"type": "Feature", "properties": {"label": "tennis_court", "score": 0.8, "feature_id": "b"}, "geometry":
{"type": "MultiPolygon", "coordinates":
[[[[15.001, 45.0], [15.0015, 45.0], [15.001, 45.0004], [15.001, 45.0]]]]}}]}
"""
WORDS = [
    b"nan", b"1e308", b"-1", b"0", b"99999999999999999999", b"null", b"[]", b"{}", b'""', b"true", b"../../../up",
    b"/etc/passwd", b"\x00", b"\xff\xfe", b"\xe2\x80\xae", b"]]>", b"<script>", b"&x;", b"{z}/{x}/{y}", b"inf",
]  # fmt: skip


def mutated(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(out) + 1), rng.choice((1, 1, 2, 4, 8, 32))
        match rng.randrange(7):
            case 0:
                out[at : at + length] = rng.randbytes(length)
            case 1:
                del out[at : at + length]
            case 2:
                out[at:at] = rng.randbytes(length)
            case 3:
                out[at:at] = out[at : at + rng.choice((8, 64, 512))]
            case 4:
                out[at : at + length] = rng.choice(WORDS)
            case 5 if out:
                out[at % len(out)] ^= 1 << rng.randrange(8)
            case 6 if rng.random() < 0.3:
                del out[at:]
    return bytes(out)


@contextmanager
def in_time() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"hung for {LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "in" / "deep"
    folder.mkdir(parents=True)
    pixels = np.zeros((3, 80, 80), np.uint8)
    pixels[:, 10:40, 10:50] = np.array([1, 0, 1], np.uint8)[:, None, None]
    transform = Affine(4e-6, 0, 15.0, 0, -3e-6, 45.0005)
    profile = {"driver": "GTiff", "count": 3, "height": 80, "width": 80, "dtype": "uint8", "compress": "deflate"}
    with rasterio.open(
        folder / "scene.tif", "w", crs="EPSG:4326", transform=transform, tiled=True, blockxsize=32, blockysize=32,
        **profile,
    ) as dataset:  # fmt: skip
        dataset.write(pixels)
    (folder / "region.toml").write_text(REGION)
    (folder / "aoi.geojson").write_text(GEOJSON)
    (folder / "extract.osm").write_text(OSM)
    with osmium.SimpleWriter(str(folder / "extract.osm.pbf")) as writer:
        for element in osmium.FileProcessor(str(folder / "extract.osm")):
            writer.add(element)
    return folder


COMMANDS = {
    "region.toml": (["info", "region.toml"], ["detect", "region.toml", "--out", "OUT", "--workers", "0"]),
    "aoi.geojson": (
        ["score", "aoi.geojson", "aoi.geojson"],
        ["diff", "aoi.geojson", "extract.osm", "--out", "OUT", "--imagery-id", "x"],
        ["info", "region.toml"],
    ),
    "extract.osm": (["diff", "aoi.geojson", "extract.osm", "--out", "OUT", "--imagery-id", "x"],),
    "extract.osm.pbf": (["diff", "aoi.geojson", "extract.osm.pbf", "--out", "OUT", "--imagery-id", "x"],),
    "scene.tif": (["info", "region.toml"], ["detect", "region.toml", "--out", "OUT", "--workers", "0"]),
}


def listing(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COMMANDS)
def test_mutated_inputs_end_in_one_line_or_a_result(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    # No network: what a mutated address names is not asked for, and not waited for.
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr("tiling.fetch.FIRST_WAIT_S", 0.0)
    monkeypatch.setattr("tiling.patience.FIRST_WAIT_S", 0.0)
    root = tmp_path / "a" / "b" / "c"
    root.mkdir(parents=True)
    for path in world.iterdir():
        (root / path.name).write_bytes(path.read_bytes())
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "OUT"))
    whole = (world / name).read_bytes()
    before = listing(tmp_path)
    codes: list[int] = []
    for seed in range(ROUNDS):
        rng = random.Random(f"{name} {seed}")
        data = mutated(whole, rng)
        (root / name).write_bytes(data)
        command = COMMANDS[name][seed % len(COMMANDS[name])]
        try:
            with in_time():
                code = main(command)
        except BaseException as err:
            (Path(os.environ.get("GROUNDPLAN_FUZZ_KEEP", tmp_path)) / f"failed-{seed}-{name}").write_bytes(data)
            raise AssertionError(f"{command} with seed {seed}: {type(err).__name__} {err}") from err
        codes.append(code)
        said = capsys.readouterr().err
        assert code in (0, 1, 3), f"seed {seed}: exit code {code}"
        assert "Traceback" not in said
        if code == 1:
            lines = [line for line in said.splitlines() if line.startswith("groundplan: ")]
            assert len(lines) == 1, f"seed {seed}: {said}"
        stray = {path for path in listing(tmp_path) - before if root / "OUT" not in (path, *path.parents)}
        assert not stray, f"seed {seed} wrote {stray}"
    assert 1 in codes  # mutations that change nothing test nothing
