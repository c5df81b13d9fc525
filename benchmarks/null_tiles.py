"""Blocks of tiles that take no time -> processor time of planning and scheduling per tile, as JSON."""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import rasterio
from _table import write_row
from affine import Affine

from pipeline.blocks import BlockResult
from pipeline.config import read_region
from pipeline.executor import open_executor
from pipeline.plan import BlockTask, make_plan

STRIDE_PX = 384


def null_block(task: BlockTask) -> BlockResult:
    """Return what a block without any imagery would."""
    return BlockResult(
        row=task.row, col=task.col, part=task.part.name, n_tiles=len(task.numbers), n_empty=0, n_parts=0
    )


def write_region(folder: Path, side: int, *, block_tiles: int) -> Path:
    """Write a region of side * side tiles, so many along a block, whose scene has a header and no pixels."""
    size = side * STRIDE_PX
    options = {"driver": "GTiff", "count": 3, "dtype": "uint8", "tiled": True, "SPARSE_OK": True, "BIGTIFF": "YES"}
    place = Affine(0.3, 0, 400_000, 0, -0.3, 5_000_000)
    with rasterio.open(
        folder / "scene.tif", "w", width=size, height=size, crs="EPSG:32633", transform=place, **options
    ):
        pass
    path = folder / "region.toml"
    path.write_text(
        'name = "null"\nscenes = ["scene.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n'
        f"[tiling]\ntile_px = 512\noverlap_px = 128\nblock_tiles = {block_tiles}\n"
    )
    return path


def peak_mb() -> float:
    """Return the most memory this process, which holds plan and scheduler, ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=100, help="tiles along each side of the region")
    parser.add_argument(
        "--block-tiles", type=int, default=2, help="along a block's side; the default of region files"
    )
    parser.add_argument("--full", action="store_true", help="1,000,000 tiles")
    options = parser.parse_args()
    side = 1000 if options.full else options.side
    with tempfile.TemporaryDirectory() as name:
        region = write_region(Path(name), side, block_tiles=options.block_tiles)
        config = read_region(region, out=Path(name) / "run")
        before = peak_mb()
        start = time.process_time()
        plan = make_plan(config, device="cpu", threads=1)
        planned = time.process_time()
        plan_mb = peak_mb()
        with open_executor(workers=2, scheduler=None) as executor:
            ready = time.process_time()
            outcomes = executor.run(null_block, plan.tasks, work=lambda task: len(task.numbers))
            done = sum(outcome.n_tiles for _, outcome in outcomes)
            took = time.process_time() - ready
    assert done == plan.n_tiles
    write_row(
        "null_tiles",
        {
            "tiles": done,
            "block_tiles": options.block_tiles,
            "blocks": len(plan.tasks),
            "plan_ms_a_tile": round((planned - start) / done * 1000, 4),
            "scheduler_ms_a_block": round(took / len(plan.tasks) * 1000, 2),
            "overhead_ms_a_tile": round((planned - start + took) / done * 1000, 4),
            "before_mb": round(before),
            "with_plan_mb": round(plan_mb),
            "plan_and_scheduler_peak_mb": round(peak_mb()),
        },
    )


if __name__ == "__main__":
    main()
