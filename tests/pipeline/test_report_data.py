"""What a run leaves behind comes back in report.json, also when a later run takes its parts over."""

import json
from pathlib import Path

import pytest
import rasterio

from pipeline.cli import main

REGION = (
    'name = "sparse"\nscenes = ["sparse.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 128\noverlap_px = 32\nblock_tiles = 4\n"
)


@pytest.fixture
def sparse(painted: Path, tmp_path: Path) -> Path:
    """Return a region file whose scene has no imagery where nothing is painted."""
    with rasterio.open(painted / "scene.tif") as scene:
        profile, pixels = scene.profile, scene.read()
    with rasterio.open(tmp_path / "sparse.tif", "w", **profile | {"nodata": 0}) as scene:
        scene.write(pixels)
    (tmp_path / "region.toml").write_text(REGION)
    return tmp_path / "region.toml"


def test_tiles_without_imagery_are_on_the_map_also_when_their_blocks_are_taken_over(sparse: Path) -> None:
    reports = []
    for _ in range(2):
        assert main(["run", str(sparse), "--out", str(sparse.parent / "run"), "--workers", "0"]) == 0
        reports.append(json.loads((sparse.parent / "run" / "report.json").read_text()))
    first, second = reports
    tiles = first["tiles"]
    drawn = "".join(tiles["map"])
    assert drawn.count("-") == tiles["skipped"] > 0
    assert drawn.count(".") == tiles["done"] > 0
    assert tiles["skipped"] + tiles["done"] == tiles["total"]
    assert second["tiles"] == tiles
    speeds = [report["stages"][0] for report in reports]
    assert speeds[0]["km2_per_h"] > 0 and "note" not in speeds[0]
    assert speeds[1]["km2_per_h"] is None and speeds[1]["note"].endswith("blocks taken over")
