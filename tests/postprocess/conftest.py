"""Known polygons painted into tiles, as exact masks or as a network would give them."""

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from shapely import affinity

from groundplan.labels import LABEL_IDS
from groundplan.records import Detections
from postprocess.options import PolygonOptions
from postprocess.parts import parts_frame, tile_footprints

CRS = "EPSG:32632"
LEFT, TOP, GSD_M = 500_000.0, 5_000_000.0, 0.3


def to_metres(geometry):
    """Polygon in scene pixels (y down) -> polygon in the CRS."""
    return affinity.affine_transform(geometry, [GSD_M, 0, 0, -GSD_M, LEFT, TOP])


def truth_frame(objects):
    """[(label, polygon in scene pixels)] -> truth in the CRS."""
    return gpd.GeoDataFrame(
        {"label": [label for label, _ in objects]}, geometry=[to_metres(p) for _, p in objects], crs=CRS
    )


def raster(polygon, width, height):
    """Pixels whose centre the polygon contains, as (x0, y0, bool array), cut to the scene."""
    x0, y0, x1, y1 = polygon.bounds
    x0, y0 = max(int(np.floor(x0)), 0), max(int(np.floor(y0)), 0)
    x1, y1 = min(int(np.ceil(x1)), width), min(int(np.ceil(y1)), height)
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    return x0, y0, shapely.contains_xy(polygon, x, y)


def tile_starts(size, tile_px, overlap_px):
    return range(0, max(size - overlap_px, 1), tile_px - overlap_px)


def reduced(mask, cells=28):
    """A mask averaged over `cells` x `cells` equal cells, as RoIAlign's targets are."""

    def along(array):
        total = np.concatenate((np.zeros((1, array.shape[1])), np.cumsum(array, axis=0)))
        edges = np.linspace(0, len(array), cells + 1)
        low = np.minimum(edges.astype(int), len(array) - 1)
        at = total[low] + (edges - low)[:, None] * (total[low + 1] - total[low])
        return np.diff(at, axis=0) / np.diff(edges)[:, None]

    return along(along(mask.astype(float)).T).T


def paint(objects, *, width, height, tile_px, overlap_px, noise=None, dropped=0.0):
    """Yield (Detections, transform) of every tile; `noise` a generator for imitated 28 x 28 grids."""
    rasters = [(label, *raster(polygon, width, height)) for label, polygon in objects]
    for top in tile_starts(height, tile_px, overlap_px):
        for left in tile_starts(width, tile_px, overlap_px):
            boxes, labels, scores, masks = [], [], [], []
            for label, x0, y0, painted in rasters:
                c0, r0 = max(left - x0, 0), max(top - y0, 0)
                piece = painted[r0 : max(top + tile_px - y0, 0), c0 : max(left + tile_px - x0, 0)]
                if not piece.any():
                    continue
                rows, cols = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
                crop = piece[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
                x, y = x0 + c0 + cols[0] - left, y0 + r0 + rows[0] - top
                box = np.array([x, y, x + crop.shape[1], y + crop.shape[0]], dtype=float)
                score, mask = 1.0, crop.astype(np.float32)
                if noise is not None:
                    if noise.random() < dropped or min(crop.shape) < 3:
                        continue
                    box = np.clip(box + noise.uniform(-1, 1, 4), 0, tile_px)
                    score, mask = noise.uniform(0.5, 1), reduced(crop).astype(np.float32)
                boxes.append(box)
                labels.append(LABEL_IDS[label])
                scores.append(score)
                masks.append(mask)
            detections = Detections(
                boxes=np.array(boxes, dtype=np.float32).reshape(-1, 4),
                labels=np.array(labels, dtype=np.int64),
                scores=np.array(scores, dtype=np.float32),
                masks=tuple(masks),
            )
            yield detections, Affine(GSD_M, 0, LEFT + left * GSD_M, 0, -GSD_M, TOP - top * GSD_M)


def painted_parts(objects, *, tile_px, options=None, **how):
    options = options or PolygonOptions(gsd_m=GSD_M)
    tiles = [
        tile_footprints(found, transform=transform, tile_px=tile_px, options=options)
        for found, transform in paint(objects, tile_px=tile_px, **how)
    ]
    return parts_frame(tiles, crs=CRS)


def court_row(count, length_m, width_m, angle_deg, centre):
    """Abutting rectangles side by side, turned as one about `centre` (scene pixels)."""
    w, h = width_m / GSD_M, length_m / GSD_M
    boxes = [shapely.box(k * w, 0, (k + 1) * w, h) for k in range(count)]
    moved = affinity.translate(shapely.GeometryCollection(boxes), centre[0] - count * w / 2, centre[1] - h / 2)
    return list(affinity.rotate(moved, angle_deg, origin=centre).geoms)


@pytest.fixture(scope="session")
def painted():
    """The functions of this file, for tests."""
    return SimpleNamespace(
        crs=CRS,
        gsd_m=GSD_M,
        paint=paint,
        parts=painted_parts,
        truth=truth_frame,
        raster=raster,
        reduced=reduced,
        court_row=court_row,
        to_metres=to_metres,
    )
