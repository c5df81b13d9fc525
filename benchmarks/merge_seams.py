"""Detections of an imagined town -> processor time a feature to merge them, beside SAHI's GREEDYNMM, as JSON."""

import argparse
import gc
import importlib
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.options import PolygonOptions
from postprocess.seams import merge_parts

GSD_M, TILE_PX, OVERLAP_PX = 0.3, 512, 128
LOT_M = 20.0
"""Houses stand this far apart, moved by up to a fifth of it: dense, some of them nearly touching."""
CORNERS = 16
"""Vertices of an outline as a detector draws it."""
VIEWS = 1.95
"""How many tiles see a house, on average."""
ORIGIN = np.array([500_000.0, 5_000_000.0])


def town_parts(count: int, *, seed: int = 3) -> tuple[gpd.GeoDataFrame, NDArray[np.float64]]:
    """Return about `count` parts of houses as overlapping tiles saw them, and the bounds of the tiles."""
    random = np.random.default_rng(seed)
    tile_m, stride_m = TILE_PX * GSD_M, (TILE_PX - OVERLAP_PX) * GSD_M
    side = round((count / VIEWS) ** 0.5)
    place = np.stack(np.divmod(np.arange(side * side), side), axis=1) * LOT_M
    place = place + random.uniform(-0.2 * LOT_M, 0.2 * LOT_M, place.shape)
    half = random.uniform(4.0, 7.0, (len(place), 1, 2))
    turn = random.uniform(0, np.pi / 2, (len(place), 1))
    around = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False) + np.pi / 4
    square = np.stack((np.cos(around), np.sin(around)), axis=1)
    local = square / np.abs(square).max(axis=1, keepdims=True) * half
    x, y, cos, sin = local[..., 0], local[..., 1], np.cos(turn), np.sin(turn)
    rings = np.stack((x * cos - y * sin, x * sin + y * cos), axis=2) + place[:, None] + ORIGIN
    n_tiles = int(np.ceil(side * LOT_M / stride_m)) + 1
    low = np.stack(np.divmod(np.arange(n_tiles * n_tiles), n_tiles), axis=1) * stride_m - LOT_M + ORIGIN
    tiles = np.hstack((low, low + tile_m))
    tile, house = shapely.STRtree(shapely.polygons(rings)).query(shapely.box(*tiles.T))
    # Every tile draws a house a little differently, and cuts it at its border.
    seen = shapely.polygons(rings[house] + random.uniform(-0.15, 0.15, rings[house].shape))
    over = ((shapely.bounds(seen) - tiles[tile]) * [1, 1, -1, -1] < 0).any(axis=1)
    seen[over] = shapely.intersection(seen[over], shapely.box(*tiles[tile[over]].T))
    keep = shapely.area(seen) > 1.0
    seen, tile = seen[keep], tile[keep]
    names = ("tile_left", "tile_bottom", "tile_right", "tile_top")
    columns = {"label": "building", "score": random.uniform(0.5, 1, len(tile))}
    columns |= {name: tiles[tile, k] for k, name in enumerate(names)}
    return gpd.GeoDataFrame(columns, geometry=seen, crs="EPSG:32632"), tiles


def cpu_seconds(job: Callable[[], Any]) -> float:
    """Return the processor time of a job: nothing here runs in parallel, and it bears a loaded machine."""
    gc.collect()
    start = time.process_time()
    job()
    return time.process_time() - start


def sahi_job(parts: gpd.GeoDataFrame, *, outlines: bool) -> Callable[[], Any] | str:
    """Return SAHI's default merging of the parts as a job, or why there is none.

    With their outlines it does what we do; without, it only merges boxes. Predictions are made anew every time,
    because merging changes them.
    """
    try:
        combine = importlib.import_module("sahi.postprocess.combine")
        prediction = importlib.import_module("sahi.prediction").ObjectPrediction
    except ImportError as err:
        return f"not measured: {err} (`make bench` installs it)"
    bounds = shapely.bounds(parts.geometry.to_numpy())
    low = bounds[:, :2].min(axis=0)
    pixels = shapely.transform(parts.geometry.to_numpy(), lambda at: (at - low) / GSD_M)
    width, height = (np.ceil(shapely.bounds(pixels)[:, 2:].max(axis=0)) + 1).astype(int).tolist()
    named = {"category_id": 0, "category_name": "building"}
    found = [
        prediction(
            segmentation=[shapely.get_coordinates(pixel)[:-1].ravel().tolist()],
            full_shape=[height, width],
            score=score,
            **named,
        )
        if outlines
        else prediction(bbox=list(pixel.bounds), score=score, **named)
        for pixel, score in zip(pixels, parts["score"].tolist(), strict=True)
    ]
    merge = combine.GreedyNMMPostprocess(match_threshold=0.5, match_metric="IOS")
    return lambda: merge(found)


def main() -> None:
    """Print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="merge a million, too (a minute, 4 GB)")
    options = parser.parse_args()
    polygons = PolygonOptions(gsd_m=GSD_M)

    def us_a_feature(count: int) -> float:
        parts, tiles = town_parts(count)
        return cpu_seconds(lambda: merge_parts(parts, options=polygons, tiles=tiles)) / len(parts) * 1e6

    parts, _tiles = town_parts(options.count)
    # The first calls load and compile.
    us_a_feature(1000)
    jobs = [sahi_job(parts[:300], outlines=outlines) for outlines in (True, False)]
    without = next((job for job in jobs if isinstance(job, str)), None)
    for job in jobs if without is None else []:
        cpu_seconds(job)
    rows: dict[str, list[float]] = {"ours": [], "ten_times": [], "True": [], "False": []}
    for _ in range(options.rounds):
        rows["ours"].append(us_a_feature(options.count))
        rows["ten_times"].append(us_a_feature(10 * options.count))
        for outlines in (True, False) if without is None else ():
            rows[str(outlines)].append(cpu_seconds(sahi_job(parts, outlines=outlines)) / len(parts) * 1e6)
    ours, tenfold = statistics.median(rows["ours"]), statistics.median(rows["ten_times"])
    figures: dict[str, Any] = {
        "features": len(parts),
        "us_a_feature": round(ours, 1),
        "us_a_feature_of_ten_times_as_many": round(tenfold, 1),
    }
    if without is not None:
        figures["sahi"] = without
    else:
        sahi, boxes = statistics.median(rows["True"]), statistics.median(rows["False"])
        figures |= {"sahi_us_a_feature": round(sahi, 1), "sahi_over_ours": round(sahi / ours, 1)}
        figures |= {"sahi_boxes_only_us_a_feature": round(boxes, 1)}
    if options.full:
        figures |= {"us_a_feature_of_a_million": round(us_a_feature(1_000_000), 1)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
