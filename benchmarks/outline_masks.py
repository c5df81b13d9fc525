"""A hundred 28 x 28 masks of one tile -> times of our outlines and of pasted masks made polygons, as JSON."""

import argparse
import json
import statistics
import time

import numpy as np
import rasterio.features
import shapely
import torch
from affine import Affine
from torchvision.models.detection.roi_heads import paste_masks_in_image

from groundplan.records import Detections
from postprocess.outline import outlines

TILE_PX = 512


def make_detections(count: int, *, seed: int = 5) -> Detections:
    """Return rectangles of 15 to 120 px at any angle as a network's mask head would give them."""
    random = np.random.default_rng(seed)
    boxes, masks = [], []
    for _ in range(count):
        size = random.uniform(15, 120, 2)
        x0, y0 = random.uniform(0, TILE_PX - size)
        at = (np.arange(28) + 0.5) / 28 - 0.5
        u, v = np.meshgrid(at * size[0], at * size[1])
        turn, half = random.uniform(0, np.pi), size.min() * random.uniform(0.3, 0.45, 2)
        away = np.maximum(
            np.abs(u * np.cos(turn) + v * np.sin(turn)) - half[0],
            np.abs(v * np.cos(turn) - u * np.sin(turn)) - half[1],
        )
        boxes.append((x0, y0, x0 + size[0], y0 + size[1]))
        masks.append((1 / (1 + np.exp(away + random.normal(0, 0.2, away.shape)))).astype(np.float32))
    return Detections(
        boxes=np.array(boxes, dtype=np.float32),
        labels=np.ones(count, dtype=np.int64),
        scores=np.ones(count, dtype=np.float32),
        masks=tuple(masks),
    )


def pasted(found: Detections) -> list[shapely.Geometry]:
    """Return the largest polygon of every mask pasted into the tile, as torchvision's users do it."""
    grids = torch.from_numpy(np.stack(found.masks))[:, None]
    full = paste_masks_in_image(grids, torch.from_numpy(found.boxes), (TILE_PX, TILE_PX))[:, 0].numpy() >= 0.5
    out = []
    for mask in full.astype(np.uint8):
        pieces = [shapely.geometry.shape(piece) for piece, _ in rasterio.features.shapes(mask, mask=mask == 1)]
        out.append(max(pieces, key=lambda piece: piece.area, default=shapely.Polygon()))
    return out


def main() -> None:
    """Print the figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = make_detections(options.count)
    times: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(options.rounds + 1):
        start = time.process_time()
        ours = outlines(found, transform=Affine.identity(), tile_px=TILE_PX)
        middle = time.process_time()
        theirs = np.array(pasted(found), dtype=object)
        times["ours"].append(middle - start)
        times["theirs"].append(time.process_time() - middle)
    ours_s, theirs_s = (statistics.median(times[name][1:]) for name in ("ours", "theirs"))
    shared = shapely.area(shapely.intersection(ours, theirs))
    print(
        json.dumps(
            {
                "masks": options.count,
                "ours_ms": round(ours_s * 1000, 1),
                "paste_and_shapes_ms": round(theirs_s * 1000, 1),
                "times_as_fast": round(theirs_s / ours_s, 1),
                "median_iou": round(float(np.median(shared / shapely.area(shapely.union(ours, theirs)))), 3),
            }
        )
    )


if __name__ == "__main__":
    main()
