"""The code that makes parts -> a digest: parts made by other code, or other libraries, are not taken over."""

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

import pyproj
import shapely

from groundplan.errors import ConfigError
from tiling.versions import gdal_version

ROOT = Path(__file__).resolve().parents[1]

CODE = (
    "detection/*.py",
    "tiling/*.py",
    "pipeline/blocks.py",
    "pipeline/ahead.py",
    "pipeline/shown.py",
    "postprocess/contours.py",
    "postprocess/imagery_ends.py",
    "postprocess/options.py",
    "postprocess/outline.py",
    "postprocess/parts.py",
    "postprocess/polygonal.py",
    "postprocess/simplified.py",
    "groundplan/crs.py",
    "groundplan/labels.py",
    "groundplan/records.py",
    "groundplan/schema.py",
    "groundplan/geoparquet.py",
    "groundplan/vector.py",
)
"""Files that decide what a part holds; a test follows the imports of `pipeline.blocks` to find missing ones."""

MERGE_CODE = ("postprocess/*.py", "pipeline/merge_batches.py", "pipeline/merge_options.py", "groundplan/*.py")
"""Files that decide what becomes of parts."""

LIBRARIES = ("contourpy", "numpy", "pyproj", "rasterio", "shapely", "torch", "torchvision")
"""Packages whose other versions may read, detect or outline otherwise."""


def native_versions() -> dict[str, str]:
    """Return the versions of what rasterio, pyproj and shapely call: one release of each is built with several."""
    return {"GDAL": gdal_version(), "PROJ": pyproj.proj_version_str, "GEOS": shapely.geos_version_string}


@cache
def stage_code(patterns: tuple[str, ...] = CODE) -> str:
    """Return a digest of the code that makes parts, or that merges them, and of the libraries that it calls."""
    digest = hashlib.sha256()
    for path in code_files(patterns):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    for name in LIBRARIES:
        digest.update(f"{name} {_version(name)}\0".encode())
    for name, version in native_versions().items():
        digest.update(f"{name} {version}\0".encode())
    return digest.hexdigest()[:16]


def check_code(planned: str, patterns: tuple[str, ...] = CODE) -> None:
    """Refuse to work for a run that was planned with other code than this process runs.

    Raises
    ------
    ConfigError
        The run was planned with another groundplan, or other libraries.
    """
    if planned != stage_code(patterns):
        raise ConfigError(
            "a worker has another version of groundplan or its libraries than the machine that started the run; "
            "install the same on all of them"
        )


def check_arithmetic(planned: str, here: str) -> None:
    """Refuse to work for a run that was planned for another way of computing than this process has.

    Parameters
    ----------
    planned, here : str
        `DetectorInfo.arithmetic`.

    Raises
    ------
    ConfigError
        They differ.
    """
    if planned != here:
        raise ConfigError(
            f"a worker computes as {here!r}, but the run was planned for {planned!r}, which finds other outlines; "
            "use workers of one kind, or --device cpu"
        )


def code_files(patterns: tuple[str, ...] = CODE) -> list[Path]:
    """Return the files that the patterns name, sorted."""
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
