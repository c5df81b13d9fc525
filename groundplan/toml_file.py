"""A TOML file, perhaps a stranger's -> its table; what would cost memory or time beyond reason is refused."""

import re
import tomllib
from pathlib import Path
from typing import Any

from groundplan.errors import ConfigError

MAX_BYTES = 2**24
"""Ten thousand scenes with long addresses have a megabyte."""

MAX_DOTS = 32
"""Words of one dotted key: `tomllib` takes memory by their square, 9.5 GB for a file of 100 kB."""

_DOTTED = re.compile(rf"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){{{MAX_DOTS}}}""")

_LONG_NUMBER = re.compile(r"\b0[xob][0-9A-Fa-f_]{256}")
"""Python reads such numbers of any length, but does not write them."""


def read_toml(path: Path, *, what: str) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
    what : str
        What it is, for messages: "region file".

    Raises
    ------
    ConfigError
        It is missing, cannot be read, is not TOML, or is larger or deeper than any that a person writes.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as err:
        raise ConfigError(f"no {what} at {path}; give the path of a .toml file") from err
    except (OSError, ValueError) as err:  # UnicodeDecodeError and names with a null character are ValueErrors
        raise ConfigError(f"cannot read {path}: {err}; give a {what} in UTF-8") from err
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path} has more than {MAX_BYTES >> 20} MiB; give a {what}, which has some kB")
    if _LONG_NUMBER.search(text):
        raise ConfigError(f"{path} has a number of hundreds of digits; give a {what}")
    if _DOTTED.search(text):
        raise ConfigError(f"{path} has a key of more than {MAX_DOTS} words with dots between; give a {what}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise ConfigError(f"{path} is not TOML: {err}; see docs/ for the form of a {what}") from err
    except (ValueError, RecursionError) as err:
        # Numbers of more than 4,300 digits; lists within lists without end.
        reason = "lists within lists" if isinstance(err, RecursionError) else "a number of thousands of digits"
        raise ConfigError(f"{path} has {reason}; see docs/ for the form of a {what}") from err
