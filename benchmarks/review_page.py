"""Ten thousand proposals -> seconds to first paint and milliseconds a key press in a real Chromium, as JSON."""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from playwright.sync_api import sync_playwright

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.records import Imagery
from review.chips import ChipInfo, ChipOptions, plan_chips, write_chip
from review.page import write_review
from review.proposals import PageOptions

UTM = "EPSG:32632"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

PAINTED = """() => new Promise(done => {
  const waiting = () => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    if (paint && document.querySelector('#list [role=option]') && document.querySelector('#chip-svg .detected'))
      requestAnimationFrame(() => setTimeout(() => done([paint.startTime, performance.now()]), 0));
    else setTimeout(waiting, 5);
  };
  waiting();
})"""

PRESS = """(key) => new Promise(done => {
  const start = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  const handled = performance.now() - start;
  requestAnimationFrame(() => setTimeout(() => done([handled, performance.now() - start]), 0));
})"""


def make_town(count: int) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return `count` proposals of eight corners each on a 60 m grid, and as many OSM objects beside them."""
    random = np.random.default_rng(7)
    at = np.arange(count)
    side = int(np.ceil(count**0.5))
    x, y = 500000 + at % side * 60.0, 5200000 + at // side * 60.0
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    radius = random.uniform(5, 14, (count, 8))
    rings = np.stack([x[:, None] + radius * np.cos(angles), y[:, None] + radius * np.sin(angles)], axis=2)
    outlines = shapely.polygons(rings)
    status = np.where(at % 4 == 0, "review", "new")
    frame = {
        "change_id": [f"c-{i:016x}" for i in at],
        "feature_id": [f"f-{i:016x}" for i in at],
        "status": status,
        "label": np.where(at % 9 == 0, "tennis_court", "building"),
        "tags": [{"building": "yes"}] * count,
        "score": random.uniform(0.4, 1, count),
        "reasons": [["partial_overlap"] if each == "review" else ["no_candidate"] for each in status],
        "osm": [[{"type": "way", "id": int(i) + 1, "version": 2, "timestamp": ""}] for i in at],
        "iou": 0.1,
        "cov_det": 0.1,
        "cov_osm": 0.1,
        "nearest_m": 12.0,
        "area_m2": shapely.area(outlines),
        "shape": "free",
        "shape_residual": random.uniform(0, 1, count),
        "review": "pending",
        "proposal": "",
        "qa": [[]] * count,
    }
    mapped = {
        "osm_type": "way",
        "osm_id": at + 1,
        "version": 2,
        "timestamp": "",
        "label": "building",
        "role": "area",
        "tags": [{"building": "yes", "name": f"House {i}"} for i in at],
        "nodes": [()] * count,
    }

    def placed(columns: dict[str, object], shapes: np.ndarray) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(
            columns, geometry=transform_geometries(shapes, source=UTM, target=LON_LAT), crs=LON_LAT
        )

    beside = shapely.transform(outlines, lambda xy: xy + np.array([18.0, 6.0]))
    return placed(frame, outlines), placed(mapped, beside)


def main() -> None:
    """Print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--presses", type=int, default=60)
    parser.add_argument("--loads", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        changes, osm = make_town(options.count)
        pixels = np.random.default_rng(1).integers(60, 190, (3, 256, 256), dtype=np.uint8)
        write_chip(Path(folder) / "review" / "chips" / "one.jpg", pixels)
        # One picture for all: the browser opens one chip at a time, however many there are.
        chips = {
            plan.change_id: ChipInfo(
                path="chips/one.jpg", width_px=plan.width_px, height_px=plan.height_px, transform=plan.transform
            )
            for plan in plan_chips(changes, crs=UTM, options=ChipOptions(max_side_px=256))
        }
        start = time.perf_counter()
        page_options = PageOptions(crs=UTM, offset_m=(1.5, -1.0))
        index = write_review(folder, changes, osm, chips, imagery=Imagery(id="bench"), options=page_options)
        written_s = time.perf_counter() - start
        figures = {
            "proposals": options.count,
            "write_s": round(written_s, 2),
            "data_mb": round((index.parent / "data.js").stat().st_size / 1e6, 2),
        }
        print(json.dumps(figures | measure(index, loads=options.loads, presses=options.presses)))


def measure(index: Path, *, loads: int, presses: int) -> dict[str, float]:
    """Return first paint and first complete view (median of fresh loads), and key presses until painted."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        painted = []
        for _ in range(loads):
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.goto(index.as_uri())
            painted.append(page.evaluate(PAINTED))
        pressed = [page.evaluate(PRESS, "jakasuj"[number % 7]) for number in range(presses)]
        browser.close()
    handled, every = (sorted(times) for times in zip(*pressed, strict=True))
    return {
        "first_paint_s": round(statistics.median(first for first, _ in painted) / 1000, 3),
        "complete_s": round(statistics.median(last for _, last in painted) / 1000, 3),
        "key_median_ms": round(statistics.median(every), 1),
        "key_95_percent_ms": round(every[int(0.95 * (len(every) - 1))], 1),
        "key_worst_ms": round(every[-1], 1),
        # Script alone: what of it is ours on a machine that does other things as well.
        "key_script_median_ms": round(statistics.median(handled), 1),
    }


if __name__ == "__main__":
    main()
