"""Sheets show outlines where they lie, in their labels' colours."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine
from PIL import Image

from groundplan.crs import LON_LAT
from groundplan.labels import LABELS
from training.sheets import COLOURS, GAP_PX, grid, scene_picture, stacked


def test_every_label_has_a_colour_of_its_own() -> None:
    assert {*COLOURS} == {*LABELS} and len({*COLOURS.values()}) == len(LABELS)


def test_outlines_lie_where_their_features_do(tmp_path: Path) -> None:
    path = tmp_path / "scene.tif"
    place = Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "width": 80, "height": 40, "crs": "EPSG:32631"}
    with rasterio.open(path, "w", transform=place, **profile) as scene:
        scene.write(np.full((3, 40, 80), 20, np.uint8))
    holed = shapely.box(500_010, 4_999_985, 500_020, 4_999_995) - shapely.box(
        500_013, 4_999_988, 500_017, 4_999_992
    )
    features = gpd.GeoDataFrame({"label": ["soccer_field"]}, geometry=[holed], crs="EPSG:32631").to_crs(LON_LAT)
    picture = np.asarray(scene_picture(path, features, width_px=160))
    assert picture.shape == (80, 160, 3)
    white = (picture == COLOURS["soccer_field"]).all(axis=2)
    rows, cols = np.nonzero(white)
    # 0.25 m a pixel: the field's sides are at 40 and 80 px, and at 20 and 60; lines are two wide.
    assert abs(cols.min() - 40) <= 1 and abs(cols.max() - 80) <= 1
    assert abs(rows.min() - 20) <= 1 and abs(rows.max() - 60) <= 1
    assert white[40, 52] and not white[40, 60] and not white[40, 46]


def testgrids_and_stacks_leave_a_gap() -> None:
    tiles = [Image.new("RGB", (10, high), (n, 0, 0)) for n, high in enumerate((10, 14, 8))]
    rows = grid(tiles, across=2)
    assert rows.size == (20 + GAP_PX, 20 + GAP_PX)
    pixels = np.asarray(rows)
    assert pixels[5, 5, 0] == 0 and pixels[9, 10 + GAP_PX, 0] == 1 and pixels[10 + GAP_PX, 0, 0] == 2
    assert (pixels[10 : 10 + GAP_PX] == 255).all() and (pixels[18 + GAP_PX :] == 255).all()
    assert stacked([rows, tiles[0]]).size == (20 + GAP_PX, 20 + GAP_PX + GAP_PX + 10)
