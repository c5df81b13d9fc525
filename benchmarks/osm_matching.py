"""Detections and mapped areas -> seconds and memory of matching, beside geopandas.overlay, as JSON."""

import argparse
import resource
import statistics
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from _osm_world import CRS
from _table import write_row
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from osm.match import overlaps
from osm.read import read_osm

EXTRACT = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "osm" / "liechtenstein.osm.pbf"
SPAN_M = 40_000.0
"""Copies of the region are laid side by side at this distance."""


def buildings(source: Path, n: int) -> NDArray[np.object_]:
    """Return about `n` buildings: those of the extract, and copies of all of them further and further east."""
    frame = read_osm(source).frame()
    frame = frame[(frame["role"] == "area") & (frame["label"] == "building")]
    shapes = transform_geometries(frame.geometry.to_numpy(), source=LON_LAT, target=CRS)
    shapes = shapes[shapely.is_valid(shapes) & (shapely.get_type_id(shapes) == 3)]
    copies = [moved(shapes, np.array([[SPAN_M * k, 0.0]])) for k in range(-(-n // len(shapes)))]
    return np.concatenate(copies)[:n]


def moved(shapes: NDArray[np.object_], by: NDArray[np.float64]) -> NDArray[np.object_]:
    """Return shapes moved by their own or a common (east, north)."""
    counts = shapely.get_num_coordinates(shapes)
    step = np.repeat(np.broadcast_to(by, (len(shapes), 2)), counts, axis=0)
    return np.asarray(shapely.transform(shapes, lambda xy: xy + step), dtype=object)


def detected(shapes: NDArray[np.object_], n: int) -> NDArray[np.object_]:
    """Return `n` detections: buildings in turn, each moved by about two metres."""
    rng = np.random.default_rng(4)
    chosen = shapes[np.arange(n) % len(shapes)]
    return moved(chosen, rng.normal(0, 2.0, (n, 2)))


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extract", type=Path, default=EXTRACT)
    parser.add_argument("--full", action="store_true", help="a million detections against 180,000 areas")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.extract.is_file():
        print(f"skipped: no extract at {options.extract}; give one with --extract")
        return
    mapped = buildings(options.extract, 17_000)
    seen = detected(mapped, 40_000)
    left, right = gpd.GeoDataFrame(geometry=seen, crs=CRS), gpd.GeoDataFrame(geometry=mapped, crs=CRS)
    ours, theirs = [], []
    for _ in range(options.rounds):
        start = time.perf_counter()
        pairs = overlaps(seen, mapped)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        shared = gpd.overlay(left, right, how="intersection", keep_geom_type=True)
        theirs.append(time.perf_counter() - start)
    total = pairs.cov_det @ shapely.area(seen)[pairs.det]
    assert abs(total / shared.area.sum() - 1) < 1e-6, "both must find the same area"
    one, other = statistics.median(ours), statistics.median(theirs)
    figures: dict[str, float] = {
        "detections": len(seen),
        "areas": len(mapped),
        "seconds": round(one, 2),
        "geopandas_overlay_seconds": round(other, 2),
        "times_as_fast_as_geopandas_overlay": round(other / one, 1),
    }
    if options.full:
        mapped = buildings(options.extract, 180_000)
        seen = detected(mapped, 1_000_000)
        start, cpu = time.perf_counter(), time.process_time()
        pairs = overlaps(seen, mapped)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        figures |= {
            "full_detections": len(seen),
            "full_areas": len(mapped),
            "full_pairs": len(pairs),
            "full_peak_gb": round(peak_gb, 2),
            "full_seconds": round(seconds, 1),
            "full_cpu_s": round(cpu, 1),
        }
    write_row("osm_matching", figures)


if __name__ == "__main__":
    main()
