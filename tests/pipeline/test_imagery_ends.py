"""Objects that the end of the imagery cuts, wherever it lies to the tiles: each is told from those shown whole."""

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.features import rasterize
from shapely.affinity import rotate

from groundplan.errors import SceneError
from groundplan.labels import LABELS
from groundplan.vector import read_vector
from pipeline.cli import main
from tiling.grid import Tile
from tiling.read import SceneReader

GSD_M, SIDE_PX = 0.3, 1500
TO_MAP = Affine(GSD_M, 0, 500_000, 0, -GSD_M, 5_000_000)
REGION = (
    'name = "ends"\nscenes = ["scene.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 512\noverlap_px = 128\n"
)
WHOLE = shapely.box(0, 0, SIDE_PX, SIDE_PX)
SHOWN = {
    "all": WHOLE,
    "turned": rotate(shapely.box(250, 250, 1250, 1250), 17),
    "gap": WHOLE - shapely.box(600, 610, 900, 850),
}


def houses() -> list[shapely.Polygon]:
    """Return houses of 20 to 90 px, 115 px apart, turned, some of them reaching beyond the scene; in pixels."""
    random = np.random.default_rng(3)
    out = []
    for x in range(-30, SIDE_PX + 60, 115):
        for y in range(-30, SIDE_PX + 60, 115):
            width, height = random.uniform(20, 70, 2)
            shape = rotate(shapely.box(0, 0, width, height), random.uniform(0, 90), origin=(width / 2, height / 2))
            out.append(shapely.transform(shape, lambda xy, x=x, y=y: xy + (x, y)))
    return out


def to_metres(xy: np.ndarray) -> np.ndarray:
    return xy * (GSD_M, -GSD_M) + (TO_MAP.c, TO_MAP.f)


def write_scene(path: Path, shown: shapely.Geometry, shapes: list[shapely.Polygon]) -> None:
    image = np.zeros((4, SIDE_PX, SIDE_PX), np.uint8)
    inside = rasterize([(shape, n) for n, shape in enumerate(shapes, 1)], out_shape=image.shape[1:], dtype="int32")
    image[0][inside > 0] = LABELS.index("building") + 1
    image[1], image[2] = inside // 250, inside % 250
    image[:3, inside == 0] = 0
    image[3] = 255 * rasterize([(shown, 1)], out_shape=image.shape[1:])
    profile = {"driver": "GTiff", "height": SIDE_PX, "width": SIDE_PX, "count": 4, "dtype": "uint8"}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=TO_MAP, **profile) as scene:
        scene.write(image)
        scene.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]


@pytest.mark.parametrize("shown", SHOWN)
def test_objects_cut_by_the_end_of_the_imagery_are_told_from_whole_ones(tmp_path: Path, shown: str) -> None:
    shapes, ground = houses(), SHOWN[shown]
    write_scene(tmp_path / "scene.tif", ground, shapes)
    (tmp_path / "region.toml").write_text(REGION)
    assert main(["run", str(tmp_path / "region.toml"), "--out", str(tmp_path / "run"), "--workers", "0"]) == 0
    features = read_vector(tmp_path / "run" / "features.parquet")

    truth = gpd.GeoSeries([shapely.transform(shape, to_metres) for shape in shapes], crs=features.crs)
    ground_m = shapely.transform(ground, to_metres)
    beyond_m2 = truth.area - truth.intersection(ground_m).area
    clear = truth.buffer(6 * GSD_M).within(ground_m)
    is_cut = {True: [], False: []}
    for index, shape in truth.items():
        found = features[features.geometry.intersection(shape).area > 5.0]
        if len(found) and clear[index]:
            is_cut[False].append(bool((found["cut"] != "").any()))
        elif len(found) and beyond_m2[index] > 5.0:
            is_cut[True].append(bool((found["cut"] != "").all()))
    assert len(is_cut[True]) >= 10
    assert len(is_cut[False]) >= 50
    assert all(is_cut[True])
    assert not any(is_cut[False])


def test_objects_that_reach_into_a_tile_that_failed_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long, short = shapely.box(300, 100, 700, 160), shapely.box(300, 900, 360, 960)
    write_scene(tmp_path / "scene.tif", WHOLE, [long, short])
    (tmp_path / "region.toml").write_text(REGION)
    read = SceneReader.read

    def refuse(reader: SceneReader, tile: Tile) -> Any:
        if tile.row == 0 and tile.col == 1:
            raise SceneError("damaged")
        return read(reader, tile)

    monkeypatch.setattr(SceneReader, "read", refuse)
    assert main(["run", str(tmp_path / "region.toml"), "--out", str(tmp_path / "run"), "--workers", "0"]) == 3
    features = read_vector(tmp_path / "run" / "features.parquet").sort_values("area_m2")
    assert list(features["cut"]) == ["", "e"]
