"""A region file's paths, globs and addresses -> paths of rasters, and how GDAL is to open them."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from groundplan.errors import SceneError


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
        if "{z}" in pattern:
            raise SceneError(
                f"`scenes` has the tile address {pattern}, which cannot be read yet; "
                "save its area as a GeoTIFF first, as with gdal_translate and GDAL's TMS driver"
            )
        if is_address(pattern):
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


def gdal_options(path: str) -> dict[str, str]:
    """Return the GDAL settings under which a scene is opened and read; variables set by the user win.

    Over a network, GDAL would list the folder for side-car files before it reads a byte, and give up at the first
    hiccup; COGs carry their masks and overviews inside.
    """
    if not is_address(path):
        return {}
    wishes = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_MAX_RETRY": "4",
        "GDAL_HTTP_RETRY_DELAY": "1",
    }
    return {name: value for name, value in wishes.items() if name not in os.environ}
