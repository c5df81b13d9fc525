"""Region files' paths, globs and addresses."""

from pathlib import Path

import pytest

from groundplan.errors import SceneError
from tiling.paths import CACHE_BYTES, find_scenes, gdal_options, is_address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tif", "a.tif", "c.vrt", "deep/er/d.tif", "odd[1].tif"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(found: tuple[str, ...], folder: Path) -> list[str]:
    return [Path(path).relative_to(folder).as_posix() for path in found]


def test_globs_are_sorted_and_patterns_keep_their_order(folder: Path) -> None:
    assert names(find_scenes(["c.vrt", "[ab].tif"], folder), folder) == ["c.vrt", "a.tif", "b.tif"]


def test_a_scene_named_twice_is_taken_once_where_it_came_first(folder: Path) -> None:
    assert names(find_scenes(["b.tif", "?.tif"], folder), folder) == ["b.tif", "a.tif"]


def test_two_stars_descend_into_folders(folder: Path) -> None:
    assert names(find_scenes(["deep/**/*.tif"], folder), folder) == ["deep/er/d.tif"]


def test_brackets_in_a_file_name_are_meant_literally(folder: Path) -> None:
    assert names(find_scenes(["odd[1].tif"], folder), folder) == ["odd[1].tif"]


def test_absolute_paths_need_no_folder(folder: Path) -> None:
    assert find_scenes([str(folder / "a.tif")], "/elsewhere") == (str(folder / "a.tif"),)


def test_addresses_are_kept_as_they_are(folder: Path) -> None:
    addresses = ["https://example.org/a.tif", "s3://bucket/b*.tif", "/vsizip/x.zip/a.tif"]
    assert list(find_scenes(addresses, folder)) == addresses
    assert all(is_address(address) for address in addresses)


def test_a_pattern_that_matches_nothing_is_an_error_that_names_it(folder: Path) -> None:
    with pytest.raises(SceneError, match=r"'\*\.jp2', which matches no file"):
        find_scenes(["a.tif", "*.jp2"], folder)
    with pytest.raises(SceneError, match="'deep', which matches no file"):
        find_scenes(["deep"], folder)
    with pytest.raises(SceneError, match="no scenes are named"):
        find_scenes([], folder)


def test_only_addresses_get_network_settings_and_the_users_own_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GDAL_HTTP_MAX_RETRY", raising=False)
    assert gdal_options("a.tif") == {"GDAL_CACHEMAX": CACHE_BYTES}
    assert gdal_options("https://example.org/a.tif")["GDAL_HTTP_MAX_RETRY"] == "6"
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "9")
    assert "GDAL_HTTP_MAX_RETRY" not in gdal_options("https://example.org/a.tif")
