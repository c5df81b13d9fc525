"""The same blocks on one worker process and on two -> how much faster two are, by the clock, as JSON.

Workers are those of a run: the network has one thread, another reads and outlines. Beside the network, blocks
that burn a fixed amount of processor time show what the machine itself gives: on one that does other things as
well, neither figure says anything of groundplan.
"""

import argparse
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

BURN_S = 0.5


def burn(_: BlockTask) -> None:
    """Use a fixed amount of this thread's processor time."""
    start = time.thread_time()
    while time.thread_time() - start < BURN_S:
        sum(range(1000))


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
    parser.add_argument("--tiles", type=int, default=8, help="a side; four to a block, as region files have it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        region = write_region(Path(name), houses=60, tiles=options.tiles)
        region.write_text(region.read_text().replace(f"block_tiles = {options.tiles}", "block_tiles = 2"))
        plan = make_plan(read_region(region, out=Path(name) / "run"), device="cpu", threads=1)
        tasks = list(plan.tasks)
        times: dict[tuple[str, int], list[float]] = {}
        with (
            open_executor(workers=1, scheduler=None) as one,
            open_executor(workers=2, scheduler=None) as two,
        ):
            for each in range(options.rounds + 1):
                for workers, executor in ((1, one), (2, two)):
                    for kind, function in (("network", run_block), ("burn", burn)):
                        took = timed(lambda e=executor, f=function: e.run(f, tasks))
                        if each:  # the first loads the network
                            times.setdefault((kind, workers), []).append(took)

    def ratio(kind: str) -> float:
        pairs = zip(times[kind, 1], times[kind, 2], strict=True)
        return round(statistics.median(a / b for a, b in pairs), 2)

    write_row(
        "second_worker",
        {
            "blocks": len(tasks),
            "one_worker_s": round(statistics.median(times["network", 1]), 2),
            "two_workers_s": round(statistics.median(times["network", 2]), 2),
            "two_times_as_fast": ratio("network"),
            "two_times_as_fast_at_burning": ratio("burn"),
        },
    )


if __name__ == "__main__":
    main()
