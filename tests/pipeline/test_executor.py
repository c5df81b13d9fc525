"""Executors give each task its result, whatever becomes of the workers."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from groundplan.errors import ConfigError, SceneError
from pipeline.executor import DaskExecutor, Failure, SerialExecutor, check_workers, open_executor


def double(number: int) -> int:
    return 2 * number


def die_once(path: Path) -> str:
    """Take the worker down the first time, as a machine that runs out of memory does."""
    if path.suffix == ".deadly" and not path.exists():
        path.write_text("")
        os._exit(9)
    return path.name


def refuse(number: int) -> int:
    raise SceneError("the scene is gone")


def recur(number: int) -> int:
    return recur(number)


def test_the_serial_executor_keeps_the_order() -> None:
    assert list(SerialExecutor().run(double, [3, 1, 2])) == [(3, 6), (1, 2), (2, 4)]


def test_no_workers_mean_no_cluster() -> None:
    with open_executor(workers=0, scheduler=None) as executor:
        assert isinstance(executor, SerialExecutor)


@pytest.mark.parametrize("workers", [-1, 2000])
def test_impossible_numbers_of_workers_are_refused(workers: int) -> None:
    with pytest.raises(ConfigError, match="choose 0"):
        check_workers(workers)


class BlamingExecutor(DaskExecutor):
    """Blames all tasks that ran beside task 1 for what task 1 did, as Dask does."""

    def _wave(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[tuple[Any, Any | Failure]]:
        for task in tasks:
            yield task, Failure(error="KilledWorker") if 1 in tasks else function(task)


def test_only_the_task_that_kills_workers_fails() -> None:
    done = dict(BlamingExecutor(None).run(double, [0, 1, 2]))
    assert done == {0: 0, 1: Failure(error="KilledWorker"), 2: 4}


@pytest.mark.slow
def test_a_cluster_bears_dying_workers_and_passes_our_errors_on(tmp_path: Path) -> None:
    with open_executor(workers=2, scheduler=None) as executor:
        assert isinstance(executor, DaskExecutor)
        assert dict(executor.run(double, range(40))) == {number: 2 * number for number in range(40)}
        names = [tmp_path / "a", tmp_path / "b.deadly", tmp_path / "c"]
        assert dict(executor.run(die_once, names)) == {name: name.name for name in names}
        with pytest.raises(SceneError, match="the scene is gone"):
            list(executor.run(refuse, [1]))
        # Dask cannot send such an error's own traceback, and the client would wait for ever.
        with pytest.raises(RuntimeError, match=r"a worker failed.*RecursionError"):
            list(executor.run(recur, [1]))
