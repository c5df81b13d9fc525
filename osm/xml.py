"""Texts and tags -> the same, safe inside XML."""

import re
from functools import lru_cache
from typing import Final

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 cannot hold in any spelling; libosmium passes it through and writes broken files."""

_ESCAPES: Final = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&apos;",
        "\n": "&#10;",
        "\t": "&#9;",
        "\r": "&#13;",
    }
)

MAX_TEXT = 255
"""OSM's limit for a key and for a value, in characters."""


def attribute(text: str) -> str:
    """Return text for use between quotes: control characters left out, cut to 255 characters, escaped.

    Examples
    --------
    >>> attribute('Tom & "Jerry"')
    'Tom &amp; &quot;Jerry&quot;'
    """
    return _FORBIDDEN.sub("", text)[:MAX_TEXT].translate(_ESCAPES)


def tag_lines(tags: dict[str, str], *, indent: str) -> str:
    """Return one ``<tag>`` line per tag, sorted by key."""
    return _tag_lines(tuple(tags.items()), indent)


# Most elements share one of a few sets of tags: they are turned into text once.
@lru_cache(maxsize=1024)
def _tag_lines(tags: tuple[tuple[str, str], ...], indent: str) -> str:
    return "".join(f'{indent}<tag k="{attribute(key)}" v="{attribute(value)}"/>\n' for key, value in sorted(tags))
