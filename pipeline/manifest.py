"""What a run was made from -> manifest.json: config, versions, weights, inputs, blocks done and failed."""

import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groundplan import __version__
from groundplan.whole import write_text_whole
from osm.maproulette_export import memory_files
from pipeline.blocks import BlockResult
from pipeline.config import RegionConfig
from pipeline.plan import Plan
from pipeline.stage_code import native_versions
from tiling.paths import without_secrets

PACKAGES = (
    "torch", "torchvision", "rasterio", "pyproj", "shapely", "geopandas", "osmium", "dask", "numpy", "contourpy",
)  # fmt: skip
"""Whose versions may change a result."""

READ_BYTES = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How much of a file is hashed."""

    whole_bytes: int
    """Files above this size are known by their size and their ends."""
    end_bytes: int
    """Of either end."""


CLOSELY = Looked(whole_bytes=2**30, end_bytes=2**24)
"""Extracts, aois, truth and decisions."""
SCENES = Looked(whole_bytes=2**22, end_bytes=2**20)
"""A country's imagery would be read a second time; names of parts depend on sizes and times of its files."""


def file_identity(path: Path, look: Looked = CLOSELY) -> dict[str, Any]:
    """Return size and hash of a file: ``sha256``, or ``sha256_of_ends`` with the ``end_bytes`` of each end."""
    size = path.stat().st_size
    found = {"path": path.name, "bytes": size}
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        if size <= look.whole_bytes:
            for piece in iter(lambda: stream.read(READ_BYTES), b""):
                digest.update(piece)
            return found | {"sha256": digest.hexdigest()}
        digest.update(stream.read(look.end_bytes))
        stream.seek(-look.end_bytes, 2)
        digest.update(stream.read(look.end_bytes))
    return found | {"sha256_of_ends": digest.hexdigest(), "end_bytes": look.end_bytes}


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
    inputs = [(Path(scene.path), SCENES) for scene in plan.region.scenes]
    others = (plan.config.extract, plan.config.aoi, plan.config.truth)
    inputs += [(path, CLOSELY) for path in others if path is not None]
    inputs += [(path, CLOSELY) for file in plan.config.decision_files for path in memory_files(file)]
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
            "tile_m": plan.coarse.grid.tile_px * plan.coarse.grid.gsd_m,
            "labels": [label for label in plan.labels if label in plan.info.coarse_labels],
            "large_from_m2": plan.large_from_m2,
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
        "inputs": [file_identity(path, look) for path, look in inputs if path.is_file()],
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
