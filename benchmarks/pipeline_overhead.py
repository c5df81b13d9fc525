"""A drawn scene -> processor time of whole blocks, read to written, against its bare forward passes, as JSON."""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from _table import write_row
from affine import Affine
from engine import TILE_PX, drawn_town

from pipeline.blocks import run_block, worker_detector
from pipeline.config import read_region
from pipeline.plan import make_plan
from tiling.read import SceneReader

WIDTH_PX = TILE_PX + 384


def write_region(folder: Path) -> Path:
    """Write a region of two tiles that show a drawn town, compressed as imagery is."""
    town = np.concatenate([drawn_town(60, seed=seed) for seed in (1, 2)], axis=2)[:, :, :WIDTH_PX]
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "tiled": True, "compress": "jpeg"}
    place = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)
    with rasterio.open(
        folder / "scene.tif",
        "w",
        width=WIDTH_PX,
        height=TILE_PX,
        crs="EPSG:32633",
        transform=place,
        **profile,
    ) as scene:
        scene.write(town)
    path = folder / "region.toml"
    path.write_text(
        'name = "town"\nscenes = ["scene.tif"]\n[model]\ngsd_m = 0\n[tiling]\noverlap_px = 128\nblock_tiles = 4\n'
    )
    return path


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    whole, bare = [], []
    with tempfile.TemporaryDirectory() as name:
        config = read_region(write_region(Path(name)), out=Path(name) / "run")
        plan = make_plan(config, device="cpu", threads=1)
        detector = worker_detector(plan.tasks[0].detector)
        with SceneReader(plan.region) as reader:
            images = [reader.read(tile)[0] for task in plan.tasks for tile in task.tiles]
        detector.detect(images[:1])
        for _ in range(options.rounds):
            start = time.process_time()
            results = [run_block(task) for task in plan.tasks]
            middle = time.process_time()
            for image in images:
                detector.detect([image])
            whole.append(middle - start)
            bare.append(time.process_time() - middle)
    assert not any(result.failures for result in results)
    write_row(
        "pipeline_overhead",
        {
            "tiles": len(images),
            "parts": sum(result.n_parts for result in results),
            "whole_ms_a_tile": round(statistics.median(whole) / len(images) * 1000),
            "bare_ms_a_tile": round(statistics.median(bare) / len(images) * 1000),
            "bare_share": round(statistics.median(b / w for b, w in zip(bare, whole, strict=True)), 3),
        },
    )


if __name__ == "__main__":
    main()
