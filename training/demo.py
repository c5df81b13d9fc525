"""Seed and size -> a rendered region in a folder: scene, OSM extract, truth, expected decisions, region file."""

from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import from_origin
from shapely.affinity import translate

from groundplan.crs import LON_LAT, parse_crs, transform_xy
from groundplan.errors import ConfigError
from groundplan.geojson import write_geojson
from groundplan.whole import whole_file, write_text_whole
from training.demo_mapping import BEYOND_M, OSM_SHIFT_M, Expected, map_town
from training.demo_osm import write_extract
from training.render_town import Town, render_town

CRS: Final = "EPSG:32631"
ORIGIN_M: Final = (500_000.0, 110_000.0)
"""Lower left corner: open sea in the Gulf of Guinea, 1 degree north, so that nobody takes it for a place."""

NOTICE: Final = "Rendered by groundplan, not a photograph; no such place exists"

REGION: Final = """\
# {notice} (seed {seed}).
name   = "demo"
scenes = ["scene.tif"]
truth  = "truth.geojson"

[imagery]
id = "demo-rendered-{seed}"
date = 2026-06-01
licence = "CC0-1.0"
attribution = "rendered, not a photograph"
osm_permitted = true

[osm]
extract = "extract.osm.pbf"

[model]
weights = "default"
gsd_m   = {gsd_m}

[output]
dir = "runs/demo"
"""


def write_demo(out: Path, *, seed: int = 1, size_m: float = 720.0, gsd_m: float = 0.3) -> None:
    """Render the demo region into a folder; equal arguments give equal bytes.

    Writes ``scene.tif`` (a Cloud Optimized GeoTIFF), ``extract.osm.pbf``, ``truth.geojson``,
    ``expected_changes.geojson`` and ``region.toml``. Every file says that it is rendered.

    Parameters
    ----------
    out : Path
        Made when missing; an earlier demo in it is replaced.
    seed : int
        Another seed is another town.
    size_m : float
        Side of the square in metres; below about 600 the largest fields are missing.
    gsd_m : float
        Metres per pixel.

    Raises
    ------
    ConfigError
        The folder holds a region file that is not a demo's.
    DataError
        The size or the resolution cannot be rendered.
    OutputError
        The folder cannot be written to.
    """
    region = out / "region.toml"
    if region.exists() and NOTICE not in region.read_text(encoding="utf-8", errors="replace"):
        raise ConfigError(f"{region} is not a demo's region file; choose another folder with --out")
    town = render_town(size_m=size_m, gsd_m=gsd_m, seed=seed)
    mapped, expected = map_town(town)
    write_scene(town, out / "scene.tif")
    reach = town.size_m + BEYOND_M
    write_extract(
        mapped, out / "extract.osm.pbf", lon_lat=to_lon_lat, bounds_m=(-BEYOND_M, -BEYOND_M, reach, reach)
    )
    write_truth(town, out / "truth.geojson")
    write_expected(expected, out / "expected_changes.geojson")
    write_text_whole(region, REGION.format(notice=NOTICE, seed=seed, gsd_m=gsd_m))


def to_lon_lat(xy_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitude and latitude (N, 2) of local metres (N, 2)."""
    lon, lat = transform_xy(xy_m[:, 0] + ORIGIN_M[0], xy_m[:, 1] + ORIGIN_M[1], source=CRS, target=LON_LAT)
    return np.column_stack([lon, lat])


def write_scene(town: Town, path: Path) -> None:
    """Write the picture as a small Cloud Optimized GeoTIFF with JPEG blocks and overviews."""
    bands, height, width = town.image.shape
    profile = {
        "driver": "GTiff",
        "count": bands,
        "height": height,
        "width": width,
        "dtype": "uint8",
        "crs": parse_crs(CRS).to_wkt(),
        "transform": from_origin(ORIGIN_M[0], ORIGIN_M[1] + town.size_m, town.gsd_m, town.gsd_m),
        "photometric": "RGB",
    }
    with whole_file(path) as part, MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(town.image)
            dataset.update_tags(
                TIFFTAG_IMAGEDESCRIPTION=NOTICE,
                TIFFTAG_COPYRIGHT="CC0-1.0",
                TIFFTAG_SOFTWARE="groundplan demo",
                RENDERED=f"seed {town.seed}",
            )
        with memory.open() as dataset, rasterio.Env(GDAL_NUM_THREADS="1"):
            rasterio.shutil.copy(
                dataset,
                part,
                driver="COG",
                compress="JPEG",
                quality=90,
                blocksize=512,
                overview_resampling="AVERAGE",
            )


def write_truth(town: Town, path: Path) -> None:
    """Write every building and field where the picture shows it."""
    rows = {
        "truth_id": [f"t{number:05d}" for number in range(1, len(town.objects) + 1)],
        "label": [item.label for item in town.objects],
        "area_m2": [round(item.outline.area, 2) for item in town.objects],
    }
    outlines = [item.outline for item in town.objects]
    write_geojson(frame_of(rows, outlines), path, properties={"notice": NOTICE}, id_column="truth_id")


def write_expected(expected: tuple[Expected, ...], path: Path) -> None:
    """Write what a comparison of the truth with the extract should say, object by object."""
    rows = {
        "expected_id": [f"e{number:05d}" for number in range(1, len(expected) + 1)],
        "label": [item.label for item in expected],
        "status": [item.status for item in expected],
        "reason": [item.reason for item in expected],
        "planted": [item.planted for item in expected],
    }
    properties = {
        "notice": NOTICE,
        "osm_shift_m": {"east": OSM_SHIFT_M[0], "north": OSM_SHIFT_M[1]},
        "offset_m": {"east": -OSM_SHIFT_M[0], "north": -OSM_SHIFT_M[1]},
    }
    outlines = [item.outline for item in expected]
    write_geojson(frame_of(rows, outlines), path, properties=properties, id_column="expected_id")


def frame_of(rows: dict[str, list[Any]], outlines: list[Any]) -> gpd.GeoDataFrame:
    """Return a frame in the demo's CRS from columns and local outlines."""
    placed = [translate(outline, *ORIGIN_M) for outline in outlines]
    return gpd.GeoDataFrame(rows, geometry=gpd.GeoSeries(placed, crs=CRS), crs=CRS)
