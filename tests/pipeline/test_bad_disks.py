"""Real file systems that are small or read-only, two runs at once, and a clock that jumps."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.cli import main

ROOT = Path(__file__).resolve().parents[2]
REGION = (
    'name = "bad"\nscenes = ["scene.tif"]\n[imagery]\nid = "x"\nlicence = "CC0-1.0"\n'
    '[osm]\nextract = "extract.osm"\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 512\noverlap_px = 128\nblock_tiles = 1\n"
)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory; only root may, and not in every container."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root on Linux")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def region(painted: Path) -> Path:
    path = painted / "bad.toml"
    path.write_text(REGION)
    return path


@pytest.fixture(scope="module")
def whole(region: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the results of a run that nothing happened to."""
    out = tmp_path_factory.mktemp("whole")
    assert run(region, out) == 0
    return results(out)


def run(region: Path, out: Path) -> int:
    return main(["run", str(region), "--out", str(out), "--workers", "0"])


def results(folder: Path) -> dict[str, bytes]:
    names = ("features.parquet", "features.geojson", "changes.geojson", "manifest.json", "proposals/001.osc")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize("size_kb", [64, 300])
def test_a_full_disk_ends_the_run_with_one_line_and_what_is_there_is_whole(
    region: Path, whole: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str], size_kb: int
) -> None:
    with mounted(tmp_path / "small", f"size={size_kb}k") as small:
        capsys.readouterr()
        assert run(region, small / "out") == 1
        said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("groundplan: ")]
        assert len(said) == 1 and "No space left on device" in said[0]
        assert not list(small.rglob("*.tmp*"))
        # The disk is given room: the run goes on from what is there, and comes to the same.
        subprocess.run(["mount", "-o", "remount,size=50m", str(small)], check=True)
        assert run(region, small / "out") == 0
        assert results(small / "out") == whole


def test_a_read_only_folder_is_refused_before_any_work(
    region: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounted(tmp_path / "fixed", "size=10m") as fixed:
        assert run(region, fixed / "old") == 0
        before = {path: path.stat().st_mtime_ns for path in fixed.rglob("*")}
        subprocess.run(["mount", "-o", "remount,ro", str(fixed)], check=True)
        for name in ("old", "new"):
            capsys.readouterr()
            assert run(region, fixed / name) == 1
            said = capsys.readouterr().err.strip()
            assert "Read-only file system; choose another with --out" in said and "\n" not in said
        assert {path: path.stat().st_mtime_ns for path in fixed.rglob("*")} == before


@pytest.mark.slow
def test_two_runs_into_one_folder_at_once_leave_one_whole_result(
    region: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "groundplan", "run", str(region), "--out", str(tmp_path / "out"), "--workers"]
    both = [
        subprocess.Popen([*command, "0"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[1] for process in both]
    codes = [process.returncode for process in both]
    # One may come when the other is done; it never reads half of what that one wrote.
    assert sorted(codes) in ([0, 1], [0, 0])
    assert all("another run is writing to" in text for text, code in zip(said, codes, strict=True) if code)
    assert results(tmp_path / "out") == whole


def test_a_clock_that_jumps_changes_no_byte(
    region: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back by thirty years in the middle, then on by forty: only the report's date tells."""
    import time

    real, years, calls = time.time, 365 * 86400, []

    def jumping() -> float:
        calls.append(None)
        return real() + (-30 if len(calls) % 2 else 40) * years

    monkeypatch.setattr("time.time", jumping)
    assert run(region, tmp_path / "out") == 0
    for path in (tmp_path / "out" / "parts").iterdir():
        os.utime(path, (0, 0) if path.suffix == ".json" else (4e9, 4e9))
    parts = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()}
    assert run(region, tmp_path / "out") == 0
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()} == parts
    assert results(tmp_path / "out") == whole
