"""Polygons after the whole pipeline against truth, and the table of figures where its data are missing."""

import json
from pathlib import Path

import pytest

from detection.load import load_detector, resolve_spec
from groundplan.errors import DataError
from pipeline.chip_rows import Sources, run_in_folder
from pipeline.cli import main
from pipeline.figures import ROWS, table

REGION = (
    'name = "painted"\nscenes = ["scene.tif"]\n{truth}\n[model]\nweights = "painted"\ngsd_m = 0\n{views}\n'
    '[tiling]\ntile_px = 512\noverlap_px = 128\n[output]\ndir = "{out}"\n'
)


@pytest.mark.parametrize("views", [1, 4])
def test_a_painted_region_is_measured_after_merging(
    painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], views: int
) -> None:
    region = painted / f"measured{views}.toml"
    text = REGION.format(truth='truth = "truth.geojson"', views=f"views = {views}", out=tmp_path / "run")
    region.write_text(text)
    assert main(["evaluate", str(region), "--workers", "0"]) == 0
    result = json.loads(capsys.readouterr().out)["regions"][str(region)]
    assert result["all"]["f1"] == 1.0
    # Painted to whole pixels of 0.3 m: outlines lie well below half a pixel apart.
    apart = {label: of["boundary_m"]["median"] for label, of in result["labels"].items()}
    # The ring is a circle, which a stadium meets less exactly.
    assert apart.pop("running_track") < 0.3
    assert max(apart.values()) < 0.15, apart
    assert result["labels"]["tennis_court"]["boundary_m"]["n"] == 6


def test_a_region_without_truth_is_refused(
    painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    region = painted / "untrue.toml"
    region.write_text(REGION.format(truth="", views="", out=tmp_path / "run"))
    assert main(["evaluate", str(region)]) == 1
    assert "names no truth" in capsys.readouterr().err
    region.write_text(REGION.format(truth="", views="views = 3", out=tmp_path / "run"))
    assert main(["evaluate", str(region)]) == 1
    assert "views = 3; choose one of 1, 2, 4, 8" in capsys.readouterr().err


def test_rows_without_their_data_say_so(tmp_path: Path) -> None:
    spec = resolve_spec("painted", base=tmp_path, device="cpu", threads=None)
    given = Sources(
        data=tmp_path / "none",
        chips=tmp_path / "none",
        weights=Path("painted"),
        work=tmp_path / "work",
        limit=4,
        detector=load_detector(spec),
    )
    lines = list(table(given, list(ROWS)))
    assert len(lines) == 2 + len(ROWS)
    assert all("not computed: no " in line for line in lines[2:])


def test_a_command_leaves_no_folder_and_says_its_error_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []

    def job(work: Path) -> None:
        (work / "half.tif").write_text("")
        seen.append(work)
        if len(seen) == 2:
            raise DataError("no chips")

    assert [run_in_folder(job), run_in_folder(job)] == [0, 1]
    assert capsys.readouterr().err == "groundplan: no chips\n"
    assert not any(work.exists() for work in seen)
