"""A plan and a few tiles of it -> how long its run would take, measured by looking at them."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detection.load import load_detector
from pipeline.executor import default_workers
from pipeline.plan import Plan
from tiling.grid import tile_at
from tiling.owned import drawn_here

MEASURED_LOOKS = 3
"""The first warms up and does not count; the median of the others does."""

SHORT_S = 0.05
"""Of shorter looks, such as the painted detector's, nothing is to be learned of how busy a machine is."""

BUSY = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a run would take of time, and from what that follows."""

    look_s: float
    """One look at a tile on one core, all views of it: processor time, as on a machine with nothing else to do."""
    busy: float
    """How many times longer it took by the clock, because the machine does other things as well."""
    read_s: float
    """Reading one tile; 0 where none was read."""
    fetch_s: float
    """Fetching tiles of services at the pace that is kept; 0 without."""
    total_s: float
    """Of detection with one worker a core; merging and comparing add little."""
    on_imagery: bool
    """Whether the looks were at tiles of the region; on blank ones there is nothing to draw."""


def expected_time(plan: Plan, images: Sequence[NDArray[np.uint8]], *, read_s: float) -> Expected | None:
    """Look at a few tiles with the plan's own detector, on one core; None where there is nothing to do.

    Parameters
    ----------
    plan : Plan
    images : sequence of ndarray of shape (3, tile_px, tile_px)
        Tiles of the region; without any, a blank one is looked at.
    read_s : float
        Median time of reading one tile.
    """
    if not plan.tasks:
        return None
    tile_px = plan.region.grid.tile_px
    shown = list(images[:MEASURED_LOOKS]) or [np.full((3, tile_px, tile_px), 127, np.uint8)]
    detector = load_detector(plan.tasks[0].detector)
    grid = plan.region.grid
    # Of a tile amid others, to which it leaves what lies in their cores, as most tiles do.
    own = partial(drawn_here, tile=tile_at(grid, row=grid.n_rows // 2, col=grid.n_cols // 2), grid=grid)
    times, clock = [], []
    for index in range(MEASURED_LOOKS):
        worked, started = time.process_time(), time.perf_counter()
        detector.detect([shown[index % len(shown)]], [own])
        times.append(time.process_time() - worked)
        clock.append(time.perf_counter() - started)
    look_s = statistics.median(times[1:])
    fetch_s = sum(_service_s(plan, index) for index in range(len(plan.region.scenes)))
    worked_s = plan.n_looks * (look_s + read_s) / default_workers()
    return Expected(
        look_s=look_s,
        busy=sum(clock[1:]) / max(sum(times[1:]), 1e-9) if look_s > SHORT_S else 1.0,
        read_s=read_s,
        fetch_s=fetch_s,
        total_s=max(worked_s, fetch_s),
        on_imagery=bool(images),
    )


def _service_s(plan: Plan, index: int) -> float:
    """Return how long fetching a service's tiles takes at its pace, none of them being in the cache."""
    scene = plan.region.scenes[index]
    if scene.tiles is None:
        return 0.0
    own_m2 = (scene.gsd_m * scene.tiles.tile_px) ** 2
    grid = plan.region.grid
    n_fine = len(plan.tile_numbers(coarse=False))
    seen_m2 = n_fine * (grid.stride_px * grid.gsd_m) ** 2
    n_wanted = min(seen_m2 / own_m2 + 1, scene.width * scene.height / scene.tiles.tile_px**2)
    return n_wanted / scene.tiles.requests_per_s


def expected_line(found: Expected | None) -> str:
    """Return the expected time in words, with what it assumes."""
    if found is None:
        return "nothing to do"
    cores = default_workers()
    parts = [f"{found.look_s:.2g} s a tile, measured here on one core"]
    if not found.on_imagery:
        parts[0] += " with a blank tile"
    if found.read_s:
        parts.append(f"reading {found.read_s:.2g} s")
    if found.fetch_s:
        parts.append(f"fetching tiles {_duration(found.fetch_s)} at the pace set")
    if found.busy > BUSY:
        parts.append(f"the machine is busy: now {found.busy:.0f} x as long")
    return f"about {_duration(found.total_s)} on {cores} cores ({'; '.join(parts)})"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
