"""Mutated inputs on the real command line: one line or a result, in time, and nothing outside the output folder.

A bounded number in `make test`; `make fuzz` runs 10,000 and as many again of what else strangers may give.
"""

import faulthandler
import json
import os
import random
import resource
import signal
import struct
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import osmium
import pytest
import rasterio
import torch
from affine import Affine

from detection.weights import WeightsRecord, write_weights
from pipeline.cli import main

ROUNDS = int(os.environ.get("GROUNDPLAN_FUZZ", "200")) // 5
"""For each kind of file: region files, GeoJSON, .osm, .osm.pbf and TIFF make up the number."""
LIMIT_S = 10
"""Of processor time, so that a busy machine is not taken for a hang; six times as much by the clock."""
MAX_MORE_MB = 1024
"""Memory that a mutated file may take beyond what whole ones do."""

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


def mutated_tiff(data: bytes, rng: random.Random) -> bytes:
    """Spoil the header and the directory, of which a few bytes decide everything, and leave the pixels alone."""
    out = bytearray(data)
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for _ in range(rng.choice((1, 1, 2, 4))):
        entry = start + 2 + 12 * rng.randrange(count)
        match rng.randrange(5):
            case 0:  # a value or the place of values
                struct.pack_into("<I", out, entry + 8, rng.choice((0, 1, 2, 255, 65535, 2**31, 2**32 - 1)))
            case 1:  # how many
                struct.pack_into("<I", out, entry + 4, rng.choice((0, 1, 3, 1000, 2**30, 2**32 - 1)))
            case 2:  # which tag, of which type
                struct.pack_into("<HH", out, entry, rng.randrange(250, 350), rng.randrange(14))
            case 3:
                out[rng.randrange(8)] = rng.randrange(256)
            case 4:
                out[start + rng.randrange(2 + 12 * count)] = rng.randrange(256)
    return bytes(out)


class Hung(BaseException):
    """Nothing that the code under test catches: a TimeoutError is an OSError, and so would become its one line."""


@contextmanager
def in_time(stderr: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Hung(f"for {LIMIT_S} s")

    # In C nothing is raised: then the whole process ends, and says where.
    faulthandler.dump_traceback_later(7 * LIMIT_S, exit=True, file=stderr)
    kinds = {signal.SIGPROF: (signal.ITIMER_PROF, LIMIT_S), signal.SIGALRM: (signal.ITIMER_REAL, 6 * LIMIT_S)}
    before = {number: signal.signal(number, stop) for number in kinds}
    for timer, limit_s in kinds.values():
        signal.setitimer(timer, limit_s)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        for timer, _ in kinds.values():
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def held_mb() -> float:
    """Return the most memory that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
    # Not compressed: else every mutation would be found by zlib, and none by who reads the elements.
    plain = osmium.io.File(str(folder / "extract.osm.pbf"), "pbf,pbf_compression=none")
    with osmium.SimpleWriter(plain) as writer:
        for element in osmium.FileProcessor(str(folder / "extract.osm")):
            writer.add(element)
    item = {"type": "Feature", "id": "i", "properties": {"datetime": "2024-05-01T10:00:00Z"}, "links": []}
    bands = [{"name": name} for name in ("red", "green", "blue")]
    item["assets"] = {"visual": {"href": "scene.tif", "type": "image/tiff", "roles": ["data"], "bands": bands}}
    (folder / "item.json").write_text(json.dumps(item))
    (folder / "stac.toml").write_text(REGION.replace("scene.tif", "item.json"))
    (folder / "weights.toml").write_text(REGION.replace('"painted"', '"w.safetensors"'))
    record = WeightsRecord(name="w", labels=("building",), gsd_m=0.3, min_score={"building": 0.5}, spec={})
    write_weights(folder / "w.safetensors", {"a": torch.zeros(2, 3)}, record)
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
    "item.json": (["info", "stac.toml"], ["detect", "stac.toml", "--out", "OUT", "--workers", "0"]),
    "w.safetensors": (["info", "weights.toml"],),
}
SELDOM = {"w.safetensors": 10}
"""So many times fewer rounds: each may build a network."""


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
    with capsys.disabled():
        stderr = os.dup(2)
    whole = (world / name).read_bytes()
    before = listing(tmp_path)
    codes: list[int] = []
    most_mb, wrong = 0.0, []
    for seed in range(-1, ROUNDS // SELDOM.get(name, 1)):
        rng = random.Random(f"{name} {seed}")
        spoil = mutated_tiff if name == "scene.tif" and seed % 3 else mutated
        data = whole if seed < 0 else spoil(whole, rng)
        (root / name).write_bytes(data)
        command = COMMANDS[name][seed % len(COMMANDS[name])]
        try:
            # The first is whole, and imports what the others use.
            with in_time(stderr) if seed >= 0 else nullcontext():
                codes.append(main(command))
        except BaseException as err:
            if isinstance(err, KeyboardInterrupt):
                raise
            codes.append(-1)
            wrong.append(f"seed {seed}: {command} ends with {type(err).__name__} {err}")
        said = capsys.readouterr().err
        most_mb = most_mb or held_mb() + MAX_MORE_MB  # what the first loads does not count
        if held_mb() > most_mb:
            wrong.append(f"seed {seed} took {held_mb() - most_mb + MAX_MORE_MB:.0f} MB")
            most_mb = held_mb() + MAX_MORE_MB
        lines = [line for line in said.splitlines() if line.startswith("groundplan: ")]
        if codes[-1] not in (-1, 0, 1, 3) or "Traceback" in said or (codes[-1] == 1) != (len(lines) == 1):
            wrong.append(f"seed {seed}: exit code {codes[-1]}, said {said[-1000:]}")
        stray = {path for path in listing(tmp_path) - before if root / "OUT" not in (path, *path.parents)}
        if stray:
            wrong.append(f"seed {seed} wrote {stray}")
            before |= stray
    os.close(stderr)
    assert not wrong, "\n".join(wrong)
    assert codes[0] == (1 if name == "w.safetensors" else 0), "whole files were refused"
    assert 1 in codes  # mutations that change nothing test nothing
