from pathlib import Path

import pytest

from groundplan.errors import ConfigError
from groundplan.tables import read_record
from groundplan.toml_file import MAX_BYTES, read_toml


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = ", "is not TOML"),
        (b"\xff\xfea", "in UTF-8"),
        (b"a = 1" + b"0" * 5000, "thousands of digits"),
        (b"a = 0x" + b"f" * 5000, "hundreds of digits"),
        (b"a = " + b"[" * 100_000, "lists within lists"),
        (b"a" + b".a" * 50_000 + b" = 1", "more than 32 words"),
        (b"[" + b"'a' . " * 50_000 + b"a]\nb = 1", "more than 32 words"),
        (b"x = {" + b'"a".' * 100 + b"a = 1}", "more than 32 words"),
        (b"#" * (MAX_BYTES + 1), "more than 16 MiB"),
    ],
)
def test_what_would_cost_memory_or_time_is_refused_at_once(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=message) as caught:
        read_toml(path, what="region file")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_files_of_every_editor_are_read(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xef\xbb\xbfa.b = 'https://a.b.c.example/x.tif'\r\n")
    assert read_toml(path, what="region file") == {"a": {"b": "https://a.b.c.example/x.tif"}}


@pytest.mark.parametrize("name", ["none.toml", "a\0b.toml", "x" * 300])
def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"no region file at|cannot read"):
        read_toml(tmp_path / name, what="region file")


def test_a_number_beyond_all_numbers_is_an_error_that_names_the_key() -> None:
    from pipeline.config import ModelTable

    with pytest.raises(ConfigError, match=r"\[model\] gsd_m is a number of hundreds of digits"):
        read_record(ModelTable, {"gsd_m": 10**400}, where="[model]")
