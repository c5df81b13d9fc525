"""Region files' paths, globs and addresses."""

from pathlib import Path

import pytest

from groundplan.errors import SceneError
from tiling.paths import CACHE_BYTES, find_scenes, gdal_options, is_address, without_secrets, without_signature


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


def test_a_folder_whose_own_name_has_brackets_is_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "[2024] ortho*"
    folder.mkdir()
    (folder / "a.tif").touch()
    assert names(find_scenes(["*.tif"], folder), folder) == ["a.tif"]


def test_two_stars_do_not_run_round_and_round_through_links(folder: Path) -> None:
    for name in ("one", "two", "three"):
        (folder / "deep" / name).symlink_to(folder, target_is_directory=True)
    assert names(find_scenes(["**/d.tif"], folder), folder) == ["deep/er/d.tif"]


def test_hidden_files_are_taken_only_where_they_are_named(folder: Path) -> None:
    (folder / "._a.tif").touch()
    assert "._a.tif" not in names(find_scenes(["*.tif"], folder), folder)
    assert names(find_scenes(["._*.tif"], folder), folder) == ["._a.tif"]


def test_absolute_paths_need_no_folder(folder: Path) -> None:
    assert find_scenes([str(folder / "a.tif")], "/elsewhere") == (str(folder / "a.tif"),)
    assert find_scenes([str(folder / "[a].tif")], "/elsewhere") == (str(folder / "a.tif"),)


def test_addresses_are_kept_as_they_are(folder: Path) -> None:
    addresses = ["https://example.org/a.tif", "s3://bucket/b*.tif", "/vsizip/x.zip/a.tif"]
    assert list(find_scenes(addresses, folder)) == addresses
    assert all(is_address(address) for address in addresses)


def test_a_pattern_that_matches_nothing_is_an_error_that_names_it(folder: Path) -> None:
    with pytest.raises(SceneError, match=r"'\*\.jp2', which matches no file"):
        find_scenes(["a.tif", "*.jp2"], folder)
    with pytest.raises(SceneError, match="'deep', which is a folder; name its files, as deep/"):
        find_scenes(["deep"], folder)
    for strange in ("x" * 5000, "a\0b", "a**b/*.tif", "/"):
        with pytest.raises(SceneError) as caught:
            find_scenes([strange], folder)
        assert len(str(caught.value)) < 1000
    with pytest.raises(SceneError, match="no scenes are named"):
        find_scenes([], folder)


def test_only_addresses_get_network_settings_and_the_users_own_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GDAL_HTTP_MAX_RETRY", raising=False)
    assert gdal_options("a.tif") == {"GDAL_CACHEMAX": CACHE_BYTES}
    assert gdal_options("https://example.org/a.tif")["GDAL_HTTP_MAX_RETRY"] == "6"
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "9")
    assert "GDAL_HTTP_MAX_RETRY" not in gdal_options("https://example.org/a.tif")


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("https://a.example/x.tif?sv=2024&sig=a%2Fb&se=1#t", "https://a.example/x.tif?sv=...&sig=...&se=...#t"),
        ("s3://b/x.tif?X-Amz-Signature=ab&X-Amz-Credential=c", "s3://b/x.tif?X-Amz-Signature=...&X-Amz-Credential=..."),
        ("tile of https://t.example/{z}?apikey=1 failed", "tile of https://t.example/{z}?apikey=... failed"),
        ("https://c.example/items?bbox=1,2,3,4&limit=9", "https://c.example/items?bbox=1,2,3,4&limit=9"),
        ("https://u:p@h.example/a@2x.png", "https://...@h.example/a@2x.png"),
        ("ortho/a&key=b.tif", "ortho/a&key=...",),
    ],
)  # fmt: skip
def test_what_lets_a_user_in_is_left_out(address: str, plain: str) -> None:
    assert without_secrets(address) == plain


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        (
            "https://a.example/x.tif?st=1&se=2&sp=rl&sv=3&sr=c&skoid=4&skt=5&sig=a%2Fb%3D",
            "https://a.example/x.tif",
        ),
        (
            "https://b.example/x.tif?versionId=9&X-Amz-Date=1&X-Amz-Expires=2&X-Amz-Signature=c",
            "https://b.example/x.tif?versionId=9",
        ),
        ("https://c.example/x.tif?Expires=1&Signature=a&Key-Pair-Id=K", "https://c.example/x.tif"),
        ("https://d.example/x?X-Goog-Date=1&X-Goog-Signature=ab&design=3", "https://d.example/x?design=3"),
        # Nobody signed these: what they name may choose the image.
        ("https://e.example/export?sr=3857&key=7", "https://e.example/export?sr=3857&key=7"),
        ("ortho/x.tif", "ortho/x.tif"),
    ],
)
def test_a_presigned_address_is_the_same_whenever_it_is_signed(address: str, plain: str) -> None:
    assert without_signature(address) == plain
