"""The same blocks on one worker process and on two -> how much faster two are, by the clock, as JSON.

Workers are those of a run: the network has one thread, another reads and outlines. On two cores a worker that is
alone has the second for that other thread, so two workers are also compared with one whose threads share a core.
Beside the network, blocks that burn a fixed amount of processor time show what the machine itself gives: on one
that does other things as well, no figure says anything of groundplan.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from _table import write_row
from pipeline_overhead import write_region

from pipeline.blocks import run_block
from pipeline.config import read_region
from pipeline.executor import open_executor
from pipeline.plan import BlockTask, make_plan

BURN_S = 0.25


def burn(_: BlockTask) -> None:
    """Use a fixed amount of this thread's processor time."""
    start = time.thread_time()
    while time.thread_time() - start < BURN_S:
        sum(range(1000))


def hold_to(cores: set[int]) -> None:
    """Let all threads of this process run on these cores only."""
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def timed(run: Callable[[], Iterable[Any]]) -> float:
    """Return seconds by the clock until all results are there."""
    start = time.perf_counter()
    for _ in run():
        pass
    return time.perf_counter() - start


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiles", type=int, default=12, help="a side; four to a block, as region files have it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        region = write_region(Path(folder), houses=60, tiles=options.tiles)
        region.write_text(region.read_text().replace(f"block_tiles = {options.tiles}", "block_tiles = 2"))
        plan = make_plan(read_region(region, out=Path(folder) / "run"), device="cpu", threads=1)
        tasks = list(plan.tasks)
        cores = os.sched_getaffinity(0)
        times: dict[str, list[float]] = {}
        with (
            open_executor(workers=1, scheduler=None) as one,
            open_executor(workers=2, scheduler=None) as two,
        ):
            jobs = {
                "one": (one, run_block),
                "one_core": (one, run_block),
                "two": (two, run_block),
                "one_burns": (one, burn),
                "two_burn": (two, burn),
            }
            for each in range(options.rounds + 1):
                for name, (executor, function) in jobs.items():
                    one.client.run(hold_to, {min(cores)} if name == "one_core" else cores)
                    took = timed(
                        lambda e=executor, f=function: e.run(f, tasks, work=lambda task: len(task.numbers))
                    )
                    if each:  # the first loads the network
                        times.setdefault(name, []).append(took)

    def seconds(name: str) -> float:
        return round(statistics.median(times[name]), 2)

    def ratio(slow: str, fast: str) -> float:
        pairs = zip(times[slow], times[fast], strict=True)
        return round(statistics.median(a / b for a, b in pairs), 2)

    write_row(
        "second_worker",
        {
            "blocks": len(tasks),
            "one_worker_s": seconds("one"),
            "one_worker_on_one_core_s": seconds("one_core"),
            "two_workers_s": seconds("two"),
            "two_times_as_fast": ratio("one", "two"),
            "two_times_as_fast_as_one_on_one_core": ratio("one_core", "two"),
            "two_times_as_fast_at_burning": ratio("one_burns", "two_burn"),
        },
    )


if __name__ == "__main__":
    main()
