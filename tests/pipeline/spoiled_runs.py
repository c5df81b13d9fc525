"""Cases of docs/errors.md in which something goes wrong on the way, or where results go."""

import fcntl
import json
import os
import resource
import signal
import time

import pytest
import rasterio

from pipeline.cli import main
from tests.pipeline.spoiled import Cases, World

RUNS = Cases()


@RUNS.case("an output folder in the region file that holds other files")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    with (world.folder / "region.toml").open("a") as stream:
        stream.write(f'[output]\ndir = "{world.folder}"\n')
    return main(["run", str(world.folder / "region.toml"), "--workers", "0"])


@RUNS.case("an output folder with parts that groundplan did not make")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "out" / "parts").mkdir(parents=True)
    (world.folder / "out" / "parts" / "mine.geojson").write_text("{}")
    return world.run()


@RUNS.case("an output folder that cannot be written to")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "out").write_text("a file")
    return world.run()


@RUNS.case("an output folder that another run is using")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    (world.folder / "out").mkdir()
    with (world.folder / "out" / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        return world.run()


@RUNS.case("a disk that is full")
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


@RUNS.case("parts of a run that was stopped, to be merged")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    out = world.folder / "out"
    assert world.run() == 0
    (part,) = sorted((out / "parts").glob("*.parquet"))[:1]
    part.rename(part.with_name(f"00000-00000-{'0' * 16}.parquet"))
    return main(["merge", str(out)])


@RUNS.case("an unknown command")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["conquer"])
    return int(str(caught.value.code))


@RUNS.case("a scene with a damaged block")
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


@RUNS.case("a scene with a damaged JPEG block")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    path = world.scene(compress="jpeg", photometric="ycbcr")
    with rasterio.open(path) as dataset:
        offset, size = (
            int(dataset.get_tag_item(f"BLOCK_{what}_3_3", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE")
        )
    data = bytearray(path.read_bytes())
    data[offset + size // 3 : offset + size] = bytes(size - size // 3)
    path.write_bytes(data)
    code = world.run()
    report = json.loads((world.folder / "out" / "report.json").read_text())
    # libjpeg only warns of it; each of the four tiles reads the block anew and hears that.
    assert len(report["tiles"]["failed"]) == 4
    return code


@RUNS.case("Ctrl-C")
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


@RUNS.case("a scene dated in the future")
def _(world: World, patch: pytest.MonkeyPatch) -> int:
    future = time.time() + 10 * 365 * 86400
    os.utime(world.folder / "scene.tif", (future, future))
    assert world.run() == 0
    return world.run()
