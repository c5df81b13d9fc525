"""Executors give each task its result, whatever becomes of the workers."""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from distributed.client import FutureCancelledError
from distributed.comm import CommClosedError

from groundplan.errors import ClusterError, ConfigError, DeviceError, OutputError, SceneError
from pipeline.bundles import BUNDLE, Bundles
from pipeline.executor import DaskExecutor, Failure, SerialExecutor, check_workers, open_executor
from tests.pipeline.clusters import kill_group, real_cluster, wait_for_workers


def double(number: int) -> int:
    return 2 * number


def die_once(path: Path) -> str:
    """Take the worker down the first time, as a machine that runs out of memory does."""
    if path.suffix == ".deadly" and not path.exists():
        path.write_text("")
        os._exit(9)
    return path.name


def lose_the_device_once(path: Path) -> str:
    """Fail in the first process as an accelerator does, and in every later task of it."""
    if not path.exists():
        path.write_text(str(os.getpid()))
    if path.read_text() == str(os.getpid()):
        raise DeviceError("the accelerator failed")
    return path.name


def refuse(number: int) -> int:
    raise SceneError("the scene is gone")


def fill_the_disk(number: int) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def recur(number: int) -> int:
    return recur(number)


class ManyWorkers:
    """A client of a cluster of 100 threads; counts the tasks that it was given and are not done with."""

    def __init__(self) -> None:
        self.scheduler = SimpleNamespace(address="tcp://many:8786")
        self.held = self.most_held = 0
        self.bundles: list[list[int]] = []

    def nthreads(self) -> dict[str, int]:
        """Return the threads of each worker."""
        return {"worker": 100}

    def submit(self, _: Any, function: Callable[[int], int], tasks: Sequence[int], **options: Any) -> Any:
        """Return the future of a bundle of tasks, which is done at once."""
        future: Any = Future()
        future.key, future.release = str(tasks), self.forget
        future.set_result([function(task) for task in tasks])
        self.bundles.append(list(tasks))
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        return future

    def forget(self) -> None:
        """Be done with a task."""
        self.held -= 1


@pytest.mark.parametrize("most", [10, None])
def test_a_wave_of_tasks_that_carry_data_does_not_grow_with_the_cluster(most: int | None) -> None:
    client = ManyWorkers()
    assert dict(DaskExecutor(client, most=most).run(double, range(50))) == {n: 2 * n for n in range(50)}
    assert client.most_held == (most or 50) and client.held == 0


def test_small_tasks_are_sent_together_and_one_by_one_at_the_end() -> None:
    client = ManyWorkers()
    done = dict(DaskExecutor(client).run(double, range(60_000), work=lambda _: 4))
    assert done == {n: 2 * n for n in range(60_000)}
    sizes = [len(bundle) for bundle in client.bundles]
    assert list(chain(*client.bundles)) == list(range(60_000)) and sizes == sorted(sizes, reverse=True)
    assert sizes[0] == BUNDLE // 4 and sizes[-300:] == [1] * 300


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

    def _wave(self, function: Callable[[Any], Any], bundles: Bundles[Any]) -> Iterator[tuple[Any, Any | Failure]]:
        tasks = list(chain.from_iterable(iter(lambda: bundles.take(shares=1), [])))
        for task in tasks:
            yield task, Failure(error="KilledWorker") if 1 in tasks else function(task)


@pytest.mark.parametrize("work", [None, lambda _: 1])
def test_only_the_task_that_kills_workers_fails(work: Callable[[int], int] | None) -> None:
    done = dict(BlamingExecutor(None).run(double, [0, 1, 2], work=work))
    assert done == {0: 0, 1: Failure(error="KilledWorker"), 2: 4}


class LostClient:
    """A client whose scheduler goes away: while it is asked for its workers, or while tasks are waited for."""

    scheduler = SimpleNamespace(address="tcp://here:8786")

    def __init__(self, *, answers: bool, error: Exception) -> None:
        self.answers, self.error = answers, error

    def nthreads(self) -> dict[str, int]:
        if not self.answers:
            raise self.error
        return {"one": 1}

    def submit(self, *_: Any, **__: Any) -> Any:
        def result(timeout: float) -> None:
            raise self.error

        future = SimpleNamespace(key="a", result=result)
        future.add_done_callback = lambda call: call(future)
        return future


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize(
    "error", [FutureCancelledError("a", "scheduler-connection-lost", "two\nlines"), CommClosedError("closed")]
)
def test_a_scheduler_that_goes_away_is_one_line_of_advice(answers: bool, error: Exception) -> None:
    with pytest.raises(ClusterError, match=r"tcp://here:8786 is lost .*it takes over what is done") as caught:
        list(DaskExecutor(LostClient(answers=answers, error=error)).run(double, [1]))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_scheduler_killed_in_the_middle_is_noticed_at_once(tmp_path: Path) -> None:
    with real_cluster(tmp_path) as (address, _, scheduler):
        wait_for_workers(address, 2)
        with open_executor(workers=0, scheduler=address) as executor:
            done = executor.run(double, range(10_000))
            assert next(done)[1] % 2 == 0
            kill_group(scheduler)
            with pytest.raises(ClusterError, match="is lost"):
                list(done)


@pytest.mark.slow
def test_a_worker_that_nobody_would_start_again_says_that_its_device_is_lost(tmp_path: Path) -> None:
    with real_cluster(tmp_path) as (address, workers, _):
        wait_for_workers(address, 2)
        with (
            open_executor(workers=0, scheduler=address) as executor,
            pytest.raises(DeviceError, match=r"start the worker at tcp://.* again, with a nanny: the accelerator"),
        ):
            list(executor.run(lose_the_device_once, [tmp_path / "d"]))
        assert [worker.poll() for worker in workers] == [None, None]


def test_without_workers_a_lost_device_ends_the_run_and_not_the_process(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="the accelerator failed"):
        list(SerialExecutor().run(lose_the_device_once, [tmp_path / "d"]))


@pytest.mark.slow
def test_a_cluster_bears_dying_workers_and_passes_our_errors_on(tmp_path: Path) -> None:
    with open_executor(workers=2, scheduler=None) as executor:
        assert isinstance(executor, DaskExecutor)
        assert dict(executor.run(double, range(40))) == {number: 2 * number for number in range(40)}
        names = [tmp_path / "a", tmp_path / "b.deadly", tmp_path / "c"]
        assert dict(executor.run(die_once, names)) == {name: name.name for name in names}
        # Nor is what was sent together with it lost.
        names = [tmp_path / name for name in ("e", "f.deadly", *map(str, range(80)))]
        assert dict(executor.run(die_once, names, work=lambda _: 1)) == {name: name.name for name in names}
        # The worker that has lost its device leaves it to another.
        assert dict(executor.run(lose_the_device_once, [tmp_path / "d"])) == {tmp_path / "d": "d"}
        with pytest.raises(SceneError, match="the scene is gone"):
            list(executor.run(refuse, [1]))
        with pytest.raises(OutputError, match=r"No space left on device; check the disk and the permissions"):
            list(executor.run(fill_the_disk, [1]))
        # Dask cannot send such an error's own traceback, and the client would wait for ever.
        with pytest.raises(RuntimeError, match=r"a worker failed.*RecursionError"):
            list(executor.run(recur, [1]))
