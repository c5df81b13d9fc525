"""A plan and an executor -> parts on disk for every block, resumed from what is there."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groundplan.errors import OutputError
from pipeline.blocks import BlockResult, run_block, standing_result
from pipeline.executor import Executor, Failure
from pipeline.part_names import OWN_NAME
from pipeline.plan import BlockTask, Plan
from tiling.grid import tile_number

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What the detection stage left behind."""

    results: tuple[BlockResult, ...]
    """Of every block that was worked through, now or earlier, row-major."""
    failed: dict[str, str]
    """Part name of each block that no worker could finish, and why."""
    resumed: int
    """Blocks taken over from an earlier run."""

    @property
    def complete(self) -> bool:
        """Whether every tile was looked at."""
        return not self.failed and not any(result.failures for result in self.results)


def detect(
    plan: Plan, executor: Executor, *, on_block: Callable[[BlockResult | None], None] | None = None
) -> Detected:
    """Run every block that has no whole part yet.

    Parameters
    ----------
    plan : Plan
    executor : Executor
    on_block : callable, optional
        Called with each block's result (None where it failed), earlier ones included.
    """
    results, waiting = find_done(plan)
    resumed = len(results)
    if resumed:
        log.info("%d of %d blocks taken over from an earlier run", resumed, len(plan.tasks))
    for result in results:
        if on_block is not None:
            on_block(result)
    failed: dict[str, str] = {}
    for task, outcome in executor.run(make_part, waiting, work=lambda task: len(task.numbers)):
        if isinstance(outcome, Failure):
            log.error("block row %d, col %d failed: %s", task.row, task.col, outcome.error)
            failed[task.part.name] = outcome.error
        else:
            results.append(outcome)
        if on_block is not None:
            on_block(None if isinstance(outcome, Failure) else outcome)
    ordered = tuple(sorted(results, key=lambda each: (each.coarse, each.row, each.col)))
    _drop_stale(plan)
    return Detected(results=ordered, failed=failed, resumed=resumed)


def looked_at(plan: Plan, detected: Detected, *, coarse: bool) -> NDArray[np.int64]:
    """Return the numbers of the tiles of one pass that did not fail."""
    grid = plan.coarse.grid if coarse and plan.coarse is not None else plan.region.grid
    missed = [
        tile_number(grid, row=failure.row, col=failure.col)
        for result in detected.results
        for failure in result.failures
        if failure.coarse == coarse
    ]
    for task in plan.tasks:
        if task.coarse == coarse and task.part.name in detected.failed:
            missed += task.numbers
    return np.setdiff1d(plan.tile_numbers(coarse=coarse), np.array(missed, np.int64))


def make_part(task: BlockTask) -> BlockResult:
    """Run a block, unless its part is there: whoever made it may have died before it could say so."""
    return standing_result(task) or run_block(task)


def check_parts(folder: Path) -> None:
    """Refuse a folder of parts that holds anything else, before work is done and files are removed.

    Raises
    ------
    OutputError
        There are files that groundplan did not make: they would be merged with what is found, or lost.
    """
    foreign = sorted(path.name for path in folder.glob("[!.]*") if not OWN_NAME.fullmatch(path.name))
    if foreign:
        raise OutputError(
            f"{folder} holds {len(foreign)} files that groundplan did not make, such as {foreign[0]!r}; "
            "move them away, or choose another folder with --out"
        )


def forget_parts(plan: Plan) -> None:
    """Remove all parts of earlier runs."""
    for path in (plan.config.out / "parts").glob("*"):
        if OWN_NAME.fullmatch(path.name):
            path.unlink()


def find_done(plan: Plan) -> tuple[list[BlockResult], list[BlockTask]]:
    """Return the results that stand, and the tasks that are left; blocks with failed tiles are tried again."""
    results, waiting = [], []
    for task in plan.tasks:
        result = standing_result(task)
        if result is not None:
            results.append(result)
        else:
            waiting.append(task)
    return results, waiting


def _drop_stale(plan: Plan) -> None:
    """Remove parts of other weights, parameters or scenes, so that parts/ holds this run and nothing else."""
    known = {path for task in plan.tasks for path in (task.part, task.done)}
    for path in (plan.config.out / "parts").glob("*"):
        if path not in known and OWN_NAME.fullmatch(path.name):
            path.unlink()
