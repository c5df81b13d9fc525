"""A small painted town with its proposals, and a real headless Chromium to look at the pages."""

import datetime as dt
import shutil

import geopandas as gpd
import numpy as np
import pytest
import shapely
from PIL import Image, ImageDraw

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.records import Imagery
from groundplan.schema import CHANGES, OSM_FEATURES, empty_frame
from review.chips import ChipInfo, ChipOptions, ground_point, plan_chips, write_chip
from review.page import write_review
from review.proposals import PageOptions

UTM = "EPSG:32632"
OFFSET_M = (1.9, -1.4)
IMAGERY = Imagery(id="demo-2026", date=dt.date(2026, 6, 1), licence="CC0-1.0", attribution="Demo survey")
TAGS = {"building": {"building": "yes"}, "tennis_court": {"leisure": "pitch", "sport": "tennis"}}
STATUSES = ("new", "review", "new", "matched", "new", "osm_only")
REASONS = (["no_candidate"], ["partial_overlap", "low_score"], ["no_candidate"], ["iou"], ["no_candidate"], [])


def _rectangle(x, y, width, height, degrees):
    box = shapely.box(-width / 2, -height / 2, width / 2, height / 2)
    turned = shapely.affinity.rotate(box, degrees, origin=(0, 0))
    return shapely.affinity.translate(turned, x, y)


def town(count, *, seed=5):
    """Return metric outlines in OSM's frame, their labels, and statuses, on a jittered 70 m grid."""
    random = np.random.default_rng(seed)
    columns = max(1, round(count**0.5))
    outlines, labels = [], []
    for i in range(count):
        x = 540000 + (i % columns) * 70 + random.uniform(-8, 8)
        y = 5220000 - (i // columns) * 70 + random.uniform(-8, 8)
        court = i % 3 == 2
        size = (23.77, 10.97) if court else tuple(random.uniform(8, 22, 2))
        outlines.append(_rectangle(x, y, *size, random.uniform(0, 90)))
        labels.append("tennis_court" if court else "building")
    return outlines, labels


def paint(plan, outlines, labels, *, offset_m=OFFSET_M):
    """Return the uint8 (3, H, W) picture of one chip: grass, roofs, courts with white lines."""
    random = np.random.default_rng(abs(hash(round(plan.transform.c))) % 1000)
    side = plan.width_px
    canvas = Image.new("RGB", (side, side), (104, 122, 82))
    draw = ImageDraw.Draw(canvas)
    inverse = ~plan.transform
    draw.line([(0, side * 0.86), (side, side * 0.92)], fill=(138, 136, 132), width=round(side * 0.07))
    for outline, label in zip(outlines, labels, strict=True):
        points = [
            ground_point(inverse, x + offset_m[0], y + offset_m[1]) for x, y in shapely.get_coordinates(outline)
        ]
        if not any(-side < x < 2 * side and -side < y < 2 * side for x, y in points):
            continue
        roof = (150 + int(outline.area) % 60, 84, 66)
        draw.polygon(points, fill=(58, 116, 92) if label == "tennis_court" else roof)
        if label == "tennis_court":
            draw.line([*points], fill=(240, 240, 235), width=2)
        else:
            draw.line([points[0], points[2]], fill=(90, 50, 40), width=1)
    pixels = np.asarray(canvas, np.int16) + random.integers(-9, 10, (side, side, 1))
    return np.moveaxis(np.clip(pixels, 0, 255).astype(np.uint8), 2, 0)


def make_changes(outlines, labels, *, hostile=""):
    """Return CHANGES in EPSG:4326; detections in OSM's frame."""
    rows = []
    for i, (outline, label) in enumerate(zip(outlines, labels, strict=True)):
        status = STATUSES[i % len(STATUSES)]
        mapped = status in ("matched", "review", "osm_only")
        element = {"type": "way", "id": 1000 + i, "version": 3, "timestamp": "2022-07-23T17:18:33Z"}
        rows.append(
            {
                "change_id": f"c-{i:05d}",
                "feature_id": "" if status == "osm_only" else f"f-{i:05d}",
                "status": status,
                "label": label,
                "tags": TAGS[label] if status in ("new", "review") else {},
                "score": float("nan") if status == "osm_only" else round(0.99 - (i * 37 % 60) / 100, 2),
                "reasons": REASONS[i % len(REASONS)] + ([hostile] if hostile else []),
                "osm": [element] if mapped else [],
                "iou": 0.2 if mapped else 0.0,
                "cov_det": 0.3 if mapped else 0.0,
                "cov_osm": 0.3 if mapped else 0.0,
                "nearest_m": float("nan") if i % 4 else 14.2,
                "area_m2": outline.area,
                "shape": "rectangle",
                "shape_residual": (i % 7) / 5,
                "review": "pending" if status in ("new", "review") else "none",
                "proposal": f"001.osc#way/-{i + 1}" if status == "new" else "",
                "qa": ["touches a fence"] if i % 5 == 1 else [],
            }
        )
    geometry = transform_geometries(outlines, source=UTM, target=LON_LAT)
    frame = gpd.GeoDataFrame(rows, geometry=geometry, crs=LON_LAT) if rows else empty_frame(CHANGES, crs=LON_LAT)
    return frame


def make_osm(outlines, labels, *, hostile=""):
    """Return OSM_FEATURES: the outlines that statuses call mapped, a little off, and a name."""
    rows, shapes = [], []
    for i, (outline, label) in enumerate(zip(outlines, labels, strict=True)):
        if STATUSES[i % len(STATUSES)] not in ("matched", "review", "osm_only"):
            continue
        near = STATUSES[i % len(STATUSES)] != "review"
        shapes.append(shapely.affinity.translate(outline, *((0.6, 0.4) if near else (7.0, 5.0))))
        tags = TAGS[label] | {"name": hostile or f"Haus {i}"}
        rows.append(
            {
                "osm_type": "way",
                "osm_id": 1000 + i,
                "version": 3,
                "timestamp": "2022-07-23T17:18:33Z",
                "label": label,
                "role": "area",
                "tags": tags,
                "nodes": (1, 2, 3),
            }
        )
    if not rows:
        return empty_frame(OSM_FEATURES, crs=LON_LAT)
    return gpd.GeoDataFrame(rows, geometry=transform_geometries(shapes, source=UTM, target=LON_LAT), crs=LON_LAT)


def _write_example(run_dir, *, count=24, hostile="", region="demo", options=None):
    """Write a whole review folder and return the path of its index.html."""
    outlines, labels = town(count)
    changes = make_changes(outlines, labels, hostile=hostile)
    plans = plan_chips(changes, crs=UTM, offset_m=OFFSET_M, options=ChipOptions(gsd_m=0.2, max_side_px=300))
    # Named by their place in the list, because ids here hold characters that no file name can.
    infos = {
        plan.change_id: ChipInfo(
            path=f"chips/{number:06d}.jpg",
            width_px=plan.width_px,
            height_px=plan.height_px,
            transform=plan.transform,
        )
        for number, plan in enumerate(plans)
    }
    for plan in plans:
        write_chip(run_dir / "review" / infos[plan.change_id].path, paint(plan, outlines, labels))
    return write_review(
        run_dir,
        changes,
        make_osm(outlines, labels, hostile=hostile),
        infos,
        imagery=IMAGERY,
        options=options or PageOptions(region=region, crs=UTM, offset_m=OFFSET_M),
    )


@pytest.fixture(scope="session")
def example_run(tmp_path_factory):
    """Return a run folder with a review page of 24 rows; tests must not change it."""
    folder = tmp_path_factory.mktemp("run")
    _write_example(folder)
    return folder


@pytest.fixture(scope="session")
def write_example():
    """Return the function that writes a review folder into a run folder."""
    return _write_example


@pytest.fixture(scope="session")
def browser():
    """Return a headless Chromium, or skip where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright for Python is not installed")
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("no chromium on the PATH; install Debian's package chromium")
    arguments = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
    ]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=arguments, headless=True)
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    """Return a page of a fresh browser profile; what the page complains about is in ``page.complaints``."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    opened = context.new_page()
    complaints = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.complaints = complaints
    yield opened
    context.close()


CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgba(getComputedStyle(node).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const low = new Set();
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
    if (!own || node.disabled || node.closest('#map, noscript, svg')) continue;
    if (!node.getBoundingClientRect().width) continue;
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.add(node.tagName + ' ' + node.textContent.trim().slice(0, 20) + ' ' + ratio.toFixed(2));
  }
  return [...low];
}"""
"""Texts on the page whose contrast with the ground behind them is below WCAG's 4.5 (its formula for luminance)."""


@pytest.fixture
def low_contrast():
    """Return a function that lists a page's texts whose contrast is below level AA."""
    return lambda page: page.evaluate(CONTRAST)
