"""The demo region, pixels to features -> our time and F1 against SAHI's and the loop a user would write, as JSON.

All three look through the same weights, with the same overlap, at the same scores, with one thread; in the same
tiles, SAHI's, and once more ours in those of region files that say nothing of it. Each runs in a process of its
own, as a user's would, its network loaded beforehand; of two runs the second counts. The peers' network lies in
memory as torch lays it out, which is what the documentation of SAHI and torchvision leads to; second figures are
for users who know that the other order, channels last, is faster on CPUs. SAHI is no requirement of groundplan:
where it is missing, its row says so (`pip install sahi==0.12.* opencv-python-headless`).
"""

import argparse
import importlib.metadata
import importlib.util
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
import torch
from _peers import Settings, sahi_features, torchvision_model, users_loop
from _table import write_row

from detection.weights import DEFAULT_WEIGHTS, read_weights
from groundplan.vector import read_vector, same_crs
from pipeline.blocks import worker_detector
from pipeline.config import TilingTable, read_region
from pipeline.plan import Plan, make_plan
from pipeline.run import RunOptions, run_detect, run_merge
from postprocess.score import score_features
from training.demo import write_demo

LABELS = ("building", "tennis_court", "baseball_diamond", "basketball_court")
"""Those of the pass over fine tiles: peers know no second one."""
TILE_PX, OVERLAP_PX = 512, 128
"""SAHI's slices where its command line is not told of others."""
OWN_TILE_PX = TilingTable().tile_px
GSD_M = 0.3


def write_regions(folder: Path, *, size_px: int) -> None:
    """Render the demo region at a size and write a region file of each tile size for one pass over it."""
    write_demo(folder, size_m=size_px * GSD_M, gsd_m=GSD_M)
    labels = ", ".join(f'"{label}"' for label in LABELS)
    for tile_px in (TILE_PX, OWN_TILE_PX):
        region_file(folder, tile_px).write_text(
            f'name = "peers"\nscenes = ["scene.tif"]\n[model]\nlabels = [{labels}]\nlarge = false\n'
            f"[tiling]\ntile_px = {tile_px}\noverlap_px = {OVERLAP_PX}\n"
        )


def region_file(folder: Path, tile_px: int) -> Path:
    """Return where the region file of a tile size lies."""
    return folder / f"tiles_of_{tile_px}.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one contestant found, and how long that took."""

    found: gpd.GeoDataFrame
    cpu_s: float
    clock_s: float


def demo_plan(folder: Path, tile_px: int = TILE_PX) -> Plan:
    """Return the plan of the rendered region, for one thread."""
    config = read_region(region_file(folder, tile_px), out=folder / f"run_{tile_px}")
    return make_plan(config, device="cpu", threads=1)


def run_ours(folder: Path, *, tile_px: int) -> list[Run]:
    """Run groundplan over the region in this process."""
    torch.set_num_threads(1)
    plan = demo_plan(folder, tile_px)
    worker_detector(plan.tasks[0].detector)

    def ours() -> gpd.GeoDataFrame:
        run_detect(plan, RunOptions(workers=0, fresh=True))
        return run_merge(plan, RunOptions(workers=0))

    return timed(ours)


def run_peer(folder: Path, *, peer: str, channels_last: bool) -> list[Run]:
    """Run a peer over the region's scene in this process."""
    torch.set_num_threads(1)
    plan = demo_plan(folder)
    record = read_weights(DEFAULT_WEIGHTS).record
    settings = Settings(
        scene=folder / "scene.tif",
        tile_px=TILE_PX,
        overlap_px=OVERLAP_PX,
        names=record.labels,
        min_score={label: plan.min_score[label] for label in LABELS},
        record=record,
    )
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = torchvision_model(DEFAULT_WEIGHTS, memory_format=layout)
    work = {"loop": users_loop, "sahi": sahi_features}[peer]
    return timed(lambda: work(model, settings))


def timed(job: Callable[[], gpd.GeoDataFrame], *, runs: int = 2) -> list[Run]:
    """Return what a job finds and takes, each time."""
    out = []
    for _ in range(runs):
        start = time.process_time(), time.perf_counter()
        found = job()
        out.append(Run(found=found, cpu_s=time.process_time() - start[0], clock_s=time.perf_counter() - start[1]))
    return out


def alone(job: Callable[[Path], list[Run]], folder: Path) -> Run:
    """Return the last run of a job in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(job, folder).result()[-1]


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-px", type=int, default=2816)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    jobs: dict[str, Callable[[Path], list[Run]]] = {
        "ours": partial(run_ours, tile_px=TILE_PX),
        "ours_in_own_tiles": partial(run_ours, tile_px=OWN_TILE_PX),
    }
    for suffix, last in (("", False), ("_channels_last", True)):
        for peer in ("loop", "sahi"):
            if peer == "loop" or importlib.util.find_spec("sahi") is not None:
                jobs[peer + suffix] = partial(run_peer, peer=peer, channels_last=last)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_regions(folder, size_px=options.size_px)
        plan = demo_plan(folder)
        grid = plan.region.grid
        truth = same_crs(read_vector(folder / "truth.geojson"), grid.crs)
        left, bottom, right, top = grid.bounds
        truth = truth[truth["label"].isin(LABELS)]
        inside = truth.geometry.centroid
        truth = truth[inside.x.between(left, right) & inside.y.between(bottom, top)]
        runs: dict[str, list[Run]] = {each: [] for each in jobs}
        for _ in range(options.rounds):
            for each, job in jobs.items():
                runs[each].append(alone(job, folder))
    figures: dict[str, object] = {
        "size_px": options.size_px,
        "tiles": plan.n_tiles,
        "own_tile_px": OWN_TILE_PX,
        "objects": len(truth),
    }
    for each, own in runs.items():
        score = score_features(own[-1].found, truth)["all"]
        figures[each] = {
            "cpu_s": round(statistics.median(run.cpu_s for run in own), 1),
            **{name: round(score[name] or 0.0, 3) for name in ("precision", "recall", "f1")},
        }
        if not each.startswith("ours"):
            for ours, tiles in (("ours", ""), ("ours_in_own_tiles", "_in_own_tiles")):
                pairs = list(zip(own, runs[ours], strict=True))
                ratio = statistics.median(theirs.cpu_s / mine.cpu_s for theirs, mine in pairs)
                by_clock = statistics.median(theirs.clock_s / mine.clock_s for theirs, mine in pairs)
                figures[f"times_as_fast_as_{each}{tiles}"] = round(ratio, 2)
                figures[f"times_as_fast_as_{each}{tiles}_by_the_clock"] = round(by_clock, 2)
    known = importlib.metadata.version("sahi") if "sahi" in jobs else "not installed"
    write_row("peers_end_to_end", figures | {"sahi_version": known})


if __name__ == "__main__":
    main()
