"""A raster and the files it is made of -> a text that changes when its pixels may have changed."""

import hashlib
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from tiling.fetch import fetch_headers
from tiling.paths import is_address

NO_MATTER = (".aux.xml",)
"""Side-car files that desktop programs write beside a scene when they are shown it."""

BESIDE = (".msk", ".ovr", ".msk.ovr", ".ovr.msk")
"""What GDAL reads beside a source and does not list. World files do not count: a VRT says where sources lie."""

_TIFF = (".tif", ".tiff")
_VRT_MARK = b"<VRTDataset"
_MARK_WITHIN_BYTES = 1024
"""GDAL knows a VRT by that mark near its beginning, whatever its name."""

_VSICURL = "/vsicurl/"
_ASKED_AT_ONCE = 8
"""Questions to servers about the sources of a VRT: each takes as long as the way there."""


def scene_stamp(name: str, files: Sequence[str]) -> str:
    """Return the stamp of a raster.

    Parameters
    ----------
    name : str
        Path or address.
    files : sequence of str
        What it is made of, as rasterio lists it: itself, overviews and masks beside it, sources of a VRT. Sources
        that are VRTs are looked into in turn.

    Returns
    -------
    str
        For files, size and time of change, and a digest of those of the other files. For http(s), what the server
        says of both, or else its ETag; "" where it says nothing, and for other addresses.

    Raises
    ------
    SceneError
        A server fails again and again.
    """
    if is_address(name):
        return _remote_stamp(name)
    others = sorted(path for path in _all_files(name, files) if path != name and not path.endswith(NO_MATTER))
    own = _file_stamp(name)
    if not others:
        return own
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        remote = [path for path in others if is_address(path)]
        known = dict(zip(remote, pool.map(_remote_stamp, remote), strict=True))
    listed = "\n".join(f"{path} {known[path] if path in known else _file_stamp(path)}" for path in others)
    return f"{own}-{hashlib.sha256(listed.encode()).hexdigest()[:16]}"


def _all_files(name: str, files: Sequence[str]) -> set[str]:
    """Return these files, those of the VRTs among them however deep they lie, and what lies beside each."""
    found: set[str] = set()
    # Paths of sources grow by ".." on their way round a cycle; the files do not.
    opened = {os.path.realpath(name)}
    waiting = [name, *files]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if is_address(path) or not _is_vrt(path):
            continue
        place = os.path.realpath(path)
        if place not in opened:
            opened.add(place)
            waiting += _listed(path)
    return found | set(_beside(path for path in found if not is_address(path)))


def _is_vrt(path: str) -> bool:
    """Tell whether a file is a VRT; of a TIFF, of which there may be thousands, the name says that it is none."""
    if path.lower().endswith(_TIFF):
        return False
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - what GDAL lists need not be a path
            return _VRT_MARK in stream.read(_MARK_WITHIN_BYTES)
    except (OSError, ValueError):
        return False


def _listed(vrt: str) -> list[str]:
    """Return what a VRT is made of; nothing where it cannot be opened, which who reads it will hear of."""
    try:
        with warnings.catch_warnings(), rasterio.open(vrt) as dataset:
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return list(dataset.files)
    except RasterioError:
        return []


def _beside(paths: Iterator[str]) -> Iterator[str]:
    """Yield what GDAL reads beside files; each folder is listed once, as thousands of files may lie in one."""
    folders: dict[Path, dict[str, str]] = {}
    for path in map(Path, paths):
        if path.parent not in folders:
            folders[path.parent] = _names(path.parent)
        for end in BESIDE:
            name = folders[path.parent].get(f"{path.name}{end}".lower())
            if name is not None:
                yield str(path.with_name(name))


def _names(folder: Path) -> dict[str, str]:
    """Return the names in a folder by themselves in lower case: GDAL takes either."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name.lower(): entry.name for entry in entries}
    except OSError:
        return {}


def _file_stamp(name: str) -> str:
    try:
        status = Path(name).stat()
    except OSError:  # a source that is no file, such as vrt://
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _remote_stamp(address: str) -> str:
    address = address.removeprefix(_VSICURL)
    if not address.startswith(("http://", "https://")):
        return ""
    headers = fetch_headers(address)
    # Servers behind one name may each have an ETag of their own for one file, but agree on when it was changed.
    changed = headers.get("last-modified") or headers.get("etag")
    return f"{headers.get('content-length', '')}-{changed}" if changed else ""
