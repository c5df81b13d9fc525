"""A painted run that is killed, tree and all, at random moments -> how often resuming gave the same bytes."""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _table import write_row
from scene_scaling import ROOT, write_region


def start(region: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own."""
    command = [
        sys.executable,
        "-m",
        "groundplan",
        "run",
        str(region),
        "--out",
        str(out),
        "--workers",
        str(workers),
    ]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def results_of(out: Path) -> dict[str, bytes]:
    """Return the bytes of a run's features and parts by name."""
    paths = [out / "features.parquet", out / "features.geojson", *sorted((out / "parts").glob("*.parquet"))]
    return {path.name: path.read_bytes() for path in paths}


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=3)
    parser.add_argument("--full", action="store_true", help="20 moments")
    parser.add_argument("--size-px", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = 20 if options.full else options.moments
    chance = random.Random(options.seed)
    same = killed = 0
    with tempfile.TemporaryDirectory() as name:
        region = write_region(Path(name), options.size_px)
        began = time.perf_counter()
        if start(region, Path(name) / "whole", 2).wait() != 0:
            raise SystemExit("the undisturbed run failed")
        took_s = time.perf_counter() - began
        expected = results_of(Path(name) / "whole")
        for number in range(moments):
            out = Path(name) / f"run{number}"
            process = start(region, out, 2)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.1, 1.0) * took_s)
            killed += process.poll() is None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            same += start(region, out, 2).wait() == 0 and results_of(out) == expected
    write_row(
        "resume",
        {"moments": moments, "killed_while_running": killed, "same_bytes": same, "same_share": same / moments},
    )


if __name__ == "__main__":
    main()
