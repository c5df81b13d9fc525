"""Places of the data collection become regions whose truth lies where their imagery shows it."""

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from rasterio.features import rasterize

from groundplan.crs import transform_geometries
from groundplan.errors import DataError
from groundplan.vector import read_vector
from pipeline.config import TilingTable, read_region
from training import places

WHITE = (255, 255, 255)


def agreement(folder: Path) -> float:
    """Return the IoU of white pixels with the truth, over all scenes of a region."""
    truth = read_vector(folder / "truth.geojson")
    shared = either = 0
    for path in sorted(folder.glob("*.tif")):
        with rasterio.open(path) as scene:
            white = (scene.read() > 200).all(axis=0)
            shapes = transform_geometries(truth.geometry.to_numpy(), source=truth.crs, target=scene.crs)
            drawn = rasterize(list(shapes), out_shape=scene.shape, transform=scene.transform).astype(bool)
        shared, either = shared + int((white & drawn).sum()), either + int((white | drawn).sum())
    return shared / either


def test_web_tiles_are_put_together_where_they_lie(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "z20").mkdir(parents=True)
    size_deg = 360 / 2**20
    boxes = []
    for x, y in ((600_000, 524_000), (600_001, 524_000), (600_050, 524_000)):
        image = np.full((256, 256, 3), 60, np.uint8)
        image[64:128, 32:192] = WHITE
        Image.fromarray(image).save(source / "z20" / f"OAM-{x}-{y}-20.png")
        west = x * size_deg - 180

        def lat(row: float, y: int = y) -> float:
            return float(np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * (y + row / 256) / 2**20)))))

        boxes.append(shapely.box(west + size_deg * 32 / 256, lat(128), west + size_deg * 192 / 256, lat(64)))
    gpd.GeoDataFrame({"osm_id": range(3)}, geometry=boxes, crs=4326).to_file(source / "labels.geojson")
    region = read_region(places.write_web_tiles(source, tmp_path / "out", weights="painted"))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tif")) == ["scene_1.tif", "scene_2.tif"]
    assert region.truth is not None and region.model.labels == ("building",)
    assert agreement(tmp_path / "out") > 0.97
    with pytest.raises(DataError, match="no tiles OAM"):
        places.write_web_tiles(source, tmp_path / "none", weights="painted", zoom=19)


def test_the_north_of_the_autzen_scene_has_the_buildings_drawn_in_it(tmp_path: Path, monkeypatch) -> None:
    image = np.full((80, 60, 3), 60, np.uint8)
    image[10:20, 5:25] = image[60:70, 5:25] = WHITE
    transform = rasterio.Affine(1.0, 0.0, 635_600.0, 0.0, -1.0, 853_300.0)
    profile = {"driver": "GTiff", "height": 80, "width": 60, "count": 3, "dtype": "uint8", "crs": "EPSG:2994"}
    with rasterio.open(tmp_path / "scene.tif", "w", transform=transform, **profile) as scene:
        scene.write(image.transpose(2, 0, 1))

    def box(top: int) -> list[list[float]]:
        return [[5.0, top], [25.0, top], [25.0, top + 10.0], [5.0, top + 10.0]]

    table = {"autzen": {"buildings": [box(10), box(60)], "doubtful": [box(25)]}}
    (tmp_path / "autzen_buildings.json").write_text(json.dumps(table))
    monkeypatch.setattr("training.sources.ADDED_LABELS", tmp_path)
    monkeypatch.setattr("training.places.AUTZEN_VAL_TO_PX", 40)
    region = places.write_autzen_north(tmp_path / "scene.tif", tmp_path / "out", weights="painted")
    truth = read_vector(tmp_path / "out" / "truth.geojson")
    assert truth["ignore"].tolist() == [False, True]
    assert read_vector(region.parent / "aoi.geojson").to_crs(2994).area.sum() == pytest.approx(60 * 40, rel=1e-3)
    first = truth.to_crs(2994).geometry.iloc[0]
    assert first.symmetric_difference(shapely.box(635_605, 853_280, 635_625, 853_290)).area < 2.0
    assert read_region(region).model.labels == ("building",)
    with pytest.raises(DataError, match="no scene"):
        places.write_autzen_north(tmp_path / "none.tif", tmp_path / "out", weights="painted")


def test_every_image_without_a_place_begins_at_the_same_place_of_a_default_tile() -> None:
    tiling = TilingTable()
    stride_m = (tiling.tile_px - tiling.overlap_px) * 0.3
    assert places.SPACING_M / stride_m == pytest.approx(round(places.SPACING_M / stride_m))
    assert pytest.approx(tiling.overlap_px * 0.3) == places.SHIFT_M


def test_images_without_a_place_are_laid_apart_with_their_truth(tmp_path: Path) -> None:
    images = []
    for number, gsd_m in enumerate((0.3, 0.5)):
        pixels = np.full((100, 120, 3), 60, np.uint8)
        pixels[10:50, 20:90] = WHITE
        truth = (("building", shapely.box(20, 10, 90, 50)),)
        images.append(places.PlacedImage(name=f"i{number}", pixels=pixels, gsd_m=gsd_m, truth=truth))
    places.write_placed(images, tmp_path / "out", weights="painted", labels=("building",))
    assert agreement(tmp_path / "out") > 0.99
    labels = json.loads((tmp_path / "out" / "truth.geojson").read_text())["features"]
    assert [each["properties"]["label"] for each in labels] == ["building"] * 2


def test_colour_masks_become_one_building_a_blob(tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        (tmp_path / "dubai" / "tile1" / kind).mkdir(parents=True)
    image = np.full((90, 90, 3), 60, np.uint8)
    colours = np.zeros((90, 90, 3), np.uint8)
    for top in (10, 50):
        image[top : top + 20, 10:60] = WHITE
        colours[top : top + 20, 10:60] = places.DUBAI_BUILDING
    colours[0, 0] = places.DUBAI_BUILDING
    Image.fromarray(image).save(tmp_path / "dubai" / "tile1" / "images" / "a.jpg", quality=95)
    Image.fromarray(colours).save(tmp_path / "dubai" / "tile1" / "masks" / "a.png")
    Image.fromarray(np.full((90, 90, 3), 60, np.uint8)).save(tmp_path / "dubai" / "tile1" / "images" / "b.jpg")
    Image.fromarray(np.zeros((90, 90, 3), np.uint8)).save(tmp_path / "dubai" / "tile1" / "masks" / "b.png")
    places.write_dubai(tmp_path / "dubai", tmp_path / "out", weights="painted", count=9)
    assert {path.name for path in (tmp_path / "out").glob("tile*.tif")} == {"tile1_a.tif", "tile1_b.tif"}
    assert len(read_vector(tmp_path / "out" / "truth.geojson")) == 2
    assert agreement(tmp_path / "out") > 0.93


SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.mark.skipif(not (SHARED / "buildings" / "banepa").is_dir(), reason="the data collection is not here")
def test_banepas_east_holds_a_third_of_its_buildings(tmp_path: Path) -> None:
    places.write_banepa_east(SHARED / "buildings" / "banepa", tmp_path / "out", weights="painted")
    truth, every = read_vector(tmp_path / "out" / "truth.geojson"), 1466
    assert 0.2 * every < len(truth) < 0.5 * every
    area = read_vector(tmp_path / "out" / "aoi.geojson").geometry.iloc[0]
    assert truth.geometry.intersects(area).all()
