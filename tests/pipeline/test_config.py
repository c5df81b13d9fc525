"""A region file becomes a record with absolute paths and defaults, or one line that says what is wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundplan.errors import ConfigError
from pipeline.config import ModelTable, RegionConfig, TilingTable, read_region

SMALLEST = 'name = "town"\nscenes = ["a.tif"]\n'


def read(folder: Path, text: str, *, out: Path | None = None) -> RegionConfig:
    path = folder / "region.toml"
    path.write_text(text)
    return read_region(path, out=out)


def test_what_is_left_out_has_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = read(tmp_path, SMALLEST)
    assert config.scenes == ("a.tif",) and config.base == tmp_path
    assert (config.aoi, config.truth, config.imagery, config.extract, config.decisions) == (None,) * 5
    assert config.model == ModelTable() and config.tiling == TilingTable()
    assert config.crs == "auto" and config.model.gsd_m is None
    assert config.out == tmp_path / "runs" / "town"


def test_paths_start_from_the_file_and_the_run_folder_from_where_the_command_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "regions").mkdir()
    for name in ("a.geojson", "t.geojson", "o.osm", "d.jsonl"):
        (tmp_path / "regions" / name).write_text("")
    monkeypatch.chdir(tmp_path)
    text = (
        SMALLEST + 'aoi = "a.geojson"\ntruth = "t.geojson"\n[output]\ndir = "here"\n'
        '[osm]\nextract = "o.osm"\ndecisions = "d.jsonl"\n'
    )
    config = read(tmp_path / "regions", text)
    found = (config.aoi, config.truth, config.extract, config.decisions)
    assert found == tuple(tmp_path / "regions" / name for name in ("a.geojson", "t.geojson", "o.osm", "d.jsonl"))
    assert config.out == tmp_path / "here"
    assert read(tmp_path / "regions", text, out=Path("there")).out == tmp_path / "there"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[tilling]\n", "did you mean 'tiling'"),
        ("scene = 1\n", "did you mean 'scenes'"),
        ("[tiling]\ntile = 512\n", "tile"),
        ("[tiling]\ntile_px = 63\n", "tile_px=63; choose 64 to 4096"),
        ("[tiling]\ntile_px = 4097\n", "choose 64 to 4096"),
        ("[tiling]\noverlap_px = -1\n", "overlap_px=-1"),
        ("[tiling]\noverlap_px = 1024\n", "tile_px=1024 is not larger than overlap_px=1024"),
        ("[tiling]\nblock_tiles = 0\n", "block_tiles=0; choose 1 to 64"),
        ("[tiling]\nblock_tiles = 65\n", "choose 1 to 64"),
        ('[tiling]\ntile_px = "512"\n', "tile_px"),
        ("[model]\ngsd_m = -0.1\n", "gsd_m = -0.1"),
        ("[model]\ngsd_m = 11\n", "gsd_m = 11"),
        ("[model]\nviews = 3\n", "views = 3; choose one of"),
        ("[model]\nmin_score = { building = 1.5 }\n", "min_score building = 1.5"),
        ("[model]\nmin_score = { bilding = 0.5 }\n", "building"),
        ('[model]\nlabels = ["tenis_court"]\n', "did you mean 'tennis_court'"),
        ('aoi = "none.geojson"\n', "there is no file"),
        ('[osm]\nextract = "none.osm"\n', "there is no file"),
        ("[osm]\n", "extract"),
        ("x = \n", "is not TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, SMALLEST + more)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert "region.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["", "Town", "my town", "../up", "a/b", "ä"])
def test_names_that_are_no_folder_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="names the run folder"):
        read(tmp_path, f'name = "{name}"\nscenes = ["a.tif"]\n')


def test_a_region_needs_a_scene_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="scenes is empty"):
        read(tmp_path, 'name = "town"\nscenes = []\n')
    with pytest.raises(ConfigError, match="no region file at"):
        read_region(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes('name = "tów"\n'.encode("iso8859-2"))
    with pytest.raises(ConfigError, match="UTF-8"):
        read_region(tmp_path / "latin.toml")


@given(st.integers(64, 4096), st.data())
def test_every_tiling_that_is_allowed_moves_on(tile_px: int, data: st.DataObject) -> None:
    table = TilingTable(
        tile_px=tile_px,
        overlap_px=data.draw(st.integers(0, tile_px - 1)),
        block_tiles=data.draw(st.integers(1, 64)),
    )
    assert table.tile_px - table.overlap_px >= 1
