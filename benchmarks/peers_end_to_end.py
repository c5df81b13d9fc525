"""The demo region, pixels to features -> our time and F1 against SAHI's and the loop a user would write, as JSON.

All three look through the same weights, with the same overlap, at the same scores, with one thread: each in its
own default tiles, SAHI's for the loop, and all in the same tiles of either size. Each runs in a process of its
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
from typing import Any

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
OWN_TILE_PX, SAHIS_TILE_PX = TilingTable().tile_px, 512
"""Where a region file says nothing, and where SAHI's command line is not told."""
OVERLAP_PX = 128
GSD_M = 0.3


def write_regions(folder: Path, *, size_px: int) -> None:
    """Render the demo region at a size and write a region file of each tile size for one pass over it."""
    write_demo(folder, size_m=size_px * GSD_M, gsd_m=GSD_M)
    labels = ", ".join(f'"{label}"' for label in LABELS)
    for tile_px in (OWN_TILE_PX, SAHIS_TILE_PX):
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


def demo_plan(folder: Path, tile_px: int) -> Plan:
    """Return the plan of the rendered region, for one thread."""
    config = read_region(region_file(folder, tile_px), out=folder / f"run_{tile_px}")
    return make_plan(config, device="cpu", threads=1)


def run_ours(folder: Path, tile_px: int) -> list[Run]:
    """Run groundplan over the region in this process."""
    torch.set_num_threads(1)
    plan = demo_plan(folder, tile_px)
    worker_detector(plan.tasks[0].detector)

    def ours() -> gpd.GeoDataFrame:
        run_detect(plan, RunOptions(workers=0, fresh=True))
        return run_merge(plan, RunOptions(workers=0))

    return timed(ours)


def run_peer(folder: Path, tile_px: int, *, peer: str, channels_last: bool) -> list[Run]:
    """Run a peer over the region's scene in this process."""
    torch.set_num_threads(1)
    plan = demo_plan(folder, tile_px)
    record = read_weights(DEFAULT_WEIGHTS).record
    settings = Settings(
        scene=folder / "scene.tif",
        tile_px=tile_px,
        overlap_px=OVERLAP_PX,
        names=record.labels,
        min_score={label: plan.min_score[label] for label in LABELS},
        record=record,
    )
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = torchvision_model(DEFAULT_WEIGHTS, tile_px=tile_px, memory_format=layout)
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


def alone(job: Callable[[Path, int], list[Run]], folder: Path, tile_px: int) -> Run:
    """Return the last run of a job in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(job, folder, tile_px).result()[-1]


def measure(folder: Path, tile_px: int, *, rounds: int) -> dict[str, list[Run]]:
    """Return what each finds and takes in tiles of one size, in turns."""
    jobs: dict[str, Callable[[Path, int], list[Run]]] = {"ours": run_ours}
    for suffix, last in (("", False), ("_channels_last", True)):
        for peer in ("loop", "sahi"):
            if peer == "loop" or importlib.util.find_spec("sahi") is not None:
                jobs[peer + suffix] = partial(run_peer, peer=peer, channels_last=last)
    runs: dict[str, list[Run]] = {each: [] for each in jobs}
    for _ in range(rounds):
        for each, job in jobs.items():
            runs[each].append(alone(job, folder, tile_px))
    return runs


def scored(runs: dict[str, list[Run]], folder: Path, tile_px: int) -> dict[str, Any]:
    """Return how much of the truth each found in tiles of one size, and how long it took."""
    plan = demo_plan(folder, tile_px)
    truth = same_crs(read_vector(folder / "truth.geojson"), plan.region.grid.crs)
    left, bottom, right, top = plan.region.grid.bounds
    truth = truth[truth["label"].isin(LABELS)]
    inside = truth.geometry.centroid
    truth = truth[inside.x.between(left, right) & inside.y.between(bottom, top)]
    figures: dict[str, Any] = {"tiles": plan.n_tiles, "objects": len(truth)}
    for each, own in runs.items():
        score = score_features(own[-1].found, truth)["all"]
        figures[each] = {
            "cpu_s": round(statistics.median(run.cpu_s for run in own), 1),
            **{name: round(score[name] or 0.0, 3) for name in ("precision", "recall", "f1")},
        }
    return figures


def ratios(peers: dict[str, list[Run]], ours: list[Run]) -> dict[str, float]:
    """Return how many times as fast ours is as each peer, the median of all rounds."""
    out = {}
    for each, theirs in peers.items():
        if each != "ours":
            pairs = list(zip(theirs, ours, strict=True))
            out[each] = round(statistics.median(one.cpu_s / own.cpu_s for one, own in pairs), 2)
            by_clock = statistics.median(one.clock_s / own.clock_s for one, own in pairs)
            out[f"{each}_by_the_clock"] = round(by_clock, 2)
    return out


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-px", type=int, default=2816)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    figures: dict[str, Any] = {"size_px": options.size_px}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_regions(folder, size_px=options.size_px)
        runs = {
            tile_px: measure(folder, tile_px, rounds=options.rounds) for tile_px in (OWN_TILE_PX, SAHIS_TILE_PX)
        }
        for each, ratio in ratios(runs[SAHIS_TILE_PX], runs[OWN_TILE_PX]["ours"]).items():
            figures[f"times_as_fast_as_{each}"] = ratio
        for tile_px, own in runs.items():
            for each, ratio in ratios(own, own["ours"]).items():
                figures[f"times_as_fast_as_{each}_in_the_same_{tile_px}"] = ratio
            figures[f"in_tiles_of_{tile_px}"] = scored(own, folder, tile_px)
    known = importlib.util.find_spec("sahi") is not None
    version = importlib.metadata.version("sahi") if known else "not installed"
    write_row("peers_end_to_end", figures | {"sahi_version": version})


if __name__ == "__main__":
    main()
