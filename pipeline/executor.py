"""Tasks and a function -> results as they come: one after the other here, or on Dask workers."""

import logging
import os
import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from groundplan.errors import ClusterError, ConfigError, DeviceError, Error, OutputError
from pipeline.bundles import Bundles
from pipeline.worker_watch import LOOK_EACH_S, WorkerWatch

log = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")

WAVE_PER_THREAD = 3
"""Bundles of tasks that the scheduler holds per worker thread: enough to keep it busy, few enough to forget a
million."""

DEVICE_LOST = 70
"""Exit code of a worker that cannot use its accelerator any more; EX_SOFTWARE of sysexits.h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A task that no worker could finish."""

    error: str


class Executor(Protocol):
    """Runs tasks; the order of results is free, which task each belongs to is not."""

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        work: Callable[[Task], int] | None = None,
    ) -> Iterator[tuple[Task, Result | Failure]]:
        """Yield each task with its result.

        Parameters
        ----------
        function : callable
            Of a task; one that a worker died over, or beside, is run again.
        tasks : iterable
            Taken as there is room for them.
        work : callable, optional
            How much work a task is; then all are taken at once, and small ones are sent several together.
        """
        ...


class SerialExecutor:
    """Runs tasks one after the other in this process."""

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        work: Callable[[Task], int] | None = None,
    ) -> Iterator[tuple[Task, Result | Failure]]:
        """Yield each task with its result, in order."""
        for task in tasks:
            yield task, function(task)


class DaskExecutor:
    """Runs tasks on the workers of a `distributed.Client`, a wave at a time.

    Parameters
    ----------
    client : distributed.Client
    most : int, optional
        Bundles in a wave, however many workers there are: for tasks that carry data.
    """

    def __init__(self, client: Any, *, most: int | None = None) -> None:
        self.client, self.most = client, most

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        *,
        work: Callable[[Task], int] | None = None,
    ) -> Iterator[tuple[Task, Result | Failure]]:
        """Yield each task with its result as workers finish; a worker's death costs only its tasks a retry.

        Raises
        ------
        ClusterError
            The scheduler is lost, or has had no workers for long.
        """
        suspects: list[Task] = []
        for task, outcome in self._wave(function, Bundles(tasks, work=work)):
            if isinstance(outcome, Failure):
                suspects.append(task)
            else:
                yield task, outcome
        # Dask blames every task that a dying worker held. Alone, only the one that kills workers fails again.
        for task in suspects:
            yield from self._wave(function, Bundles([task]))

    def _wave(
        self, function: Callable[[Task], Result], bundles: Bundles[Task]
    ) -> Iterator[tuple[Task, Result | Failure]]:
        from distributed import KilledWorker

        of_future: dict[str, Sequence[Task]] = {}
        done: queue.Queue[Any] = queue.Queue()
        watch = WorkerWatch(self.client)
        address = self.client.scheduler.address

        def submit_next(room: int) -> bool:
            tasks = bundles.take(shares=room)
            if not tasks:
                return False
            # pure=False: two equal tasks are two tasks. Parts stay on disk; merged features come back here.
            future = self.client.submit(_guarded, function, tasks, pure=False, retries=0)
            of_future[future.key] = tasks
            future.add_done_callback(done.put)
            return True

        while True:
            try:
                # Workers may come and go.
                room = max(1, WAVE_PER_THREAD * watch.threads())
                room = room if self.most is None else min(room, self.most)
            except Error:
                raise
            except (CancelledError, OSError) as error:
                raise _lost(address, error) from error
            while len(of_future) < room and submit_next(room):
                pass
            if not of_future:
                return
            try:
                future = done.get(timeout=LOOK_EACH_S)
            except queue.Empty:
                continue
            tasks = of_future[future.key]
            outcomes: Sequence[Result | Failure]
            try:
                # A worker may die between the end of its task and this call; then the task is run again here.
                outcomes = future.result(timeout=LOOK_EACH_S)
            except TimeoutError:
                done.put(future)
                continue
            except KilledWorker as error:
                outcomes = [Failure(error=_one_line(error))] * len(tasks)
            except Error:
                raise
            except (CancelledError, OSError) as error:
                # An OSError of the task itself would have come as an Error of ours: this is the connection's.
                raise _lost(address, error) from error
            except Exception as error:
                raise RuntimeError(f"a worker failed: {error}") from error
            del of_future[future.key]
            future.release()
            yield from zip(tasks, outcomes, strict=True)


def _lost(address: str, error: BaseException) -> ClusterError:
    return ClusterError(
        f"the scheduler at {address} is lost ({_one_line(error)}); look into its log, start it and its workers "
        "again, and run the same command again: it takes over what is done"
    )


def _one_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def _guarded(function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
    """Run a bundle of tasks on a worker; what nobody foresaw comes back as one short error.

    Dask sends the whole traceback along, and a client never hears of an error whose traceback cannot be sent, such
    as that of an endless recursion: it would wait for ever.
    """
    try:
        return [function(task) for task in tasks]
    except DeviceError as error:
        address = _leave(error)
        raise DeviceError(f"start the worker at {address} again, with a nanny: {error}") from None
    except Error:
        raise
    except OSError as error:
        # As the command line says it of its own process: most often the disk of the run folder is full.
        raise OutputError(f"{_one_line(error)}; check the disk and the permissions") from None
    except Exception as error:
        log.exception("a task failed in a way that nobody foresaw")
        raise RuntimeError(_one_line(error)) from None


def _leave(error: DeviceError) -> str:
    """End a worker process that can no longer use its accelerator, where a nanny starts a new one in its place.

    Its tasks are tried again elsewhere, as after any death of a worker. Without a nanny, return the worker's
    address: its process may be more than a worker, and nobody would start another.
    """
    from distributed import get_worker

    worker = get_worker()
    if worker.nanny:
        log.error("a worker ends, for a new one to take its place: %s", error)
        os._exit(DEVICE_LOST)
    return str(worker.address)


@contextmanager
def open_executor(*, workers: int, scheduler: str | None, most: int | None = None) -> Iterator[Executor]:
    """Yield an executor: a Dask cluster at an address, one on this machine, or none.

    Parameters
    ----------
    workers : int
        Worker processes on this machine, each with `pipeline.cluster.THREADS_PER_WORKER`; 0 runs everything in
        this process.
    scheduler : str, optional
        Address of a running Dask scheduler, such as ``tcp://host:8786``; `workers` is then ignored.
    most : int, optional
        As for `DaskExecutor`.

    Raises
    ------
    ConfigError
        No scheduler answers at the address.
    """
    if scheduler is None and workers == 0:
        yield SerialExecutor()
        return
    from pipeline.cluster import connect, local_cluster

    opened = connect(scheduler) if scheduler is not None else local_cluster(workers)
    with opened as client:
        yield DaskExecutor(client, most=most)


def default_workers() -> int:
    """Return one worker per core of this process; each runs the network with one thread."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_workers(workers: int) -> int:
    """Return the number of workers, or refuse it."""
    if not 0 <= workers <= 1024:
        raise ConfigError(f"--workers {workers}; choose 0 (no worker processes) to 1024")
    return workers
