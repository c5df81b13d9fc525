"""Stages run one by one, and folders that hold what somebody else put there."""

import json
import shutil
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from groundplan.errors import SchemaError
from pipeline.blocks import BlockResult, run_block
from pipeline.cli import main
from pipeline.config import read_region
from pipeline.detect import make_part
from pipeline.plan import BlockTask
from pipeline.run import RunOptions, plan_run, run_detect, run_merge

REGION = (
    'name = "painted"\nscenes = ["scene.tif"]\naoi = "half.geojson"\n'
    '[imagery]\nid = "painted"\nlicence = "CC0-1.0"\ndate = 2026-06-01\nattribution = "me"\n'
    '[osm]\nextract = "extract.osm"\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 256\noverlap_px = 64\nblock_tiles = 2\n"
)
SAME = (
    "features.parquet", "features.geojson", "manifest.json", "tiles.npy", "aoi.wkb",
    "changes.parquet", "changes.geojson", "diff_report.json", "maproulette.geojsonl",
    "proposals/001.osc", "proposals/001.osm", "proposals/001.changeset.json",
)  # fmt: skip


@pytest.fixture
def region(painted: Path) -> Path:
    # The upper half: six courts of nine objects.
    half = shapely.box(500_000, 4_999_850, 500_300, 5_000_000)
    gpd.GeoDataFrame(geometry=[half], crs="EPSG:32633").to_crs(4326).to_file(painted / "half.geojson")
    path = painted / "stages.toml"
    path.write_text(REGION)
    return path


def test_stages_one_by_one_give_the_files_of_a_run(region: Path, tmp_path: Path) -> None:
    whole, alone = tmp_path / "whole", tmp_path / "alone"
    assert main(["run", str(region), "--out", str(whole), "--workers", "0"]) == 0
    assert main(["detect", str(region), "--out", str(alone), "--workers", "0"]) == 0
    assert main(["merge", str(alone)]) == 0
    extract = str(region.parent / "extract.osm")
    assert main(
        ["diff", str(alone / "features.parquet"), extract, "--out", str(alone), "--config", str(region)]
    ) == 0  # fmt: skip
    assert [name for name in SAME if (whole / name).read_bytes() != (alone / name).read_bytes()] == []
    features = json.loads((alone / "features.geojson").read_text())
    assert features["properties"]["imagery"]["attribution"] == "me"
    assert len(features["features"]) == 6 and features["features"][0]["properties"]["imagery_id"] == "painted"
    # Without the aoi everything counts again, on the parts that lie there.
    region.write_text(REGION.replace('aoi = "half.geojson"\n', ""))
    assert main(["detect", str(region), "--out", str(alone), "--workers", "0"]) == 0
    assert main(["merge", str(alone)]) == 0
    assert len(json.loads((alone / "features.geojson").read_text())["features"]) == 9


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (("manifest.json", b"{"), "is damaged"),
        (("manifest.json", b'{"config": 3}'), "is damaged"),
        (("manifest.json", b"[" * 100_000), "is damaged"),
        (("aoi.wkb", b"\x00" * 50), "is damaged"),
        (("tiles.npy", b"\x93NUMPY\x01\x00"), "tiles.npy"),
        (("parts/x.geojson", b"{}"), "x.geojson"),
    ],
)
def test_a_spoiled_run_folder_is_one_line(
    region: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: tuple[str, bytes], message: str
) -> None:
    assert main(["detect", str(region), "--out", str(tmp_path), "--workers", "0"]) == 0
    (tmp_path / spoil[0]).write_bytes(spoil[1])
    capsys.readouterr()
    assert main(["merge", str(tmp_path)]) == 1
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said


def test_parts_of_a_stopped_run_are_not_merged_with_those_of_the_run_before(
    region: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    detect, merge = ["detect", str(region), "--out", str(out), "--workers", "0"], ["merge", str(out)]

    def refused(words: str) -> None:
        capsys.readouterr()
        assert main(merge) == 1
        said = capsys.readouterr().err.strip()
        assert words in said and "it takes over what is done" in said and "\n" not in said

    def stopped(*more: str) -> None:
        left = [run_block]

        def once(task: BlockTask) -> BlockResult:
            if not left:
                raise KeyboardInterrupt
            return left.pop()(task)

        with monkeypatch.context() as patch:
            patch.setattr("pipeline.detect.run_block", once)
            assert main([*detect, *more]) == 130

    stopped()
    refused("1 parts of a run that did not come to its end")
    assert main(detect) == main(merge) == 0
    whole = {path.name for path in (out / "parts").iterdir()}
    features = (out / "features.parquet").read_bytes()
    region.write_text(REGION.replace("gsd_m = 0", "gsd_m = 0\nmin_score = { building = 0.4 }"))
    stopped()
    assert whole < {path.name for path in (out / "parts").iterdir()}
    refused("1 parts of a run that did not come to its end")
    # Either run, brought to its end, is merged; the other's parts have gone.
    region.write_text(REGION)
    assert main(detect) == main(merge) == 0
    assert (out / "features.parquet").read_bytes() == features
    stopped("--fresh")
    refused("of the parts that manifest.json lists")


def test_a_bundle_that_is_sent_again_makes_no_part_twice(
    region: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = plan_run(read_region(region, out=tmp_path), RunOptions(workers=0)).tasks[0]
    made: list[BlockTask] = []

    def counted(task: BlockTask) -> BlockResult:
        made.append(task)
        return run_block(task)

    monkeypatch.setattr("pipeline.detect.run_block", counted)
    task.part.parent.mkdir(parents=True, exist_ok=True)
    first = make_part(task)
    assert make_part(task) == first and made == [task]
    # Without its part, or where a tile of it failed, the record vouches for nothing.
    record = json.loads(task.done.read_text())
    failure = {"row": 0, "col": 0, "error": "SceneError: gone", "coarse": False}
    task.done.write_text(json.dumps({**record, "failures": [failure]}))
    assert make_part(task).failures == () and made == [task, task]
    task.part.unlink()
    assert make_part(task).n_parts == first.n_parts and made == [task, task, task] and task.part.is_file()


def test_a_run_merges_the_parts_of_its_plan_and_no_others(region: Path, tmp_path: Path) -> None:
    plan = plan_run(read_region(region, out=tmp_path), RunOptions(workers=0))
    run_detect(plan, RunOptions(workers=0))
    features = run_merge(plan, RunOptions(workers=0))
    task = plan.tasks[0]
    shutil.copy(task.part, task.part.with_name(f"{task.row:05d}-{task.col:05d}-{'0' * 16}.parquet"))
    assert run_merge(plan, RunOptions(workers=0)).equals(features)
    for path in (tmp_path / "parts").iterdir():
        path.unlink()
    with pytest.raises(
        SchemaError, match=r"none of \d+ blocks left a part in .*; manifest.json beside it says why"
    ):
        run_merge(plan, RunOptions(workers=0))


def test_parts_under_our_names_without_records_are_merged_as_anyones(region: Path, tmp_path: Path) -> None:
    assert main(["detect", str(region), "--out", str(tmp_path / "out"), "--workers", "0"]) == 0
    shutil.copytree(
        tmp_path / "out" / "parts", tmp_path / "mine" / "parts", ignore=shutil.ignore_patterns("*.json")
    )
    assert main(["merge", str(tmp_path / "mine")]) == 0
    # Another detector's parts in the place of ours, with what the manifest says of the ground.
    shutil.rmtree(tmp_path / "out" / "parts")
    (tmp_path / "out" / "parts").mkdir()
    for number, path in enumerate((tmp_path / "mine" / "parts").iterdir()):
        shutil.copy(path, tmp_path / "out" / "parts" / f"{number}.parquet")
    assert main(["merge", str(tmp_path / "out")]) == 0


def test_files_of_others_among_the_parts_are_neither_merged_nor_removed(
    region: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "mine.geojson").write_text("{}")
    for more in ([], ["--fresh"]):
        assert main(["run", str(region), "--out", str(tmp_path), "--workers", "0", *more]) == 1
        assert "did not make, such as 'mine.geojson'" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["mine.geojson"]


def test_a_region_file_does_not_choose_a_folder_that_holds_other_files(
    region: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.odt").write_text("")
    region.write_text(f'{REGION}[output]\ndir = "{tmp_path}"\n')
    for command in ("info", "run"):
        assert main([command, str(region)]) == 1
        assert "holds other files, such as 'thesis.odt'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.odt"]
    # The user's own word counts; what was a run folder once stays one.
    assert main(["run", str(region), "--out", str(tmp_path), "--workers", "0"]) == 0
    assert main(["run", str(region), "--workers", "0"]) == 0
