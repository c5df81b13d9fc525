"""Processes that are killed with all they started, and clusters of them: Dask as its users start it, over TCP."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 240.0
"""On a machine that does other things as well."""


def spawn(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def real_cluster(
    folder: Path, *, worker: Sequence[str] = ("--no-nanny",)
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]], subprocess.Popen[bytes]]]:
    """Yield the address of a `dask scheduler`, its two `dask worker` processes, and its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    host = ["--host", "127.0.0.1", "--no-dashboard"]
    started = [spawn([*dask, "scheduler", *host, "--port", str(port)])]
    workers: list[subprocess.Popen[bytes]] = []
    try:
        workers += [start_worker(address, folder, *worker) for _ in range(2)]
        yield address, workers, started[0]
    finally:
        for process in started + workers:
            kill_group(process)


def start_worker(address: str, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    own = ["--nthreads", "1", "--local-directory", str(folder), "--no-dashboard", *more]
    return spawn([sys.executable, "-m", "dask", "worker", address, *own])


def wait_for_workers(address: str, count: int) -> None:
    from distributed import Client

    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with Client(address, timeout=5) as client:
                client.wait_for_workers(count, timeout=PATIENCE_S)
                return
        except OSError:
            assert time.monotonic() < deadline, "no scheduler came up"
            time.sleep(0.2)
