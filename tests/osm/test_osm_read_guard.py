"""Zero bytes in the texts of an .osm.pbf, on which libosmium would end the whole process."""

import zlib
from pathlib import Path

import osmium
import pytest

from groundplan.errors import OsmFileError
from osm.read import read_osm

OPL = (
    "n1 v1 dV c0 t2020-01-01T00:00:00Z i0 u Tbuilding=yes,name=chapel,note= x15.0 y45.0\n"
    "n2 v1 dV c0 t2020-01-01T00:00:00Z i0 u x15.1 y45.1\n"
)


def write_pbf(folder: Path, *, packing: str) -> Path:
    (folder / "a.opl").write_text(OPL)
    path = folder / "a.osm.pbf"
    with osmium.SimpleWriter(osmium.io.File(str(path), f"pbf,pbf_compression={packing}")) as writer:
        for element in osmium.FileProcessor(str(folder / "a.opl")):
            writer.add(element)
    return path


def number(value: int) -> bytes:
    """Return a protobuf varint of three bytes."""
    return bytes([value & 127 | 128, value >> 7 & 127 | 128, value >> 14])


def packed_block(block: bytes) -> bytes:
    """Return a block as it stands in a file, packed by zlib."""
    small = zlib.compress(block)
    blob = b"\x10" + number(len(block)) + b"\x1a" + number(len(small)) + small
    header = b"\x0a\x07OSMData\x18" + number(len(blob))
    return len(header).to_bytes(4, "big") + header + blob


@pytest.mark.parametrize("packing", ["none", "zlib"])
def test_whole_files_pass(tmp_path: Path, packing: str) -> None:
    path = write_pbf(tmp_path, packing=packing)
    assert read_osm(path).frame()["tags"].to_list() == [{"building": "yes"}]


@pytest.mark.parametrize("place", [b"yes", b"chapel", b"building", b"name"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_zero_byte_in_a_text_is_refused(tmp_path: Path, place: bytes, packed: bool) -> None:
    path = write_pbf(tmp_path, packing="none")
    data = path.read_bytes().replace(place, place[:-1] + b"\0")
    if packed:
        start = data.index(b"\0\0\0", 20)  # of the second block: the first is the file's header
        size = int.from_bytes(data[start : start + 4], "big")
        blob = data[start + 4 + size :]
        length = 2 if blob[1] < 128 else 3
        assert blob[0] == 0x0A
        data = data[:start] + packed_block(blob[length:])
    path.write_bytes(data)
    with pytest.raises(OsmFileError, match=r"a text in it holds a zero byte\); fetch it again"):
        read_osm(path)


def test_what_cannot_be_looked_into_is_refused(tmp_path: Path) -> None:
    path = write_pbf(tmp_path, packing="lz4")
    with pytest.raises(OsmFileError, match=r"pack it anew: osmium cat a\.osm\.pbf -o zlib\.osm\.pbf"):
        read_osm(path)
    with pytest.raises(OsmFileError, match="packed twice"):
        read_osm(path.rename(tmp_path / "a.osm.pbf.gz"))


def test_files_cut_short_anywhere_are_left_to_libosmium(tmp_path: Path) -> None:
    path = write_pbf(tmp_path, packing="none")
    data = path.read_bytes()
    for n_bytes in range(len(data)):
        path.write_bytes(data[:n_bytes])
        try:
            read_osm(path)
        except OsmFileError as err:
            assert "zero byte" not in str(err) and "another algorithm" not in str(err)
