"""A region file's paths, globs and addresses -> paths of rasters, and how GDAL is to open them."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from groundplan.errors import SceneError
from tiling.fetch import USER_AGENT


def is_address(path: str) -> bool:
    """Tell whether GDAL finds the path by network or in an archive, so that it is no local file."""
    return "://" in path or path.startswith("/vsi")


def find_scenes(patterns: Sequence[str], base_dir: str | Path) -> tuple[str, ...]:
    """Turn a region file's `scenes` into paths, each once, in the order of the patterns; globs sorted.

    Parameters
    ----------
    patterns : sequence of str
        Paths and globs relative to `base_dir` (``**`` descends), and addresses, which are kept as they are.
    base_dir : path-like
        Folder of the region file.

    Raises
    ------
    SceneError
        There is no pattern, or one matches no file.
    """
    if not patterns:
        raise SceneError("no scenes are named; list at least one path, glob or address in `scenes`")
    found: list[str] = []
    for pattern in patterns:
        if is_address(pattern) or pattern.startswith("stac:http"):
            found.append(pattern)
            continue
        place = Path(base_dir, Path(pattern).expanduser())
        # A file whose name holds glob characters is meant literally. glob, not Path.glob: that one takes
        # no absolute patterns.
        matches = [str(place)] if place.is_file() else sorted(glob.glob(str(place), recursive=True))  # noqa: PTH207
        files = [match for match in matches if Path(match).is_file()]
        if not files:
            raise SceneError(
                f"`scenes` has {pattern!r}, which matches no file below {base_dir}; check the pattern"
            )
        found.extend(files)
    return tuple(dict.fromkeys(found))


CACHE_BYTES = 2**27
"""What GDAL may keep of decoded blocks in a process: 512 rows of 80,000 RGB pixels, which a row of tiles reads."""

REMOTE: Final[dict[str, str | int]] = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "6",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_RETRY_CODES": "429,500,502,503,504",
    # The two ways of asking for many ranges at once do not try again (GDAL 3.10).
    "GDAL_HTTP_ENABLE_ADVISE_READ": "NO",
    "GDAL_HTTP_MULTIRANGE": "SERIAL",
    "GDAL_HTTP_CONNECTTIMEOUT": "15",
    # A server that sends next to nothing for half a minute is taken as gone, not waited for without end.
    "GDAL_HTTP_LOW_SPEED_TIME": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "100",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_USERAGENT": USER_AGENT,
    # COG headers with many blocks are longer than GDAL's first 16 kB; a second round trip costs more.
    "GDAL_INGESTED_BYTES_AT_OPEN": "32768",
    "VSI_CACHE": "TRUE",
}
"""Settings for what is read over a network."""


def gdal_options(path: str) -> dict[str, str | int]:
    """Return the GDAL settings under which a scene is opened and read; variables set by the user win.

    GDAL keeps decoded blocks in up to a twentieth of the machine's memory, in each process: on many cores that is
    more than there is, and a worker's peak would grow with the scene until then.

    Over a network, GDAL would list the folder for side-car files before it reads a byte, and give up at the first
    hiccup; COGs carry their masks and overviews inside.
    """
    wishes: dict[str, str | int] = {"GDAL_CACHEMAX": CACHE_BYTES}
    if is_address(path):
        wishes |= REMOTE
    return {name: value for name, value in wishes.items() if name not in os.environ}
