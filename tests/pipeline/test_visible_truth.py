"""Truth beside what the imagery shows: only what can be seen counts, and only its visible part is compared."""

import json
from pathlib import Path
from typing import NoReturn

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from groundplan.errors import SceneError
from groundplan.labels import LABELS
from pipeline.cli import main
from tiling.grid import Tile
from tiling.read import SceneReader

LEFT, TOP, GSD_M = 500_000, 5_000_000, 0.3
REGION = (
    'name = "edge"\nscenes = ["scene.tif"]\ntruth = "truth.geojson"\n{aoi}[model]\nweights = "painted"\n'
    'gsd_m = 0\n[tiling]\ntile_px = 256\noverlap_px = 64\n[output]\ndir = "{out}"\n'
)


def box(left_m: float, top_m: float, right_m: float, bottom_m: float) -> shapely.Polygon:
    return shapely.box(LEFT + left_m, TOP - bottom_m, LEFT + right_m, TOP - top_m)


def measured(
    folder: Path, shapes: list[shapely.Polygon], capsys: pytest.CaptureFixture[str], *, aoi: str = ""
) -> dict:
    """Paint the shapes as buildings on 180 x 120 m whose middle third has no data; return what is measured."""
    image = np.zeros((3, 400, 600), np.uint8)
    transform = Affine(GSD_M, 0, LEFT, 0, -GSD_M, TOP)
    for number, shape in enumerate(shapes, start=1):
        inside = rasterio.features.rasterize([(shape, 1)], out_shape=(400, 600), transform=transform).astype(bool)
        image[:, inside] = np.array([LABELS.index("building") + 1, 0, number], np.uint8)[:, None]
    valid = np.ones((400, 600), bool)
    valid[:, 200:400] = False
    profile = {"driver": "GTiff", "height": 400, "width": 600, "count": 3, "dtype": "uint8"}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(folder / "scene.tif", "w", crs="EPSG:32633", transform=transform, **profile) as scene,
    ):
        scene.write(image)
        scene.write_mask(valid)
    frame = gpd.GeoDataFrame({"label": ["building"] * len(shapes)}, geometry=shapes, crs="EPSG:32633")
    frame.to_crs(4326).to_file(folder / "truth.geojson")
    (folder / "region.toml").write_text(REGION.format(aoi=aoi, out=folder / "run"))
    assert main(["evaluate", str(folder / "region.toml"), "--workers", "0"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["regions"].values()
    return dict(found)


def test_what_the_imagery_cuts_is_compared_by_what_it_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shapes = [
        box(10, 10, 30, 25),  # all shown
        box(45, 10, 75, 25),  # half of it, to where data end: 0.5 of the outline would be no match
        box(-10, 50, 20, 65),  # two thirds, to the scene's edge
    ]
    found = measured(tmp_path, shapes, capsys)
    assert found["all"]["n_truth"] == 3 and found["n_beyond"] == 0
    assert found["all"]["f1"] == 1.0
    assert found["all"]["mean_iou"] > 0.95


def test_what_is_mostly_beyond_does_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shapes = [
        box(10, 10, 30, 25),
        box(70, 10, 110, 25),  # in the middle, where there are no data
        box(52, 50, 82, 65),  # a quarter is shown, and found: neither missed nor false
        box(300, 10, 320, 25),  # beside the scene
    ]
    found = measured(tmp_path, shapes, capsys)
    assert found["all"]["n_truth"] == 1 and found["n_beyond"] == 3
    assert found["all"]["n_features"] == 1
    assert found["all"]["f1"] == 1.0
    assert main(["run", str(tmp_path / "region.toml"), "--workers", "0"]) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["score"]["building"]["f1"] == 1.0
    assert any("3 objects of the truth lie beyond the imagery" in each for each in report["warnings"])


def test_what_lies_beyond_the_aoi_does_not_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    area = gpd.GeoDataFrame({"name": ["a"]}, geometry=[box(0, 0, 40, 40)], crs="EPSG:32633").to_crs(4326)
    area.to_file(tmp_path / "aoi.geojson")
    shapes = [box(10, 10, 30, 25), box(28, 30, 44, 38), box(10, 90, 30, 105), box(140, 90, 160, 105)]
    found = measured(tmp_path, shapes, capsys, aoi='aoi = "aoi.geojson"\n')
    assert found["all"]["n_truth"] == 2 and found["n_beyond"] == 2
    assert found["all"]["recall"] == 1.0


def test_what_is_missing_counts_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured(tmp_path, [box(10, 10, 30, 25)], capsys)
    more = [box(10, 10, 30, 25), box(130, 10, 150, 25)]
    gpd.GeoDataFrame({"label": ["building"] * 2}, geometry=more, crs="EPSG:32633").to_crs(4326).to_file(
        tmp_path / "truth.geojson"
    )
    assert main(["evaluate", str(tmp_path / "region.toml"), "--workers", "0"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["regions"].values()
    assert found["all"]["n_truth"] == 2 and found["all"]["recall"] == 0.5 and found["n_beyond"] == 0


def test_what_cannot_be_read_counts_as_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = [box(10, 10, 30, 25), box(70, 10, 110, 25)]
    assert measured(tmp_path, shapes, capsys)["n_beyond"] == 1

    class Damaged(SceneReader):
        def read(self, tile: Tile) -> NoReturn:
            raise SceneError("cannot read pixels")

    # The run's parts are there; only the look at what is shown fails.
    monkeypatch.setattr("pipeline.visible_truth.SceneReader", Damaged)
    assert main(["evaluate", str(tmp_path / "region.toml"), "--workers", "0"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["regions"].values()
    assert found["all"]["n_truth"] == 2 and found["all"]["recall"] == 0.5 and found["n_beyond"] == 0
