"""Runs whose processes are killed lose nothing: neither a whole tree at any moment, nor one worker of several."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import numpy as np
import pytest

import pipeline.cluster
import pipeline.merge
from groundplan.errors import ClusterError
from pipeline import executor, worker_watch
from pipeline.cli import main
from pipeline.merge import merge
from pipeline.merge_options import kept_options
from tests.pipeline.clusters import (
    PATIENCE_S,
    kill_group,
    real_cluster,
    spawn,
    start_worker,
    wait_for_workers,
)

REGION = (
    'name = "kills"\nscenes = ["scene.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 128\noverlap_px = 32\nblock_tiles = 2\n"
)
RESULTS = ["features.parquet", "features.geojson", "tiles.npy"]
MOMENTS = ((1, "0"), (9, "2"), (20, "0"))
"""Blocks on disk at which everything is killed, counted, not timed, so that a slow machine tests the same; and how
many worker processes die with it: each imports for seconds before it works."""


def words(region: Path, out: Path, *more: str) -> list[str]:
    return ["run", str(region), "--out", str(out), *more]


def start(region: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    return spawn([sys.executable, "-m", "groundplan", *words(region, out, *more)])


def run_here(region: Path, out: Path, *more: str) -> int:
    """Run in this process, which has imported everything already."""
    return main(words(region, out, *more))


DEADLY = """
import os

import pipeline.blocks

# Loaded more than once a process.
harmless = getattr(pipeline.blocks.run_block, "harmless", pipeline.blocks.run_block)


def run_block(task):
    if (task.row, task.col) == (1, 2):
        os._exit(9)
    return harmless(task)


run_block.harmless = harmless
pipeline.blocks.run_block = run_block
"""
"""What workers load before they start: one block takes down whichever of them it lands on."""


DEADLY_MERGE = """
import os

import pipeline.merge_batches

harmless = getattr(pipeline.merge_batches.merge_batch, "harmless", pipeline.merge_batches.merge_batch)


def merge_batch(task):
    if task.parts["tile_bottom"].min() <= float(os.environ["DEADLY_BELOW_M"]):
        with open(os.environ["DEATHS"], "a") as stream:
            stream.write(f"{os.getpid()}\\n")
        os._exit(9)
    return harmless(task)


merge_batch.harmless = harmless
pipeline.merge_batches.merge_batch = merge_batch
"""
"""What workers load before they start: the southern batches take down whichever of them they land on."""


def wait_for_blocks(process: subprocess.Popen[bytes], out: Path, wanted: int) -> int:
    """Wait until a run has so many blocks on disk, or has ended; return how many it has."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done = len(list((out / "parts").glob("[0-9]*.json")))
        if done >= wanted or process.poll() is not None:
            return done
        assert time.monotonic() < deadline, "the run does not get on"
        time.sleep(0.005)


def results_of(folder: Path) -> dict[str, bytes]:
    parts = sorted((folder / "parts").glob("*.parquet"))
    return {path.name: path.read_bytes() for path in [*(folder / name for name in RESULTS), *parts]}


@pytest.fixture(scope="module")
def undisturbed(painted: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """Return a region and the results of a run of it that nothing happened to."""
    folder = tmp_path_factory.mktemp("kills")
    shutil.copy(painted / "scene.tif", folder / "scene.tif")
    region = folder / "region.toml"
    region.write_text(REGION)
    assert run_here(region, folder / "whole", "--workers", "0") == 0
    return region, results_of(folder / "whole")


@pytest.mark.slow
def test_a_run_killed_three_times_and_resumed_gives_the_same_bytes(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    region, expected = undisturbed
    for n_blocks, workers in MOMENTS:
        process = start(region, tmp_path, "--workers", workers)
        wait_for_blocks(process, tmp_path, n_blocks)
        assert process.poll() is None
        kill_group(process)
    (tmp_path / ".features-abcdefgh.tmp.parquet").write_text("what a kill in the middle of writing leaves")
    assert run_here(region, tmp_path, "--workers", "0") == 0
    assert results_of(tmp_path) == expected
    assert not list(tmp_path.rglob("*.tmp*"))


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_on_a_real_cluster_costs_nothing(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    region, expected = undisturbed
    out = tmp_path / "run"
    with real_cluster(tmp_path) as (address, workers, _):
        wait_for_workers(address, 2)
        process = start(region, out, "--scheduler", address)
        n_done = wait_for_blocks(process, out, 1)
        kill_group(workers[0])
        assert process.wait(PATIENCE_S) == 0
    assert results_of(out) == expected
    n_blocks = sum(name.endswith(".parquet") for name in expected) - 1
    assert 0 < n_done < n_blocks, "the worker was not killed in the middle"


@pytest.mark.slow
def test_a_block_that_kills_every_worker_is_recorded_and_the_run_goes_on(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    region, expected = undisturbed
    out, deadly = tmp_path / "run", tmp_path / "deadly.py"
    deadly.write_text(DEADLY)
    # Two deaths instead of four: workers take seconds to come back.
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    with real_cluster(tmp_path, worker=["--nanny", "--preload", str(deadly)]) as (address, _, _):
        wait_for_workers(address, 2)
        assert run_here(region, out, "--scheduler", address) == 3
    (failed,) = json.loads((out / "manifest.json").read_text())["blocks"]["failed"]
    assert failed["part"].startswith("00001-00002-") and failed["error"].startswith("KilledWorker")
    parts = {name: data for name, data in expected.items() if name.startswith("0")}
    assert len(parts) > 10 and failed["part"] in parts
    assert {path.name for path in (out / "parts").glob("*.parquet")} == set(parts) - {failed["part"]}
    assert all(path.read_bytes() == parts[path.name] for path in (out / "parts").glob("*.parquet"))
    # Elsewhere it does no harm: only this block is left to do, and then all is as if nothing had happened.
    assert run_here(region, out, "--workers", "0") == 0
    assert results_of(out) == expected


@pytest.mark.slow
def test_the_last_block_that_is_left_does_not_take_the_run_with_it(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    region, _ = undisturbed
    out, deadly = tmp_path / "run", tmp_path / "deadly.py"
    shutil.copytree(region.parent / "whole", out)
    for path in (out / "parts").glob("00001-00002-*"):
        path.unlink()
    (out / "report.json").unlink()
    deadly.write_text(DEADLY)
    monkeypatch.setattr(pipeline.cluster, "ALLOWED_FAILURES", 1)
    with dask.config.set({"distributed.worker.preload": [str(deadly)]}):
        assert run_here(region, out, "--workers", "2") == 3
    assert (out / "report.json").is_file()


@pytest.mark.slow
def test_a_run_says_when_no_worker_is_left_waits_for_new_ones_and_ends_where_none_come(
    undisturbed: tuple[Path, dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    region, expected = undisturbed
    out = tmp_path / "run"
    for module in (worker_watch, executor):
        monkeypatch.setattr(module, "LOOK_EACH_S", 0.2)
    monkeypatch.setattr(worker_watch, "SAY_AFTER_S", 0.5)
    monkeypatch.setattr(worker_watch, "PATIENCE_S", 1.5)
    with real_cluster(tmp_path) as (address, workers, _):
        wait_for_workers(address, 2)
        command = ["run", str(region), "--out", str(out), "--scheduler", address]
        with after_blocks(out, 1, lambda: [kill_group(each) for each in workers]):
            assert main(command) == 1
        said = capsys.readouterr().err.splitlines()
        assert any("has no workers left; start some with `dask worker tcp://" in line for line in said)
        assert "has had no workers for 1.5 s" in said[-1] and "it takes over what is done" in said[-1]
        n_done = len(list((out / "parts").glob("[0-9]*.json")))
        assert 0 < n_done < sum(name.endswith(".parquet") for name in expected) - 1
        # With the next worker the run goes on, and outlives it, because another comes in time.
        monkeypatch.setattr(worker_watch, "PATIENCE_S", PATIENCE_S)
        workers.append(start_worker(address, tmp_path, "--no-nanny"))
        wait_for_workers(address, 1)

        def replace() -> None:
            kill_group(workers[-1])
            time.sleep(1.0)
            workers.append(start_worker(address, tmp_path, "--no-nanny"))

        with after_blocks(out, n_done + 1, replace):
            assert main(command) == 0
        assert "workers are there again" in capsys.readouterr().err
    assert results_of(out) == expected


@contextlib.contextmanager
def after_blocks(out: Path, wanted: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something in a thread as soon as a run has so many blocks on disk."""
    ended = threading.Event()

    def wait_and_act() -> None:
        while not ended.wait(0.005):
            if len(list((out / "parts").glob("[0-9]*.json"))) >= wanted:
                act()
                return

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.slow
def test_a_batch_that_kills_workers_ends_the_merge_and_not_the_process_that_asks(
    undisturbed: tuple[Path, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    region, expected = undisturbed
    out, deadly = tmp_path / "run", tmp_path / "deadly.py"
    shutil.copytree(region.parent / "whole", out)
    for name in ("features.parquet", "features.geojson"):
        (out / name).unlink()
    bounds = np.load(out / "tiles.npy")
    deadly.write_text(DEADLY_MERGE)
    monkeypatch.setenv("DEATHS", str(tmp_path / "deaths"))
    monkeypatch.setenv("DEADLY_BELOW_M", str(bounds[:, 1].min() + 0.5))
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    monkeypatch.setattr(pipeline.merge, "WORTH_WORKERS", 1)
    with real_cluster(tmp_path, worker=["--nanny", "--preload", str(deadly)]) as (address, _, _):
        wait_for_workers(address, 2)
        with pytest.raises(ClusterError, match="--workers 0"):
            merge(out, kept_options(out), scheduler=address, parts_at_once=40)
    deaths = (tmp_path / "deaths").read_text().split()
    assert len(deaths) >= 2 and str(os.getpid()) not in deaths
    # By the user's own word it is merged here, where it does no harm.
    merge(out, kept_options(out), workers=0, parts_at_once=40)
    assert results_of(out) == expected
