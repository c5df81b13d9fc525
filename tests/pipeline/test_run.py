"""The whole path on the real command line, against exact truth."""

import json
import shutil
import subprocess
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from pyproj import Transformer

from groundplan.errors import SceneError
from groundplan.vector import read_vector
from pipeline import chips
from pipeline.cli import main
from pipeline.config import read_region
from pipeline.run import RunOptions, plan_run
from review.chips import ChipPlan
from review.decisions_file import DECISIONS_NAME
from tiling.read import SceneReader

REGION = (
    'name = "painted"\nscenes = ["scene.tif"]\ntruth = "truth.geojson"\n'
    '[imagery]\nid = "painted"\nlicence = "CC0-1.0"\ndate = 2026-06-01\n'
    '[osm]\nextract = "extract.osm"\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = {tile}\noverlap_px = {overlap}\nblock_tiles = 2\n"
)
EXPECTED = [
    "changes.geojson",
    "changes.parquet",
    "diff_report.json",
    "features.geojson",
    "features.parquet",
    "manifest.json",
    "maproulette.geojsonl",
    "report.html",
    "report.json",
    "proposals/001.osc",
    "proposals/001.osm",
    "review/index.html",
]


def write_region(folder: Path, *, tile: int, overlap: int) -> Path:
    path = folder / f"region{tile}.toml"
    path.write_text(REGION.format(tile=tile, overlap=overlap))
    return path


@pytest.mark.parametrize(("tile", "overlap"), [(256, 64), (512, 128)])
def test_a_painted_scene_comes_back_exactly(painted: Path, tmp_path: Path, tile: int, overlap: int) -> None:
    region = write_region(painted, tile=tile, overlap=overlap)
    assert main(["run", str(region), "--out", str(tmp_path / "run"), "--workers", "0"]) == 0
    assert [name for name in EXPECTED if not (tmp_path / "run" / name).is_file()] == []
    score = json.loads((tmp_path / "run" / "report.json").read_text())["score"]
    for label, n_truth in {"building": 2, "tennis_court": 6, "running_track": 1}.items():
        assert score[label]["n_truth"] == n_truth
        assert score[label]["precision"] == score[label]["recall"] == 1.0
        # After fitting: a thin circular ring becomes a stadium at 0.967, the others stay above 0.99.
        assert score[label]["mean_iou"] > 0.96


def test_serial_and_dask_runs_give_equal_bytes_and_a_second_run_redoes_nothing(
    painted: Path, tmp_path: Path
) -> None:
    region = write_region(painted, tile=256, overlap=64)
    for name, workers in (("serial", "0"), ("dask", "2")):
        assert main(["run", str(region), "--out", str(tmp_path / name), "--workers", workers]) == 0
    same = ["features.parquet", "features.geojson", "changes.geojson", "maproulette.geojsonl", "proposals/001.osc"]
    for name in same:
        assert (tmp_path / "serial" / name).read_bytes() == (tmp_path / "dask" / name).read_bytes(), name
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "dask" / "parts").iterdir()}
    assert main(["run", str(region), "--out", str(tmp_path / "dask"), "--workers", "0"]) == 0
    assert parts == {path: path.stat().st_mtime_ns for path in (tmp_path / "dask" / "parts").iterdir()}


def test_what_is_mapped_and_not_detected_is_asked_of_the_area_of_interest_alone(
    painted: Path, tmp_path: Path
) -> None:
    to_degrees = Transformer.from_crs(32633, 4326, always_xy=True).transform

    def ring(x: float, y: float, number: int) -> str:
        corners = [to_degrees(x + dx, y + dy) for dx, dy in ((0, 0), (10, 0), (10, 10), (0, 10))]
        return "".join(
            f'<node id="{number * 10 + k}" version="1" lat="{lat:.7f}" lon="{lon:.7f}"/>'
            for k, (lon, lat) in enumerate(corners)
        )

    def way(number: int, tags: dict[str, str]) -> str:
        refs = "".join(f'<nd ref="{number * 10 + k}"/>' for k in (0, 1, 2, 3, 0))
        said = "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
        return f'<way id="{number}" version="1">{refs}{said}</way>'

    # One pair in each half of the scene; the area of interest is the left half.
    places = [(500_010, 4_999_990), (500_030, 4_999_990), (500_250, 4_999_990), (500_280, 4_999_990)]
    kinds = [{"building": "yes"}, {"leisure": "pitch", "sport": "soccer"}] * 2
    (tmp_path / "extract.osm").write_text(
        '<osm version="0.6"><bounds minlat="40" minlon="10" maxlat="50" maxlon="20"/>'
        + "".join(ring(x, y, number) for number, (x, y) in enumerate(places, start=1))
        + "".join(way(number, tags) for number, tags in enumerate(kinds, start=1))
        + "</osm>"
    )
    half = gpd.GeoSeries([shapely.box(500_000, 4_999_700, 500_150, 5_000_000)], crs=32633).to_crs(4326)
    half.to_file(tmp_path / "aoi.geojson")
    text = REGION.format(tile=256, overlap=64).replace('truth = "truth.geojson"\n', 'aoi = "aoi.geojson"\n')
    (tmp_path / "region.toml").write_text(text.replace("scene.tif", str(painted / "scene.tif")))
    assert main(["run", str(tmp_path / "region.toml"), "--out", str(tmp_path / "run"), "--workers", "0"]) == 0
    changes = read_vector(tmp_path / "run" / "changes.parquet").query("status == 'osm_only'")
    # No soccer field was detected anywhere, and all the same one was looked for.
    assert sorted(each[0]["id"] for each in changes["osm"]) == [1, 2]
    looked = read_vector(tmp_path / "run" / "looked_at.geojson").to_crs(32633)
    assert looked.area.sum() == pytest.approx(150 * 300, rel=1e-3)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["area_km2"] == pytest.approx(0.045, rel=1e-3)


@pytest.mark.skipif(shutil.which("osmium") is None, reason="osmium-tool is not installed")
def test_proposals_apply_to_the_extract_and_come_out_as_areas(painted: Path, tmp_path: Path) -> None:
    region = write_region(painted, tile=512, overlap=128)
    assert main(["run", str(region), "--out", str(tmp_path), "--workers", "0"]) == 0
    applied, areas = tmp_path / "applied.osm", tmp_path / "areas.geojsonseq"
    base, change = str(painted / "extract.osm"), str(tmp_path / "proposals" / "001.osc")
    subprocess.run(["osmium", "apply-changes", "-o", str(applied), base, change], check=True)
    subprocess.run(["osmium", "export", "--geometry-types=polygon", "-o", str(areas), str(applied)], check=True)
    changes = read_vector(tmp_path / "changes.parquet")
    assert areas.read_text().count("\x1e") == (changes["status"] == "new").sum() > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('scenes = ["scene.tif"]', 'scenes = ["nowhere.tif"]'), "nowhere.tif"),
        (("overlap_px = 64", "overlap_px = 256"), "tile_px=256 is not larger than overlap_px=256"),
        (("[tiling]", "[tilling]"), "did you mean 'tiling'"),
        (("gsd_m = 0", 'labels = ["tenis_court"]'), "did you mean 'tennis_court'"),
        (('name = "painted"', 'name = "../up"'), "names the run folder"),
        (('weights = "painted"', 'weights = "none.safetensors"'), "no weights file at"),
        (('extract = "extract.osm"', 'extract = "none.osm"'), "there is no file"),
    ],
)
def test_bad_regions_stop_before_any_work_with_one_line(
    painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], message: str
) -> None:
    region = painted / "bad.toml"
    region.write_text(REGION.format(tile=256, overlap=64).replace(*change))
    assert main(["run", str(region), "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said
    assert not (tmp_path / "run").exists()


def test_an_output_folder_that_cannot_be_made_is_one_line(
    painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    region = write_region(painted, tile=256, overlap=64)
    assert main(["run", str(region), "--out", str(tmp_path / "file" / "run")]) == 1
    assert "choose another with --out" in capsys.readouterr().err


def test_score_prints_json(painted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = str(painted / "truth.geojson")
    assert main(["score", truth, truth]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["f1"] == 1.0


def test_usage_errors_exit_with_two() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["run"])
    assert caught.value.code == 2


@pytest.mark.parametrize("workers", [None, 0, 1, 2])
def test_the_network_has_one_thread_whoever_runs_it(painted: Path, workers: int | None) -> None:
    # On two threads sums round otherwise: five of the 514 outlines of the demo region then differed by a bit.
    path = write_region(painted, tile=256, overlap=64)
    path.write_text(path.read_text().replace('weights = "painted"', 'weights = "default"'))
    config = read_region(path)
    assert {task.detector.threads for task in plan_run(config, RunOptions(workers=workers)).tasks} == {1}


def test_a_run_goes_by_what_was_decided_on_its_own_page(painted: Path, tmp_path: Path) -> None:
    region = write_region(painted, tile=512, overlap=128)
    command = ["run", str(region), "--out", str(tmp_path), "--workers", "0"]
    assert main(command) == 0
    changes = read_vector(tmp_path / "changes.parquet")
    (refused, *others) = changes[changes["status"] == "new"].itertuples()
    word = {"id": refused.change_id, "label": refused.label, "polygon": refused.geometry.wkt}
    (tmp_path / "review/decisions.jsonl").write_text(json.dumps(word | {"decision": "rejected"}) + "\n")
    assert main(command) == 0
    again = read_vector(tmp_path / "changes.parquet").set_index("change_id")
    assert again.loc[refused.change_id, ["status", "proposal"]].tolist() == ["suppressed", ""]
    assert set(again.index[again["proposal"] != ""]) == {each.change_id for each in others}
    compared = ["diff", str(tmp_path / "features.parquet"), str(painted / "extract.osm"), "--out", str(tmp_path)]
    assert main([*compared, "--config", str(region)]) == 0
    assert (
        read_vector(tmp_path / "changes.parquet").set_index("change_id").loc[refused.change_id, "proposal"] == ""
    )
    own = tmp_path / "review" / DECISIONS_NAME
    region.write_text(region.read_text().replace('"extract.osm"', f'"extract.osm"\ndecisions = "{own}"'))
    assert read_region(region, out=tmp_path).decision_files == (own,)


def test_without_an_extract_nothing_of_an_earlier_comparison_stays(painted: Path, tmp_path: Path) -> None:
    region = write_region(painted, tile=512, overlap=128)
    command = ["run", str(region), "--out", str(tmp_path), "--workers", "0"]
    assert main(command) == 0
    (tmp_path / "proposals/mine.osm").write_text("<osm/>")
    region.write_text(region.read_text().replace('[osm]\nextract = "extract.osm"\n', ""))
    assert main(command) == 0
    assert [path.name for path in sorted(tmp_path.glob("proposals/[!.]*"))] == ["mine.osm"]
    left = {path.name for path in tmp_path.iterdir()} & {Path(name).parts[0] for name in EXPECTED}
    assert left == {"features.geojson", "features.parquet", "manifest.json", "report.html", "report.json"} | {
        "proposals",
        "review",
    }
    assert not (tmp_path / "review/index.html").exists()


def test_ground_that_cannot_be_read_costs_a_picture_and_not_the_run(
    painted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, refused = chips._read, []

    def spoilt(plan: ChipPlan, reader: SceneReader) -> object:
        if not refused:
            refused.append(plan.change_id)
            raise SceneError("cannot read pixels")
        return read(plan, reader)

    monkeypatch.setattr(chips, "_read", spoilt)
    region = write_region(painted, tile=512, overlap=128)
    assert main(["run", str(region), "--out", str(tmp_path), "--workers", "0"]) == 0
    assert (tmp_path / "report.json").is_file() and (tmp_path / "review/index.html").is_file()
    assert not (tmp_path / f"review/chips/{refused[0]}.jpg").exists()
    assert list(tmp_path.glob("review/chips/*.jpg"))


def test_what_was_not_looked_for_was_not_missed(painted: Path, tmp_path: Path) -> None:
    region = write_region(painted, tile=512, overlap=128)
    region.write_text(
        region.read_text().replace('weights = "painted"', 'weights = "painted"\nlabels = ["building"]')
    )
    assert main(["run", str(region), "--out", str(tmp_path), "--workers", "0"]) == 0
    score = json.loads((tmp_path / "report.json").read_text())["score"]
    assert {label: row["n_truth"] for label, row in score.items()} == {"building": 2}


def test_a_scene_that_shows_nothing_is_told_of(
    painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    region = write_region(painted, tile=512, overlap=128)
    with (
        rasterio.open(painted / "scene.tif") as scene,
        rasterio.open(tmp_path / "empty.tif", "w", **(scene.profile | {"nodata": 0})) as empty,
    ):
        empty.write(np.zeros(scene.shape, np.uint8), 1)
    region.write_text(region.read_text().replace("scene.tif", str(tmp_path / "empty.tif")))
    assert main(["run", str(region), "--out", str(tmp_path / "out"), "--workers", "0"]) == 0
    assert "no tile shows any imagery" in capsys.readouterr().err
