"""Readers that blocks hand on to each other: opened once, lent to one at a time, never for a file that changed."""

import dataclasses
import threading
from pathlib import Path

import numpy as np
import pytest

import tiling.read
from groundplan.errors import SceneError
from tests.tiling.mosaics import ON_GRID, noise, region_of
from tiling.grid import tiles
from tiling.read import KeptReaders, SceneReader


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths of the scenes that are opened from now on."""
    paths: list[str] = []
    open_source = tiling.read.open_source

    def noted(scene, *given):
        paths.append(scene.path)
        return open_source(scene, *given)

    monkeypatch.setattr(tiling.read, "open_source", noted)
    return paths


def read_all(readers: KeptReaders, region) -> list[np.ndarray]:
    with readers.lend(region) as reader:
        return [reader.read(tile)[0] for tile in tiles(region.grid)]


def test_a_scene_is_opened_once_for_all_blocks(write_scene, opened: list[str]) -> None:
    path = write_scene("a.tif", noise(3, 200, 200), transform=ON_GRID)
    readers = KeptReaders()
    first, again = (read_all(readers, region_of(path)) for _ in range(2))
    assert opened == [path]
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))


def test_blocks_that_see_other_scenes_share_a_reader(write_scene, opened: list[str]) -> None:
    path = write_scene("a.tif", noise(3, 200, 200), transform=ON_GRID)
    other = write_scene("b.tif", noise(3, 200, 200, seed=1), transform=ON_GRID)
    both, one = region_of(path, other), region_of(other)
    assert both.grid == one.grid
    readers = KeptReaders()
    read_all(readers, both)
    found = read_all(readers, one)
    with SceneReader(one) as reader:
        expected = [reader.read(tile)[0] for tile in tiles(one.grid)]
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    assert opened[:2] == [path, other] and len(opened) == 3


def test_a_file_that_was_written_anew_is_opened_anew(write_scene) -> None:
    readers = KeptReaders()
    path = write_scene("a.tif", noise(3, 200, 200), transform=ON_GRID)
    before = read_all(readers, region_of(path))
    Path(path).unlink()
    write_scene("a.tif", 255 - noise(3, 200, 200), transform=ON_GRID)
    after = read_all(readers, region_of(path))
    assert np.array_equal(after[0], 255 - before[0])


def test_two_threads_never_have_the_same_reader(write_scene) -> None:
    region = region_of(write_scene("a.tif", noise(3, 200, 200), transform=ON_GRID))
    readers, inside, meet = KeptReaders(), [], threading.Barrier(2, timeout=20)

    def block() -> None:
        with readers.lend(region) as reader:
            inside.append(id(reader))
            meet.wait()

    threads = [threading.Thread(target=block) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(inside)) == 2


def test_one_that_failed_is_not_handed_on(write_scene, opened: list[str]) -> None:
    region = region_of(write_scene("a.tif", noise(3, 200, 200), transform=ON_GRID))
    readers = KeptReaders()
    with pytest.raises(SceneError), readers.lend(region) as reader:
        reader.read(next(iter(tiles(region.grid))))
        raise SceneError("gone")
    read_all(readers, region)
    assert len(opened) == 2


def test_only_so_many_are_kept(write_scene, opened: list[str]) -> None:
    path = write_scene("a.tif", noise(3, 200, 200), transform=ON_GRID)
    readers = KeptReaders(most=1)
    regions = [region_of(path, tile_px=size) for size in (64, 128)]
    for _ in range(2):
        for region in regions:
            read_all(readers, region)
    assert len(opened) == 4
    readers.close()
    read_all(readers, regions[1])
    assert len(opened) == 5


def test_a_copy_of_a_scene_whose_missing_value_is_not_a_number_is_the_same_scene(
    write_scene, opened: list[str]
) -> None:
    pixels = noise(3, 200, 200).astype(np.float32)
    path = write_scene("a.tif", pixels, transform=ON_GRID, nodata=float("nan"))
    readers = KeptReaders()
    for _ in range(3):
        read_all(readers, region_of(path))
    assert opened == [path]


def test_what_may_change_unseen_is_opened_for_each_block(write_scene, opened: list[str]) -> None:
    region = region_of(write_scene("a.tif", noise(3, 200, 200), transform=ON_GRID))
    unstamped = dataclasses.replace(region, scenes=(dataclasses.replace(region.scenes[0], stamp=""),))
    readers = KeptReaders()
    for _ in range(2):
        read_all(readers, unstamped)
    assert len(opened) == 2
