"""Dask clients: a cluster of processes on this machine, or a scheduler at an address."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, LocalCluster

from groundplan.errors import ConfigError

for _talker in ("", ".client", ".nanny", ".worker", ".scheduler"):
    # Ours is the only voice a user wants to hear; Dask announces every connection it opens and closes.
    logging.getLogger(f"distributed{_talker}").setLevel(logging.CRITICAL)
logging.getLogger("tornado").setLevel(logging.CRITICAL)

CONNECT_TIMEOUT_S = 20
ALLOWED_FAILURES = 3
"""Workers that may die over one block before it is recorded as failed."""

THREADS_PER_WORKER = 2
"""Of which one at a time has the network (`pipeline.blocks`): the other reads, outlines and writes meanwhile."""

MEMORY = {"distributed.nanny.pre-spawn-environ.MALLOC_ARENA_MAX": 1}
"""Both threads of a worker share one arena: the memory that the network gave back in one of them, and that
`detection.kept_memory` keeps, is there for it in the other."""

QUIET = {"distributed.worker.profile.enabled": False}
"""Dask would look at what each thread does a hundred times a second, for a page of a dashboard that nobody opens
here: 2 to 3 % of a run."""


@contextmanager
def local_cluster(workers: int) -> Iterator[Any]:
    """Yield a client of a fresh cluster of worker processes on the loopback interface."""
    settings = {"distributed.scheduler.allowed-failures": ALLOWED_FAILURES, **MEMORY, **QUIET}
    # The workers' farewells at shutdown read like failures to a user.
    with dask.config.set(settings):
        with _interrupts_for_us_alone():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=THREADS_PER_WORKER,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                # A network, GDAL's cache and a block's polygons: Dask's own per-core share would pause workers on
                # machines with little memory, long before anything is wrong.
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            )
        with cluster, Client(cluster) as client:
            yield client


@contextmanager
def _interrupts_for_us_alone() -> Iterator[None]:
    """Keep Ctrl-C from the threads and processes that start meanwhile; one that comes is heard afterwards.

    A terminal interrupts all processes of a command, and each worker would print what it was at.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # once running it leaves the mask alone, which it takes off when it starts
    was = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, was)


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Yield a client of a running scheduler; its workers need groundplan installed and see the same paths.

    Raises
    ------
    ConfigError
        Nothing answers at the address, or the scheduler has no workers.
    """
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT_S)
    except (OSError, ValueError, TimeoutError) as err:
        raise ConfigError(
            f"no Dask scheduler answers at {address}: {str(err).splitlines()[0]}; "
            "start one with `dask scheduler`, or leave --scheduler out"
        ) from err
    with client:
        if not client.nthreads():
            raise ConfigError(f"the scheduler at {address} has no workers; start one with `dask worker {address}`")
        yield client
