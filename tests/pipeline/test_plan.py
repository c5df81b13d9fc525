"""Part names change with everything a part depends on, and with nothing else."""

import dataclasses
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
import shapely
from affine import Affine

from detection.detector import DetectorInfo
from detection.load import DetectorSpec, describe_detector
from pipeline.config import TilingTable, read_region
from pipeline.plan import coarse_tiling, make_plan

REGION = (
    'name = "plan"\nscenes = ["scene.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 256\noverlap_px = 64\nblock_tiles = 2\n"
)


@pytest.fixture
def folder(painted: Path, tmp_path: Path) -> Path:
    shutil.copy2(painted / "scene.tif", tmp_path / "scene.tif")
    return tmp_path


def part_names(folder: Path, text: str = REGION) -> set[str]:
    path = folder / "region.toml"
    path.write_text(text)
    plan = make_plan(read_region(path, out=folder / "run"), device="cpu", threads=None)
    return {task.part.name for task in plan.tasks}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tile_px = 256", "tile_px = 320"),
        ("overlap_px = 64", "overlap_px = 32"),
        ("block_tiles = 2", "block_tiles = 3"),
        ("gsd_m = 0", "gsd_m = 0.4"),
        ("gsd_m = 0", "gsd_m = 0\nviews = 2"),
        ("gsd_m = 0", 'gsd_m = 0\nlabels = ["building"]'),
        ("gsd_m = 0", "gsd_m = 0\nmin_score = { default = 0.9 }"),
        ("[tiling]", "[polygons]\nsimplify_m = 0.2\n[tiling]"),
    ],
)
def test_what_changes_a_part_changes_its_name(folder: Path, old: str, new: str) -> None:
    before = part_names(folder)
    assert not before & part_names(folder, REGION.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "plan"', 'name = "other"'),
        ("[tiling]", "[diff]\n[tiling]"),
        ("[tiling]", '[imagery]\nid = "x"\nlicence = "CC0-1.0"\n[tiling]'),
    ],
)
def test_what_does_not_change_a_part_leaves_its_name(folder: Path, old: str, new: str) -> None:
    assert part_names(folder) == part_names(folder, REGION.replace(old, new))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: os.utime(path, ns=(1, 1)),
        lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    ],
)
def test_a_scene_that_was_written_again_is_read_again(folder: Path, change: Callable[[Path], None]) -> None:
    before = part_names(folder)
    change(folder / "scene.tif")
    assert not before & part_names(folder)


def test_parts_made_by_other_code_are_not_taken_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = part_names(folder)
    assert part_names(folder) == before
    monkeypatch.setattr("pipeline.plan.stage_code", lambda: "other code")
    assert not before & part_names(folder)


def test_parts_of_another_device_are_not_taken_over(folder: Path) -> None:
    before = part_names(folder)

    def on_a_gpu(spec: DetectorSpec) -> DetectorInfo:
        return dataclasses.replace(describe_detector(spec), arithmetic="cuda-16bit")

    config = read_region(folder / "region.toml", out=folder / "run")
    tasks = make_plan(config, device="cuda", threads=None, describe=on_a_gpu).tasks
    assert len(tasks) == len(before) and not before & {task.part.name for task in tasks}
    assert {task.arithmetic for task in tasks} == {"cuda-16bit"}


def test_a_scene_that_a_block_does_not_see_does_not_change_its_part(folder: Path) -> None:
    with rasterio.open(folder / "scene.tif") as scene:
        pixels, profile = scene.read(), scene.profile
    # To the east, so that the other tiles keep their places; all but the last column keep their cores, too.
    place = profile["transform"] @ Affine.translation(1000, 0)
    with rasterio.open(folder / "east.tif", "w", **(profile | {"transform": place})) as scene:
        scene.write(pixels)
    before = part_names(folder)
    after = part_names(folder, REGION.replace('["scene.tif"]', '["scene.tif", "east.tif"]'))
    kept = {name for name in before if not name.startswith(("00000-00002", "00001-00002", "00002-00002"))}
    assert len(kept) == 6 and before & after == kept


def test_the_aoi_counts_by_the_tiles_that_it_chooses(folder: Path) -> None:
    def write(left: float, right: float) -> None:
        box = shapely.box(left, 4_999_700, right, 5_000_000)
        gpd.GeoDataFrame(geometry=[box], crs="EPSG:32633").to_crs(4326).to_file(folder / "aoi.geojson")

    text = REGION.replace("[model]", 'aoi = "aoi.geojson"\n[model]', 1)
    write(500_000, 500_240)
    before = part_names(folder, text)
    assert len(before) == 6
    write(500_000, 500_239)
    after = part_names(folder, text)
    # The region ends a few pixels earlier: tiles of the last column own less.
    assert before & after == {name for name in before if not name[6:].startswith("00001")}
    write(500_000, 500_090)
    assert len(part_names(folder, text)) < len(before)


def test_tasks_hold_numbers_and_make_their_tiles(folder: Path) -> None:
    path = folder / "region.toml"
    path.write_text(REGION)
    plan = make_plan(read_region(path, out=folder / "run"), device="cpu", threads=None)
    made = [tile for task in plan.tasks for tile in task.tiles]
    assert len(made) == plan.n_tiles == 25
    assert plan.tile_numbers(coarse=False).tolist() == [tile.row * 5 + tile.col for tile in made]
    assert plan.area_km2 == pytest.approx((1000 * 0.3) ** 2 / 1e6)
    assert all(pickle.loads(pickle.dumps(task)) == task for task in plan.tasks)  # noqa: S301
    assert all(len(pickle.dumps(task)) < 12_000 for task in plan.tasks)


@pytest.mark.parametrize(
    ("given", "coarse"),
    [
        ((1024, 128, 2), (1024, 256, 2)),  # the defaults
        ((768, 128, 2), (1024, 256, 1)),
        ((512, 128, 4), (1024, 256, 2)),
        ((128, 32, 8), (256, 64, 4)),
        ((2048, 128, 1), (2048, 256, 1)),  # no larger than the other pass's: memory
        ((512, 400, 4), (1024, 512, 2)),  # tiles still move on by half their side
        ((1024, 1000, 1), (1024, 1000, 1)),
    ],
)
def test_coarse_tiles_overlap_twice_as_much_and_are_not_too_large(given, coarse):
    tile_px, overlap_px, block_tiles = given
    cut = coarse_tiling(TilingTable(tile_px=tile_px, overlap_px=overlap_px, block_tiles=block_tiles))
    assert (cut.tile_px, cut.overlap_px, cut.block_tiles) == coarse
