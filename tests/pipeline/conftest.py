from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize
from shapely.affinity import rotate, translate

from groundplan.labels import LABELS

GSD_M = 0.3


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a painted scene, its truth and an extract that lacks two of its buildings."""
    folder = tmp_path_factory.mktemp("painted")
    transform = Affine(GSD_M, 0, 500_000, 0, -GSD_M, 5_000_000)
    court = shapely.box(0, 0, 36.6, 14.6)
    shapes = [
        ("tennis_court", translate(rotate(translate(court, 0, 14.6 * i), 30, origin=(0, 0)), 500_110, 4_999_900))
        for i in range(6)
    ]
    shapes += [
        ("building", translate(shapely.box(0, 0, 150, 30), 500_020, 4_999_820)),
        ("building", translate(shapely.box(0, 0, 50, 50) - shapely.box(15, 15, 35, 35), 500_180, 4_999_820)),
        (
            "running_track",
            shapely.Point(500_080, 4_999_758).buffer(55) - shapely.Point(500_080, 4_999_758).buffer(45),
        ),
    ]
    size = 1000
    image = np.zeros((3, size, size), np.uint8)
    for number, (label, shape) in enumerate(shapes, start=1):
        inside = rasterize([(shape, 1)], out_shape=(size, size), transform=transform).astype(bool) & (
            image[0] == 0
        )
        image[:, inside] = np.array([LABELS.index(label) + 1, 0, number], np.uint8)[:, None]
    profile = {"driver": "GTiff", "height": size, "width": size, "count": 3, "dtype": "uint8", "tiled": True}
    with rasterio.open(folder / "scene.tif", "w", crs="EPSG:32633", transform=transform, **profile) as scene:
        scene.write(image)
    truth = gpd.GeoDataFrame(
        {"label": [label for label, _ in shapes]}, geometry=[shape for _, shape in shapes], crs="EPSG:32633"
    ).to_crs(4326)
    truth.to_file(folder / "truth.geojson")
    (lon, lat) = truth.geometry.iloc[7].centroid.coords[0]
    (folder / "extract.osm").write_text(
        '<osm version="0.6"><bounds minlat="40" minlon="10" maxlat="50" maxlon="20"/>'
        f'<node id="1" version="1" timestamp="2020-01-01T00:00:00Z" lat="{lat + 0.02}" lon="{lon}"/></osm>'
    )
    return folder
