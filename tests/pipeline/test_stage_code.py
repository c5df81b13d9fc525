"""The digest of the code covers all files that a part can depend on, and changes with each of them."""

import ast
from pathlib import Path

import pyproj
import pytest
import rasterio
import shapely

import pipeline.stage_code
from pipeline.stage_code import CODE, LIBRARIES, MERGE_CODE, ROOT, code_files, native_versions, stage_code

NO_MATTER = {
    "groundplan/errors.py",
    "groundplan/nearest.py",
    "groundplan/tables.py",
    "groundplan/tangles.py",
    "groundplan/toml_file.py",
    "groundplan/whole.py",
    "osm/options.py",
    "pipeline/config.py",
    "pipeline/part_names.py",
    "pipeline/plan.py",
    "pipeline/stage_code.py",
}
"""Words, and what only chooses settings: those are in the names themselves."""


def imported_files(path: Path) -> set[Path]:
    """Return our own files that a file imports, whether at its top or inside a function."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    found = {ROOT / (name.replace(".", "/") + ".py") for name in names}
    return {path for path in found if path.is_file()}


def test_no_file_that_a_part_depends_on_is_missing() -> None:
    waiting, seen = [ROOT / "pipeline" / "blocks.py"], set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += imported_files(path)
    names = {path.relative_to(ROOT).as_posix() for path in seen}
    listed = {path.relative_to(ROOT).as_posix() for path in code_files()}
    assert len(names) > 30
    assert names - listed - NO_MATTER == set()
    assert not listed & NO_MATTER


@pytest.mark.parametrize("pattern", (*CODE, *MERGE_CODE))
def test_every_pattern_names_files(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


def test_other_code_and_other_libraries_give_another_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tiling").mkdir()
    file = tmp_path / "tiling" / "read.py"
    monkeypatch.setattr(pipeline.stage_code, "ROOT", tmp_path)
    found = set()
    for text in ("one = 1\n", "one = 2\n"):
        file.write_text(text)
        found.add(stage_code.__wrapped__())
    file.rename(file.with_name("look.py"))
    found.add(stage_code.__wrapped__())
    monkeypatch.setattr(pipeline.stage_code, "LIBRARIES", ("rasterio",))
    found.add(stage_code.__wrapped__())
    for name in ("GDAL", "PROJ", "GEOS"):
        others = native_versions() | {name: "0.0.1"}
        monkeypatch.setattr(pipeline.stage_code, "native_versions", lambda others=others: others)
        found.add(stage_code.__wrapped__())
    assert len(found) == 7


def test_what_reads_and_places_pixels_is_in_the_digest() -> None:
    assert {"rasterio", "pyproj", "shapely"} <= set(LIBRARIES)
    assert native_versions() == {
        "GDAL": rasterio.__gdal_version__,
        "PROJ": pyproj.proj_version_str,
        "GEOS": shapely.geos_version_string,
    }
