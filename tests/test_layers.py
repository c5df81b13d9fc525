"""The two rules of ARCHITECTURE.md: imports go downwards, and heavy libraries stay where they belong."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LAYERS = {
    "groundplan": 0,
    "tiling": 1,
    "detection": 2,
    "postprocess": 2,
    "osm": 2,
    "review": 2,
    "training": 3,
    "pipeline": 4,
}
DOORWAY = "groundplan/__main__.py"
"""`python -m groundplan` has to reach the command line."""

HOMES = {
    "torch": (
        "detection/accelerator.py",
        "detection/model.py",
        "detection/backbones.py",
        "detection/weights.py",
        "detection/predict.py",
        "detection/engines.py",
        "detection/eight_bits.py",
        "detection/fused.py",
        "detection/sixteen_bits.py",
        "detection/proposals.py",
        "detection/winograd.py",
        "detection/align.py",
        "detection/cascade.py",
        "detection/norms.py",
        "training/",
    ),
    "torchvision": (
        "detection/model.py",
        "detection/predict.py",
        "detection/backbones.py",
        "detection/engines.py",
        "detection/align.py",
        "detection/cascade.py",
        "detection/norms.py",
        "detection/proposals.py",
        "training/",
    ),
    "osmium": ("osm/read", "training/demo_osm.py"),
    "rasterio": ("tiling/", "training/"),
    "dask": ("pipeline/executor.py", "pipeline/cluster.py"),
    "distributed": ("pipeline/executor.py", "pipeline/cluster.py"),
}

FILES = sorted(path for package in LAYERS for path in (ROOT / package).rglob("*.py"))


def imported_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names.add(node.module or "")
    return names


def test_there_are_files_to_check() -> None:
    assert len(FILES) > 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_downwards(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0]
    if path.relative_to(ROOT).as_posix() == DOORWAY:
        return
    for name in imported_names(path):
        other = name.split(".")[0]
        if other in LAYERS and other != own:
            assert LAYERS[other] < LAYERS[own], f"{own} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_heavy_libraries_stay_at_home(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    for name in imported_names(path):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or where.startswith(homes), f"{where} imports {name}"
