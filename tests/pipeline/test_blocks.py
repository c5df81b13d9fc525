"""A block's tiles: read ahead, looked at in batches, and each failure kept to the tile that it belongs to."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from shapely.errors import GEOSException

import pipeline.blocks
from detection.painted import PaintedDetector
from groundplan.errors import ConfigError, DeviceError, SceneError
from groundplan.records import Detections
from pipeline.blocks import TRIES, read_result, run_block
from pipeline.config import read_region
from pipeline.plan import BlockTask, make_plan
from postprocess.seams import merge_parts
from tiling.grid import Tile
from tiling.read import KeptReaders, SceneReader

REGION = (
    'name = "blocks"\nscenes = ["scene.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 256\noverlap_px = 64\nblock_tiles = 8\n"
)


@pytest.fixture
def task(painted: Path, tmp_path: Path) -> BlockTask:
    path = painted / "blocks.toml"
    path.write_text(REGION)
    (task,) = make_plan(read_region(path, out=tmp_path), device="cpu", threads=None).tasks
    assert len(task.tiles) == 25
    return task


class Batched(PaintedDetector):
    """A painted detector that takes several tiles at once and may refuse some of them."""

    error: Exception | None = None
    """Raised for what is refused; None = an error that says what it was."""

    def __init__(self, batch_tiles: int, *, refused: Sequence[int] = (), times: int = TRIES) -> None:
        super().__init__()
        self.batch_tiles = batch_tiles
        self.sizes: list[int] = []
        self.raised = 0
        self.left = dict.fromkeys(refused, times)

    def detect(self, images: Sequence[Any], wanted: Any = None) -> list[Detections]:
        self.sizes.append(len(images))
        for image in images:
            number = int(image[2].max())
            if self.left.get(number, 0) and self.error is not None:
                self.raised += 1
                raise self.error
            if self.left.get(number, 0) and (len(images) == 1):
                self.left[number] -= 1
                raise RuntimeError(f"refused {number}")
            if self.left.get(number, 0):
                raise RuntimeError("one of the batch")
        return super().detect(images, wanted)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_detector(detector: Batched) -> Batched:
        monkeypatch.setattr(pipeline.blocks, "worker_detector", lambda _: detector)
        return detector

    return set_detector


def test_batches_do_not_change_the_part(task: BlockTask, use: Any, tmp_path: Path) -> None:
    run_block(task)
    alone = task.part.read_bytes()
    for size in (2, 4, 100):
        detector = use(Batched(size))
        other = dataclasses.replace(task, part=tmp_path / f"{size}.parquet")
        run_block(other)
        assert other.part.read_bytes() == alone
        # Nine of the 25 reach beyond the imagery and are shown cut, each size by itself.
        assert max(detector.sizes) == min(size, 16)
        assert sum(detector.sizes) == 25


def test_blocks_in_two_threads_share_the_network_one_at_a_time(task: BlockTask, use: Any, tmp_path: Path) -> None:
    run_block(task)
    alone = task.part.read_bytes()

    class Watched(Batched):
        inside = most_inside = 0

        def detect(self, images: Sequence[Any], wanted: Any = None) -> list[Detections]:
            self.inside += 1
            self.most_inside = max(self.inside, self.most_inside)
            time.sleep(0.002)
            self.inside -= 1
            return super().detect(images, wanted)

    detector = use(Watched(1))
    others = [dataclasses.replace(task, part=tmp_path / f"{name}.parquet") for name in "ab"]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(run_block, others))
    assert [each.part.read_bytes() for each in others] == [alone, alone]
    assert detector.most_inside == 1


def test_a_tile_that_fails_in_a_batch_fails_alone(task: BlockTask, use: Any) -> None:
    # Instance 9 is the running track; every tile whose largest instance number it is gets refused.
    use(Batched(4, refused=[9], times=10_000))
    result = run_block(task)
    assert {failure.error for failure in result.failures} == {"RuntimeError: refused 9"}
    assert 0 < len(result.failures) < 10
    assert result.n_parts > 0
    assert read_result(task.done) == result


def test_a_hiccup_of_the_detector_costs_a_second_try(task: BlockTask, use: Any) -> None:
    run_block(task)
    expected = task.part.read_bytes()
    use(Batched(1, refused=[9], times=1))
    assert run_block(task).failures == ()
    assert task.part.read_bytes() == expected


@pytest.mark.parametrize(
    "error", [GEOSException("TopologyException: side location conflict"), MemoryError("full")]
)
def test_a_tile_that_cannot_be_outlined_or_wants_too_much_memory_fails_alone(
    task: BlockTask, use: Any, error: Exception
) -> None:
    use(Batched(1, refused=[9])).error = error
    result = run_block(task)
    assert {failure.error for failure in result.failures} == {f"{type(error).__name__}: {error}"}
    assert 0 < len(result.failures) < 10 and result.n_parts > 0


def test_a_batch_that_wants_too_much_memory_is_looked_at_tile_by_tile_once_memory_is_freed(
    task: BlockTask, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_block(task)
    expected = task.part.read_bytes()
    freed: list[None] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append(None))

    class Small(Batched):
        def detect(self, images: Sequence[Any], wanted: Any = None) -> list[Detections]:
            if len(images) > 1:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            assert freed
            return super().detect(images, wanted)

    use(Small(4))
    assert run_block(task).failures == ()
    assert task.part.read_bytes() == expected


def test_an_accelerator_that_failed_ends_the_block_and_not_tile_after_tile(task: BlockTask, use: Any) -> None:
    lost = getattr(torch, "AcceleratorError", RuntimeError)("CUDA error: an illegal memory access was encountered")
    for size in (1, 4):
        detector = use(Batched(size, refused=[9], times=10_000))
        detector.error = lost
        with pytest.raises(DeviceError, match="run the same command again"):
            run_block(task)
        assert detector.raised == 1
        assert not task.part.exists() and not task.done.exists()


class BadReader(SceneReader):
    """Cannot read one tile, so many times."""

    times = 0
    error: Exception = SceneError("damaged here")

    def read(self, tile: Tile) -> Any:
        if (tile.row, tile.col) == (1, 2) and BadReader.times:
            BadReader.times -= 1
            raise BadReader.error
        return super().read(tile)


@pytest.fixture
def bad_reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[BadReader]]:
    monkeypatch.setattr(pipeline.blocks, "_READERS", KeptReaders(make=BadReader))
    yield BadReader
    BadReader.times, BadReader.error = 0, SceneError("damaged here")


def test_a_read_error_belongs_to_its_own_tile(task: BlockTask, bad_reader: type[BadReader]) -> None:
    bad_reader.times = TRIES
    result = run_block(task)
    (failure,) = result.failures
    assert (failure.row, failure.col, failure.error) == (1, 2, "SceneError: damaged here")
    assert result.n_parts > 0


def test_a_hiccup_of_the_disk_costs_a_second_try(task: BlockTask, bad_reader: type[BadReader]) -> None:
    run_block(task)
    expected = task.part.read_bytes()
    bad_reader.times = TRIES - 1
    assert run_block(task).failures == ()
    assert task.part.read_bytes() == expected


def test_a_bug_in_reading_stops_the_run(task: BlockTask, bad_reader: type[BadReader]) -> None:
    bad_reader.times, bad_reader.error = 1, TypeError("our own")
    with pytest.raises(TypeError, match="our own"):
        run_block(task)
    assert not task.part.exists() and not task.done.exists()


def test_reading_happens_while_the_detector_works(task: BlockTask, use: Any, monkeypatch: Any) -> None:
    reads: list[tuple[int, int]] = []

    class Noted(SceneReader):
        def read(self, tile: Tile) -> Any:
            reads.append((tile.row, tile.col))
            return super().read(tile)

    ahead_of_it = []

    class Waiting(Batched):
        def detect(self, images: Sequence[Any], wanted: Any = None) -> list[Detections]:
            if not self.sizes:
                for _ in range(2000):  # until the next tile is there, or for 20 s
                    if len(reads) > 1:
                        break
                    pipeline.blocks.time.sleep(0.01)
                ahead_of_it.append(len(reads))
            return super().detect(images, wanted)

    monkeypatch.setattr(pipeline.blocks, "_READERS", KeptReaders(make=Noted))
    use(Waiting(1))
    run_block(task)
    assert ahead_of_it[0] > 1
    assert reads == [(tile.row, tile.col) for tile in task.tiles]


def test_a_worker_with_other_code_makes_no_part(task: BlockTask) -> None:
    with pytest.raises(ConfigError, match="install the same on all of them"):
        run_block(dataclasses.replace(task, code="other"))
    assert not task.part.exists()


def test_a_worker_that_computes_otherwise_makes_no_part(task: BlockTask) -> None:
    planned = dataclasses.replace(task, arithmetic="cuda-16bit")
    with pytest.raises(ConfigError, match="planned for 'cuda-16bit', which finds other outlines; use workers"):
        run_block(planned)
    assert not task.part.exists()


def test_records_of_before_are_no_obstacle(task: BlockTask) -> None:
    result = run_block(task)
    text = task.done.read_text()
    task.done.write_text(text.replace('"wait_s"', '"older"'))
    assert read_result(task.done) is None
    task.done.write_text(text[: len(text) // 2])
    assert read_result(task.done) is None
    task.done.write_text(text)
    assert read_result(task.done) == result
    assert np.isclose(result.valid_km2, (1000 * 0.3) ** 2 / 1e6)


@pytest.fixture
def hamlet(tmp_path: Path) -> BlockTask:
    """Return the only task of a region of 25 tiles with a painted hut every 40 px."""
    size, every_px = 1000, 40
    image = np.zeros((3, size, size), np.uint8)
    random = np.random.default_rng(8)
    for number in range((size // every_px) ** 2):
        row, col = (every_px * place + int(random.integers(1, 16)) for place in divmod(number, size // every_px))
        height, width = random.integers(12, 23, 2)
        code = np.array([1, (number + 1) // 256, (number + 1) % 256], np.uint8)
        image[:, row : row + height, col : col + width] = code[:, None, None]
    profile = {"driver": "GTiff", "height": size, "width": size, "count": 3, "dtype": "uint8", "tiled": True}
    place = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)
    with rasterio.open(tmp_path / "scene.tif", "w", crs="EPSG:32633", transform=place, **profile) as scene:
        scene.write(image)
    (tmp_path / "blocks.toml").write_text(REGION)
    (task,) = make_plan(read_region(tmp_path / "blocks.toml", out=tmp_path), device="cpu", threads=None).tasks
    return task


@pytest.mark.parametrize("at_once", [1, 4])
def test_what_lies_in_overlaps_is_drawn_mostly_once_and_merged_as_ever(
    hamlet: BlockTask, at_once: int, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Batched(at_once))
    run_block(hamlet)
    few = gpd.read_parquet(hamlet.part)
    monkeypatch.setattr(pipeline.blocks, "drawn_here", lambda boxes, **_: np.ones(len(boxes), bool))
    run_block(hamlet)
    every = gpd.read_parquet(hamlet.part)
    bounds = np.array([tile.bounds for tile in hamlet.tiles])
    merged = [merge_parts(parts, options=hamlet.polygons, tiles=bounds) for parts in (few, every)]
    assert len(merged[0]) == 625
    assert merged[0]["feature_id"].tolist() == merged[1]["feature_id"].tolist()
    assert merged[0].geometry.geom_equals_exact(merged[1].geometry, 1e-6).all()
    assert len(few) < 1.25 * 625 and len(every) > 1.6 * 625
