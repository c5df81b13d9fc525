"""What a run was made from -> manifest.json: config, versions, weights, inputs, blocks done and failed."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from groundplan import __version__
from groundplan.whole import write_text_whole
from pipeline.blocks import BlockResult
from pipeline.config import RegionConfig
from pipeline.plan import Plan
from pipeline.stage_code import native_versions
from tiling.paths import without_secrets

PACKAGES = (
    "torch", "torchvision", "rasterio", "pyproj", "shapely", "geopandas", "osmium", "dask", "numpy", "contourpy",
)  # fmt: skip
"""Whose versions may change a result."""

WHOLE_HASH_BYTES = 2**30
PIECE_BYTES = 2**24
"""Files above the first size are known by their size, first and last piece: hashing a terabyte takes an hour."""


def file_identity(path: Path) -> dict[str, Any]:
    """Return size and hash of a file."""
    size = path.stat().st_size
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        if size <= WHOLE_HASH_BYTES:
            for piece in iter(lambda: stream.read(PIECE_BYTES), b""):
                digest.update(piece)
            return {"path": path.name, "bytes": size, "sha256": digest.hexdigest()}
        digest.update(stream.read(PIECE_BYTES))
        stream.seek(-PIECE_BYTES, 2)
        digest.update(stream.read(PIECE_BYTES))
    return {"path": path.name, "bytes": size, "sha256_of_ends": digest.hexdigest()}


def versions() -> dict[str, str]:
    """Return the versions of groundplan, Python and the packages that decide results."""
    out = {"groundplan": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            out[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # pragma: no cover - a broken environment
            out[name] = "missing"
    out |= native_versions()
    commit = git_commit()
    return out | ({"git": commit} if commit else {})


def git_commit() -> str:
    """Return the checkout's commit, with ``+`` when files are changed; empty outside a checkout."""
    here = Path(__file__).resolve().parents[1]
    if not (here / ".git").exists():
        return ""
    try:
        head = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "--short=12", "HEAD"],
            capture_output=True, text=True, timeout=10, check=True,
        ).stdout.strip()  # fmt: skip
        dirty = subprocess.run(
            ["git", "-C", str(here), "status", "--porcelain", "--untracked-files=no"],
            capture_output=True, text=True, timeout=10, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + ("+" if dirty else "")


def write_manifest(plan: Plan, results: Sequence[BlockResult], *, failed: dict[str, str], path: Path) -> None:
    """Write manifest.json; equal runs give equal bytes, so it holds no times."""
    text = json.dumps(make_manifest(plan, results, failed=failed), indent=1, sort_keys=True, ensure_ascii=False)
    write_text_whole(path, text + "\n")


def make_manifest(plan: Plan, results: Sequence[BlockResult], *, failed: dict[str, str]) -> dict[str, Any]:
    """Return the manifest.

    Parameters
    ----------
    plan : Plan
    results : sequence of BlockResult
        Of the blocks that were worked through.
    failed : dict
        Part name of each block that no worker could finish, and the error.
    """
    ordered = sorted(results, key=lambda each: (each.coarse, each.row, each.col))
    inputs = [Path(scene.path) for scene in plan.region.scenes]
    inputs += [path for path in (plan.config.extract, plan.config.aoi, plan.config.truth) if path is not None]
    return {
        "schema": "groundplan-manifest/1",
        "region": plan.config.name,
        "config": describe_config(plan.config),
        "grid": {
            "crs": plan.region.grid.crs.to_string(),
            "gsd_m": plan.region.grid.gsd_m,
            "transform": list(plan.region.grid.transform)[:6],
            "width_px": plan.region.grid.width_px,
            "height_px": plan.region.grid.height_px,
        },
        "coarse": None
        if plan.coarse is None
        else {
            "gsd_m": plan.coarse.grid.gsd_m,
            "labels": [label for label in plan.labels if label in plan.info.coarse_labels],
        },
        "model": {
            "name": plan.info.name,
            "sha256": plan.info.sha256,
            "arithmetic": plan.info.arithmetic,
            "labels": list(plan.labels),
            "min_score": plan.min_score,
            "filled_labels": list(plan.info.filled_labels),
        },
        "versions": versions(),
        "inputs": [file_identity(path) for path in inputs if path.is_file()],
        "blocks": {
            "done": [each.part for each in ordered if not each.failures],
            "failed": [
                {"part": each.part, "tiles": [asdict(failure) for failure in each.failures]}
                for each in ordered
                if each.failures
            ]
            + [{"part": part, "error": error} for part, error in sorted(failed.items())],
        },
    }


def describe_config(config: RegionConfig) -> dict[str, Any]:
    """Return the resolved config as JSON can hold it, without the machine's own folders."""
    table = asdict(config)
    for name in ("source", "base", "out"):
        table.pop(name)
    for name in ("aoi", "truth", "extract", "decisions"):
        table[name] = None if table[name] is None else Path(table[name]).name
    if table["imagery"] is not None and table["imagery"]["date"] is not None:
        table["imagery"]["date"] = table["imagery"]["date"].isoformat()
    table["scenes"] = [without_secrets(scene) for scene in table["scenes"]]
    plain: dict[str, Any] = json.loads(json.dumps(table, default=str))
    return plain
