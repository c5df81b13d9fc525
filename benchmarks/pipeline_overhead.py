"""A drawn scene -> time from pixels on disk to features against the bare forward passes of its tiles, as JSON."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import rasterio
from _table import write_row
from affine import Affine
from engine import TILE_PX, drawn_town

from pipeline.blocks import close_readers, run_block, worker_detector
from pipeline.config import read_region
from pipeline.plan import make_plan
from pipeline.run import RunOptions, run_detect, run_merge
from tiling.owned import drawn_here
from tiling.read import SceneReader

STRIDE_PX = 384


def write_region(folder: Path, *, houses: int, tiles: int = 2) -> Path:
    """Write a region of so many tiles a side, all one block, that show a drawn town, compressed as imagery is."""
    width_px = (tiles - 1) * STRIDE_PX + TILE_PX
    rows = [
        np.concatenate([drawn_town(houses, seed=tiles * row + col) for col in range(tiles)], axis=2)
        for row in range(tiles)
    ]
    town = np.concatenate(rows, axis=1)[:, :width_px, :width_px]
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "tiled": True, "compress": "jpeg"}
    place = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)
    with rasterio.open(
        folder / "scene.tif", "w", width=width_px, height=width_px, crs="EPSG:32633", transform=place, **profile
    ) as scene:
        scene.write(town)
    path = folder / "region.toml"
    # One pass, so that both sides look at the same tiles.
    path.write_text(
        'name = "town"\nscenes = ["scene.tif"]\n[model]\ngsd_m = 0\nlabels = ["building"]\nlarge = false\n'
        f"[tiling]\ntile_px = {TILE_PX}\noverlap_px = 128\nblock_tiles = {max(4, tiles)}\n"
    )
    return path


def timed(job: Callable[[], object]) -> tuple[float, float]:
    """Return processor seconds, those of all threads, and seconds by the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    job()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--houses", type=int, default=60, help="drawn in each tile")
    parser.add_argument("--tiles", type=int, default=6, help="a side: fewer would count a run's start as a tile's")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        region = write_region(Path(name), houses=options.houses, tiles=options.tiles)
        config = read_region(region, out=Path(name) / "run")
        plan = make_plan(config, device="cpu", threads=1)
        run_detect(plan, RunOptions(workers=0))  # a merge finds there which tiles were looked at
        (task,) = plan.tasks
        detector = worker_detector(task.detector)
        with SceneReader(plan.region) as reader:
            images = [reader.read(tile)[0] for tile in task.tiles]
        drawn = [partial(drawn_here, tile=tile, grid=plan.region.grid) for tile in task.tiles]
        results = []

        def block() -> None:
            close_readers()  # a run reads everything for the first time
            results.append(run_block(task))

        jobs: dict[str, Callable[[], object]] = {
            "bare": lambda: [detector.detect([image], [own]) for image, own in zip(images, drawn, strict=True)],
            "block": block,
            "merge": lambda: run_merge(plan, RunOptions(workers=0)),
        }
        times: dict[str, list[tuple[float, float]]] = {each: [] for each in jobs}
        for _ in range(options.rounds + 1):
            for each, job in jobs.items():
                times[each].append(timed(job))
    assert not any(result.failures for result in results)
    rounds = range(1, options.rounds + 1)  # the first warms up

    def share(kind: int, whole: tuple[str, ...]) -> float:
        each = [times["bare"][n][kind] / sum(times[part][n][kind] for part in whole) for n in rounds]
        return round(statistics.median(each), 3)

    def ms_a_tile(seconds: list[float]) -> float:
        return round(statistics.median(seconds) / len(images) * 1000, 1)

    write_row(
        "pipeline_overhead",
        {
            "tiles": len(images),
            "parts": results[-1].n_parts,
            "bare_ms_a_tile": ms_a_tile([times["bare"][n][0] for n in rounds]),
            "block_ms_a_tile": ms_a_tile([times["block"][n][0] for n in rounds]),
            "merge_ms_a_tile": ms_a_tile([times["merge"][n][0] for n in rounds]),
            "read_ms_a_tile": ms_a_tile([result.read_s for result in results[1:]]),
            "outline_ms_a_tile": ms_a_tile([result.outline_s for result in results[1:]]),
            "bare_share_of_read_to_parts": share(0, ("block",)),
            "bare_share_of_read_to_features": share(0, ("block", "merge")),
            "bare_share_by_the_clock": share(1, ("block", "merge")),
        },
    )


if __name__ == "__main__":
    main()
