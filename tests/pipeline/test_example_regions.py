"""regions/examples/: parsed, and planned with a server of this machine in the place of the real one."""

import json
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import pytest
import rasterio
import shapely
from affine import Affine

from pipeline.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "regions" / "examples"
PLACE = shapely.box(8.5, 47.0, 8.5012, 47.0009)


def write_cog(path: Path, bands: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "COG", "height": 400, "width": 400, "count": bands, "dtype": "uint8"}
    transform = Affine(4e-6, 0, 8.5, 0, -3e-6, 47.0009)
    with rasterio.open(path, "w", crs="EPSG:4326", transform=transform, **profile) as dataset:
        dataset.write(np.full((bands, 400, 400), 90, np.uint8))


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.toml")} == {
        "openaerialmap.toml",
        "naip-county.toml",
        "swissimage.toml",
    }


@pytest.mark.parametrize("name", ["openaerialmap", "naip-county", "swissimage"])
def test_an_example_plans_on_a_stand_in(
    name: str, tmp_path: Path, serve_folder, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (EXAMPLES / f"{name}.toml").read_text()
    assert "NOT run" in text and "osm_permitted = true" in text and "attribution" in text
    (address,) = re.findall(r'^scenes = \["(?:stac:)?(https://[^"]+)"\]', text, re.M)
    server = serve_folder(tmp_path / "www")
    path = address.split("/", 3)[3].split("?")[0]
    if name == "openaerialmap":
        write_cog(tmp_path / "www" / path, 3)
    elif name == "naip-county":
        write_cog(tmp_path / "www" / "naip.tif", 4)
        item = {"id": "n", "properties": {"datetime": "2022-06-01T00:00:00Z"}}
        item["assets"] = {"image": {"href": f"{server.address}/naip.tif", "type": "image/tiff"}}
        document = tmp_path / "www" / path
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    region = tmp_path / "region.toml"
    # The tests' detector: the weights decide nothing of what is read but the resolution.
    text = text.replace("[output]", '[model]\nweights = "painted"\ngsd_m = 0.3\n\n[output]')
    region.write_text(text.replace("https://" + address.split("/")[2], server.address))
    gpd.GeoDataFrame(geometry=[PLACE], crs=4326).to_file(tmp_path / "county.geojson")
    gpd.GeoDataFrame(geometry=[PLACE], crs=4326).to_file(tmp_path / "gemeinde.geojson")
    for extract in ("oam", "county", "gemeinde"):
        header = osmium.io.Header()
        header.add_box(osmium.osm.Box(8.4, 46.9, 8.6, 47.1))
        osmium.SimpleWriter(str(tmp_path / f"{extract}.osm.pbf"), header=header).close()
    assert main(["info", str(region)]) == 0
    said = capsys.readouterr().out
    assert f"region   {name}" in said and "wrong    nothing found" in said
    assert 0.005 < float(said.split("area     ")[1].split(" km2")[0]) < 0.1
    assert "by its header: 100% of the tiles" in said
    assert ("fetching tiles" in said) == (name == "swissimage")
    # A tile service is not asked before a run; its tiles would be of this size.
    assert (not server.requests) == (name == "swissimage")
