"""An .osm.pbf -> nothing, or an error where a text in it would make libosmium read beyond its memory."""

import zlib
from collections.abc import Iterator
from pathlib import Path

from groundplan.errors import OsmFileError

MAX_BLOB_BYTES = 32 << 20
"""Of a block, packed or not: the format's limit, which libosmium keeps; https://wiki.openstreetmap.org/wiki/PBF_Format"""
MAX_HEADER_BYTES = 64 << 10
"""Of what comes before a block; likewise."""


def check_pbf_texts(path: Path) -> None:
    """Refuse zero bytes in texts; whatever else is wrong with a file is left to libosmium, which says so itself.

    libosmium (2.23.1) keeps tags as texts that end in a zero byte. One in the middle of a text shifts all that
    follow, and where their number becomes odd, the process dies.

    Raises
    ------
    OsmFileError
        A text holds a zero byte, or texts are packed in a way that only libosmium can unpack.

    Notes
    -----
    Costs unpacking the file once more, on one core.
    """
    if path.name.endswith((".pbf.gz", ".pbf.bz2")):
        raise OsmFileError(f"{path} is packed twice; unpack it and give the .osm.pbf in it")
    if path.suffix != ".pbf":
        return
    for block in _blocks(path):
        for number, table in _fields(block):
            if number == 1 and isinstance(table, bytes) and _has_zero(table):
                raise OsmFileError(f"{path} is damaged (a text in it holds a zero byte); fetch it again")


def _has_zero(table: bytes) -> bool:
    """Tell whether a text of a table holds a zero byte."""
    # Tables begin with an empty text, whose length is the only zero in all but strange ones.
    if table.startswith(b"\x0a\0") and table.count(b"\0") == 1:
        return False
    return any(isinstance(text, bytes) and b"\0" in text for _, text in _fields(table))


def _blocks(path: Path) -> Iterator[bytes]:
    """Yield the unpacked blocks, up to the first that libosmium would not read either."""
    with path.open("rb") as stream:
        while len(size := stream.read(4)) == 4:
            header = dict(_fields(stream.read(min(int.from_bytes(size, "big"), MAX_HEADER_BYTES))))
            n_bytes = header.get(3)
            if not isinstance(n_bytes, int) or n_bytes > MAX_BLOB_BYTES:
                return
            for number, data in _fields(stream.read(n_bytes)):
                if not isinstance(data, bytes):
                    continue
                if number == 1:
                    yield data
                elif number == 3:
                    try:
                        yield zlib.decompressobj().decompress(data, MAX_BLOB_BYTES)
                    except zlib.error:
                        return
                else:
                    raise OsmFileError(
                        f"{path} is packed by another algorithm than zlib; pack it anew: "
                        f"osmium cat {path.name} -o zlib.osm.pbf"
                    )


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield the number and the value of each field of a protobuf message, as far as it is whole.

    Fixed numbers of 4 or 8 bytes, which the format does not use here, are left out.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        value, at = (0, at) if kind in (1, 5) else _varint(message, at)
        if kind == 0:
            yield key >> 3, value
        elif kind in (1, 2, 5):
            end = at + {1: 8, 2: value, 5: 4}[kind]
            if end > len(message):
                return
            if kind == 2:
                yield key >> 3, message[at:end]
            at = end
        else:
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length and the place after it, which is behind the end where it is cut short."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return 0, len(message) + 1
