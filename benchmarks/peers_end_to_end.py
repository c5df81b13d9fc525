"""The demo region, pixels to features -> our time and F1 against SAHI's and the loop a user would write, as JSON.

All three look through the same weights, in the same tiles with the same overlap, at the same scores, with one
thread; ours in one process as well. Ours and the peers run in turns. The peers' network lies in memory as torch
lays it out, which is what the documentation of SAHI and torchvision leads to; second figures are for users who
know that the other order, channels last, is faster on CPUs. SAHI is no requirement of groundplan:
where it is missing, its row says so (`pip install sahi==0.12.* opencv-python-headless`).
"""

import argparse
import importlib.metadata
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import geopandas as gpd
import torch
from _peers import Settings, sahi_features, torchvision_model, users_loop
from _table import write_row

from detection.weights import DEFAULT_WEIGHTS, read_weights
from groundplan.vector import read_vector, same_crs
from pipeline.config import read_region
from pipeline.plan import make_plan
from pipeline.run import RunOptions, run_detect, run_merge
from postprocess.score import score_features
from training.demo import write_demo

LABELS = ("building", "tennis_court", "baseball_diamond", "basketball_court")
"""Those of the pass over fine tiles: peers know no second one."""
TILE_PX, OVERLAP_PX = 512, 128
GSD_M = 0.3


def write_region(folder: Path, *, size_px: int) -> Path:
    """Render the demo region at a size and write a region file for one pass over it."""
    write_demo(folder, size_m=size_px * GSD_M, gsd_m=GSD_M)
    path = folder / "peers.toml"
    labels = ", ".join(f'"{label}"' for label in LABELS)
    path.write_text(
        f'name = "peers"\nscenes = ["scene.tif"]\n[model]\nlabels = [{labels}]\nlarge = false\n'
        f"[tiling]\ntile_px = {TILE_PX}\noverlap_px = {OVERLAP_PX}\n"
    )
    return path


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-px", type=int, default=2816, help="fewer tiles would count a run's start")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    record = read_weights(DEFAULT_WEIGHTS).record
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = read_region(write_region(folder, size_px=options.size_px), out=folder / "run")
        plan = make_plan(config, device="cpu", threads=1)
        grid = plan.region.grid
        truth = same_crs(read_vector(folder / "truth.geojson"), grid.crs)
        left, bottom, right, top = grid.bounds
        truth = truth[truth["label"].isin(LABELS)]
        inside = truth.geometry.centroid
        truth = truth[inside.x.between(left, right) & inside.y.between(bottom, top)]
        settings = Settings(
            scene=folder / "scene.tif",
            tile_px=TILE_PX,
            overlap_px=OVERLAP_PX,
            names=record.labels,
            min_score={label: plan.min_score[label] for label in LABELS},
            record=record,
        )

        def ours() -> gpd.GeoDataFrame:
            run_detect(plan, RunOptions(workers=0, fresh=True))
            return run_merge(plan, RunOptions(workers=0))

        jobs: dict[str, Callable[[], gpd.GeoDataFrame]] = {"ours": ours}
        for suffix, memory_format in (("", torch.contiguous_format), ("_channels_last", torch.channels_last)):
            model = torchvision_model(DEFAULT_WEIGHTS, memory_format=memory_format)
            jobs["loop" + suffix] = partial(users_loop, model, settings)
            if importlib.util.find_spec("sahi") is not None:
                jobs["sahi" + suffix] = partial(sahi_features, model, settings)
        cpu: dict[str, list[float]] = {each: [] for each in jobs}
        wall: dict[str, list[float]] = {each: [] for each in jobs}
        f1 = {}
        for _ in range(options.rounds):
            for each, job in jobs.items():
                start = time.process_time(), time.perf_counter()
                found = job()
                cpu[each].append(time.process_time() - start[0])
                wall[each].append(time.perf_counter() - start[1])
                f1[each] = score_features(found, truth)["all"]
    figures: dict[str, object] = {"size_px": options.size_px, "tiles": plan.n_tiles, "objects": len(truth)}
    for each in jobs:
        figures[each] = {
            "cpu_s": round(statistics.median(cpu[each]), 1),
            **{name: round(f1[each][name] or 0.0, 3) for name in ("precision", "recall", "f1")},
        }
        if each != "ours":
            ratios = [theirs / own for theirs, own in zip(cpu[each], cpu["ours"], strict=True)]
            clock = [theirs / own for theirs, own in zip(wall[each], wall["ours"], strict=True)]
            figures[f"times_as_fast_as_{each}"] = round(statistics.median(ratios), 2)
            figures[f"times_as_fast_as_{each}_by_the_clock"] = round(statistics.median(clock), 2)
    known = importlib.metadata.version("sahi") if "sahi" in jobs else "not installed"
    write_row("peers_end_to_end", figures | {"sahi_version": known})


if __name__ == "__main__":
    main()
