"""The code that makes parts -> a digest: parts made by other code, or other libraries, are not taken over."""

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

from groundplan.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]

CODE = (
    "detection/*.py",
    "tiling/*.py",
    "pipeline/blocks.py",
    "pipeline/ahead.py",
    "postprocess/contours.py",
    "postprocess/options.py",
    "postprocess/outline.py",
    "postprocess/parts.py",
    "postprocess/polygonal.py",
    "postprocess/simplified.py",
    "groundplan/crs.py",
    "groundplan/labels.py",
    "groundplan/records.py",
    "groundplan/schema.py",
    "groundplan/vector.py",
)
"""Files that decide what a part holds; a test follows the imports of `pipeline.blocks` to find missing ones."""

LIBRARIES = ("contourpy", "numpy", "rasterio", "shapely", "torch", "torchvision")
"""Packages whose other versions may read, detect or outline otherwise."""


@cache
def stage_code() -> str:
    """Return a digest of the code that reads, detects and outlines, and of the libraries that it calls."""
    digest = hashlib.sha256()
    for path in code_files():
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    for name in LIBRARIES:
        digest.update(f"{name} {_version(name)}\0".encode())
    return digest.hexdigest()[:16]


def check_code(planned: str) -> None:
    """Refuse to make parts under a name that stands for other code than this process runs.

    Raises
    ------
    ConfigError
        The run was planned with another groundplan, or other libraries.
    """
    if planned != stage_code():
        raise ConfigError(
            "a worker has another version of groundplan or its libraries than the machine that started the run; "
            "install the same on all of them"
        )


def code_files() -> list[Path]:
    """Return the files of `CODE`, sorted."""
    return sorted(path for pattern in CODE for path in ROOT.glob(pattern))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
