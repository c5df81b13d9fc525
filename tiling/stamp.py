"""A raster and the files it is made of -> a text that changes when its pixels may have changed."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tiling.fetch import fetch_headers
from tiling.paths import is_address

NO_MATTER = (".aux.xml",)
"""Side-car files that desktop programs write beside a scene when they are shown it."""


def scene_stamp(name: str, files: Sequence[str]) -> str:
    """Return the stamp of a raster.

    Parameters
    ----------
    name : str
        Path or address.
    files : sequence of str
        What it is made of, as rasterio lists it: itself, overviews and masks beside it, sources of a VRT.

    Returns
    -------
    str
        For files, size and time of change, and a digest of those of the other files. For http(s), what the server
        says of both, or else its ETag; "" where it says nothing, and for other addresses.
    """
    if is_address(name):
        return _remote_stamp(name)
    others = sorted(path for path in files if path != name and not path.endswith(NO_MATTER))
    own = _file_stamp(name)
    if not others:
        return own
    listed = "\n".join(f"{path} {_file_stamp(path)}" for path in others)
    return f"{own}-{hashlib.sha256(listed.encode()).hexdigest()[:16]}"


def _file_stamp(name: str) -> str:
    try:
        status = Path(name).stat()
    except OSError:  # inside an archive, or on a server
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _remote_stamp(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        return ""
    headers = fetch_headers(address)
    # Servers behind one name may each have an ETag of their own for one file, but agree on when it was changed.
    changed = headers.get("last-modified") or headers.get("etag")
    return f"{headers.get('content-length', '')}-{changed}" if changed else ""
