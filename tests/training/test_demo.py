"""The demo region: equal bytes for equal seeds, files their own readers open, faults planted as they are told."""

import json
import tomllib
from collections import Counter
from pathlib import Path

import geopandas as gpd
import osmium
import pytest
import rasterio
import rasterio.warp
import shapely

from groundplan.errors import ConfigError
from training.demo import CRS, NOTICE, write_demo
from training.demo_mapping import OSM_SHIFT_M, map_town
from training.render_town import render_town

FILES = ("scene.tif", "extract.osm.pbf", "truth.geojson", "expected_changes.geojson", "region.toml")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo")
    write_demo(out, seed=1, size_m=720.0, gsd_m=1.2)
    return out


def test_two_runs_write_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_demo(tmp_path / name, seed=4, size_m=160.0, gsd_m=0.8)
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_the_scene_is_a_small_cog_in_metres_that_says_it_is_rendered(demo: Path) -> None:
    with rasterio.open(demo / "scene.tif") as scene:
        assert scene.crs.to_string() == CRS and scene.count == 3 and scene.res == (1.2, 1.2)
        assert scene.tags()["TIFFTAG_IMAGEDESCRIPTION"] == NOTICE
        assert scene.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert scene.overviews(1)
    assert (demo / "scene.tif").stat().st_size < 5_000_000


def test_truth_lies_in_the_scene_with_areas_in_square_metres(demo: Path) -> None:
    truth = gpd.read_file(demo / "truth.geojson").to_crs(CRS)
    with rasterio.open(demo / "scene.tif") as scene:
        assert shapely.box(*scene.bounds).buffer(0.01).covers(shapely.box(*truth.total_bounds))
    assert (truth.area - truth["area_m2"]).abs().max() < 1.0
    courts = truth[truth["label"] == "tennis_court"]
    assert len(courts) >= 3 and (courts.area - 23.77 * 10.97).abs().max() < 0.5


def test_the_extract_has_versions_and_reaches_beyond_the_scene(demo: Path) -> None:
    # osmium's own reader; the file is sorted, its header claims 300 m more than the picture on each side.
    reader = osmium.io.Reader(str(demo / "extract.osm.pbf"))
    box = reader.header().box()
    reader.close()
    with rasterio.open(demo / "scene.tif") as scene:
        left, bottom, right, top = rasterio.warp.transform_bounds(scene.crs, "EPSG:4326", *scene.bounds)
    assert box.bottom_left.lon < left - 0.0018 and box.top_right.lon > right + 0.0018
    assert box.bottom_left.lat < bottom - 0.0018 and box.top_right.lat > top + 0.0018
    kinds, tags = Counter(), Counter()
    for item in osmium.FileProcessor(str(demo / "extract.osm.pbf")):
        assert item.version >= 1 and item.timestamp.year >= 2012 and item.id > 0
        kinds[item.type_str()] += 1
        tags.update(f"{tag.k}={tag.v}" if tag.k != "name" else "name" for tag in item.tags)
    assert kinds["n"] > 500 and kinds["w"] > 100
    assert tags["demolished:building=house"] == 1
    assert tags["leisure=track"] == 1 and tags["highway=residential"] > 5 and tags["building=yes"] > 50


def test_expectations_cover_every_object_once_and_every_status(demo: Path) -> None:
    expected = json.loads((demo / "expected_changes.geojson").read_text())
    truth = json.loads((demo / "truth.geojson").read_text())
    assert expected["properties"]["offset_m"] == {"east": -1.8, "north": 1.2}
    statuses = Counter(feature["properties"]["status"] for feature in expected["features"])
    assert set(statuses) == {"new", "matched", "matched_group", "review", "suppressed", "osm_only"}
    assert len(expected["features"]) - statuses["osm_only"] == len(truth["features"])
    reasons = {feature["properties"]["reason"] for feature in expected["features"]}
    assert {"poi_node", "class_conflict", "lifecycle", "line", "many_det_one_osm"} <= reasons
    buildings = [f["properties"] for f in expected["features"] if f["properties"]["label"] == "building"]
    share = sum(item["planted"].startswith("not mapped") for item in buildings) / len(buildings)
    assert 0.2 < share < 0.4


def test_what_is_mapped_lies_by_the_shift_beside_the_truth() -> None:
    town = render_town(size_m=300.0, gsd_m=2.0, seed=2)
    mapped, expected = map_town(town)
    outlines = [item.outline for item in expected if item.planted == "mapped" and item.label == "building"]
    buildings = [item.geometry for item in mapped if "building" in item.tags][: len(outlines)]
    assert len(outlines) > 10
    east = [b.centroid.x - t.centroid.x for b, t in zip(buildings, outlines, strict=True)]
    north = [b.centroid.y - t.centroid.y for b, t in zip(buildings, outlines, strict=True)]
    assert sum(east) / len(east) == pytest.approx(OSM_SHIFT_M[0], abs=0.15)
    assert sum(north) / len(north) == pytest.approx(OSM_SHIFT_M[1], abs=0.15)


def test_the_region_file_says_that_it_is_rendered(demo: Path) -> None:
    text = (demo / "region.toml").read_text()
    region = tomllib.loads(text)
    assert NOTICE in text and region["scenes"] == ["scene.tif"]
    assert region["imagery"]["osm_permitted"] is True and region["imagery"]["licence"] == "CC0-1.0"


def test_a_folder_with_somebodys_region_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "region.toml").write_text('name = "mine"\n')
    with pytest.raises(ConfigError, match="not a demo"):
        write_demo(tmp_path, seed=1, size_m=200.0)
    assert [path.name for path in tmp_path.iterdir()] == ["region.toml"]
