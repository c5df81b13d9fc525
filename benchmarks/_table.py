"""A benchmark's figures -> one line of JSON, and benchmarks/results/NAME.json with the machine described."""

import json
import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from groundplan.whole import write_text_whole

RESULTS = Path(__file__).parent / "results"
NAMED = ("dask", "nncf", "numpy", "onnxruntime", "openvino", "rasterio", "shapely", "torch", "torchvision")


def write_row(name: str, figures: Mapping[str, Any]) -> None:
    """Print a benchmark's figures and keep them.

    Parameters
    ----------
    name : str
        Of the benchmark's file, without its ending.
    figures : mapping
        Ratios are of medians taken alternately in one run.
    """
    print(json.dumps(dict(figures)))
    row = {
        "benchmark": name,
        "command": " ".join(["python", f"benchmarks/{name}.py", *sys.argv[1:]]),
        "figures": dict(figures),
        "machine": describe_machine(),
        "versions": {each: found for each in NAMED if (found := _version(each)) is not None},
    }
    RESULTS.mkdir(exist_ok=True)
    write_text_whole(RESULTS / f"{name}.json", json.dumps(row, indent=1, sort_keys=True) + "\n")


def describe_machine() -> dict[str, Any]:
    """Return the processor's model and count and how busy it is: nothing that tells one machine from its like."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_at_the_end": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
