"""A region file's paths, globs and addresses -> paths of rasters, and how GDAL is to open them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from groundplan.errors import SceneError
from tiling.fetch import USER_AGENT


def is_address(path: str) -> bool:
    """Tell whether GDAL finds the path by network or in an archive, so that it is no local file."""
    return "://" in path or path.startswith("/vsi")


_SECRET = re.compile(
    r"(?i)(?P<name>[?&](?:[\w.-]*(?:key|token|sig|signature|secret|passw|credential)[\w.-]*|se|sp|sv|sr)=)[^&#\s'\"]+"
    r"|(?P<scheme>\w+://)[^/@\s]+@"
)


def without_secrets(text: str) -> str:
    """Return a text with what addresses in it say to be let in left out; run folders are shared, keys are not.

    Examples
    --------
    >>> without_secrets("https://me:pw@t.example/{z}/{x}/{y}.png?style=a&access_token=abc")
    'https://...@t.example/{z}/{x}/{y}.png?style=a&access_token=...'
    """
    return _SECRET.sub(lambda found: f"{found['name']}..." if found["name"] else f"{found['scheme']}...@", text)


_SIGNED = re.compile(r"(?i)[?&](?:sig|signature|x-(?:amz|goog)-signature)=")
_SIGNING = re.compile(
    r"(?i)(?:x-(?:amz|goog)-[\w-]+|sig|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid"
    r"|se|st|sp|sv|sr|spr|sip|sks|skt|ske|skv|skoid|sktid)="
)
"""What Amazon, CloudFront, Google and Azure add when they sign: who asks for what, and from when to when."""


def without_signature(address: str) -> str:
    """Return a presigned address without what is new each time that it is signed; others as they are.

    Examples
    --------
    >>> without_signature("https://a.example/x.tif?id=7&se=2026-06-01&sig=ab")
    'https://a.example/x.tif?id=7'
    """
    if not _SIGNED.search(address):
        return address
    place, _, query = address.partition("?")
    kept = [each for each in query.split("&") if not _SIGNING.match(each)]
    return f"{place}?{'&'.join(kept)}" if kept else place


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
        files = _local_files(pattern, Path(base_dir))
        if not files:
            raise SceneError(
                f"`scenes` has {pattern[:300]!r}, which matches no file below {base_dir}; check the pattern"
            )
        found.extend(files)
    return tuple(dict.fromkeys(found))


def _local_files(pattern: str, base_dir: Path) -> list[str]:
    """Return the files that a pattern means, sorted; hidden ones only where it names them."""
    own = Path(pattern).expanduser()
    place = Path(base_dir, own)
    # os.path, because names longer than names can be, or with a null character, are no error to it.
    if os.path.isfile(place):  # noqa: PTH113 - a name that holds glob characters is meant literally
        return [str(place)]
    if os.path.isdir(place):  # noqa: PTH112
        raise SceneError(f"`scenes` has {pattern!r}, which is a folder; name its files, as {pattern}/*.tif")
    # Not glob.glob: below `**` that one follows links to folders, round and round where they lead back; and it
    # takes characters of the folder's own name for wild ones.
    root, wild = (Path(own.anchor), own.relative_to(own.anchor)) if own.is_absolute() else (base_dir, own)
    if not wild.parts:
        return []
    try:
        matches = [match for match in root.glob(str(wild)) if match.is_file()]
    except (OSError, ValueError, NotImplementedError) as err:
        raise SceneError(f"`scenes` has {pattern[:300]!r}: {str(err)[:300]}; write a path or a glob") from err
    named = any(part.startswith(".") and part.strip(".") for part in wild.parts)
    return sorted(str(match) for match in matches if named or not _hidden(match, root))


def _hidden(path: Path, root: Path) -> bool:
    """Tell whether a name below the root begins with a dot, as those that macOS puts beside every file."""
    return any(part.startswith(".") and part.strip(".") for part in path.relative_to(root).parts)


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
