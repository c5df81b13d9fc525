"""A run folder is held by one run, and what killed runs left in it goes, but nothing of anybody else."""

import tempfile
from pathlib import Path

import pytest

from groundplan.errors import OutputError
from pipeline.cli import main
from pipeline.lock import hold_folder


def test_two_runs_do_not_share_a_folder_and_leftovers_are_swept(tmp_path: Path) -> None:
    leftover = tmp_path / "parts" / ".00000-00000-ab-12345678.tmp.parquet"
    leftover.parent.mkdir()
    leftover.write_text("half")
    half = tmp_path / ".diff-abcd1234" / "new"
    half.mkdir(parents=True)
    with hold_folder(tmp_path):
        assert not leftover.exists() and not half.parent.exists()
        with pytest.raises(OutputError, match="another run"), hold_folder(tmp_path):
            pass
        # What a worker leaves that is killed while the run goes on.
        leftover.write_text("half")
    assert not leftover.exists()
    with hold_folder(tmp_path):
        pass


@pytest.mark.parametrize(
    "name",
    [
        ".rsync-12345678.tmp",  # of another program, where --out is the folder one works in
        ".features-NOTRANDO.tmp.parquet",
        "other/.features-abcd1234.tmp.parquet",
        "data/deep/.scene-abcd1234.tmp.tif",
        "proposals/.mine-abcd1234.tmp.osm",
        "review/deep/.page-abcd1234.tmp.html",
    ],
)
def test_temporary_files_of_others_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("theirs")
    with hold_folder(tmp_path):
        pass
    assert (tmp_path / name).read_text() == "theirs"


def test_a_folder_that_another_run_holds_is_not_swept(tmp_path: Path) -> None:
    busy = tmp_path / "review" / "chips" / ".p-1-abcd1234.tmp.jpg"
    busy.parent.mkdir(parents=True)
    busy.write_text("theirs")
    with hold_folder(tmp_path / "review"):
        busy.write_text("theirs")
        with hold_folder(tmp_path):
            pass
        assert busy.exists()


def test_a_link_is_not_followed(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".a-abcd1234.tmp.parquet").write_text("theirs")
    (tmp_path / "parts").symlink_to(elsewhere)
    with hold_folder(tmp_path):
        pass
    assert (elsewhere / ".a-abcd1234.tmp.parquet").exists()


def test_whatever_a_run_writes_is_swept_when_it_is_left_half_written(
    painted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = tempfile.mkstemp

    def watched(*args, **kwargs):
        handle, name = real(*args, **kwargs)
        made.append(Path(name))
        return handle, name

    (painted / "swept.toml").write_text(
        'name = "painted"\nscenes = ["scene.tif"]\n[osm]\nextract = "extract.osm"\n'
        '[model]\nweights = "painted"\ngsd_m = 0\n[tiling]\ntile_px = 512\noverlap_px = 128\nblock_tiles = 2\n'
    )
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", watched)
        assert main(["run", str(painted / "swept.toml"), "--out", str(tmp_path), "--workers", "0"]) == 0
    made = [path for path in made if path.is_relative_to(tmp_path)]
    assert len({path.parent for path in made}) > 5
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    with hold_folder(tmp_path):
        assert [path for path in made if path.exists()] == []
    assert not list(tmp_path.glob(".diff-*"))
