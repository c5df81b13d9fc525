"""Towns of growing size, two thirds of them mapped -> peak memory and time of the comparison with OSM, as JSON."""

import argparse
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmium
import shapely
from _peak import run_alone
from _table import write_row
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.geoparquet import write_parquet

CRS = "EPSG:32632"
STEP_M = 25.0
SMALL, FULL = (20_000, 80_000), (60_000, 240_000, 960_000)
DIFF = """
import datetime as dt, sys
from pathlib import Path
from groundplan.records import Imagery
from groundplan.vector import read_vector
from osm.diff import diff
imagery = Imagery(id="town", date=dt.date(2024, 6, 1), licence="CC0-1.0")
report = diff(read_vector(Path(sys.argv[1])), Path(sys.argv[2]), out=Path(sys.argv[3]), imagery=imagery)
result = report["proposals"]["features"]
"""


def houses(count: int) -> NDArray[np.object_]:
    """Return `count` houses of 80 to 300 m2 in rows, each turned a little, in `CRS`."""
    rng = np.random.default_rng(11)
    side = int(np.ceil(np.sqrt(count)))
    at = np.arange(count)
    middle = np.column_stack((at % side, at // side)) * STEP_M + (520_000.0, 5_220_000.0)
    half = rng.uniform((4.5, 4.5), (10.0, 7.5), (count, 2))
    turn = rng.uniform(0, np.pi, count)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half[:, None]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x, y = corners[..., 0], corners[..., 1]
    ring = np.stack((x * cos - y * sin, x * sin + y * cos), axis=-1) + middle[:, None]
    return np.asarray(shapely.polygons(ring))


def write_town(folder: Path, count: int) -> None:
    """Write all houses as features, and two thirds of them, 1 m beside, as an extract."""
    shapes = houses(count)
    features = gpd.GeoDataFrame({"label": ["building"] * count, "score": 0.9}, geometry=shapes, crs=CRS)
    write_parquet(features, folder / "features.parquet")
    mapped = shapely.transform(shapes[np.arange(count) % 3 > 0], lambda xy: xy + (0.8, -0.6))
    rings = shapely.get_coordinates(transform_geometries(mapped, source=CRS, target=LON_LAT)).reshape(-1, 5, 2)
    make = osmium.osm.mutable
    with osmium.SimpleWriter(str(folder / "town.osm.pbf"), overwrite=True) as writer:
        for number, xy in enumerate(rings[:, :4].reshape(-1, 2), start=1):
            writer.add_node(make.Node(id=number, version=1, location=tuple(xy)))
        for number in range(len(rings)):
            refs = [4 * number + corner for corner in (1, 2, 3, 4, 1)]
            writer.add_way(make.Way(id=number + 1, version=1, nodes=refs, tags={"building": "yes"}))


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="up to a million houses (half an hour)")
    options = parser.parse_args()
    rows = []
    for count in FULL if options.full else SMALL:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_town(folder, count)
            proposals, peak_mb, seconds = run_alone(
                DIFF, folder / "features.parquet", folder / "town.osm.pbf", folder / "out"
            )
        rows.append((count, proposals, round(peak_mb), round(seconds, 1)))
    figures = {
        name: [row[place] for row in rows]
        for place, name in enumerate(("features", "proposals", "peak_mb", "seconds"))
    }
    (few, small), (many, large) = [(row[0], row[2]) for row in (rows[0], rows[-1])]
    write_row("diff_memory", {**figures, "kb_a_feature": round((large - small) * 1024 / (many - few), 2)})


if __name__ == "__main__":
    main()
