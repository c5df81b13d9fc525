"""Part names change with everything a part depends on, and with nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from groundplan.errors import OutputError
from pipeline.config import read_region
from pipeline.lock import hold_folder
from pipeline.plan import make_plan

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


def test_two_runs_do_not_share_a_folder_and_leftovers_are_swept(tmp_path: Path) -> None:
    leftover = tmp_path / "parts" / ".00000-00000-ab-12345678.tmp.parquet"
    leftover.parent.mkdir()
    leftover.write_text("half")
    with hold_folder(tmp_path):
        assert not leftover.exists()
        with pytest.raises(OutputError, match="another run"), hold_folder(tmp_path):
            pass
    with hold_folder(tmp_path):
        pass
