"""Something read through GDAL -> its result, tried again where a network may have hiccuped.

GDAL itself tries again after an answer such as 503, but not after a connection that drops in the middle of one
or ends early (measured with GDAL 3.10), and keeps what came of it. So we try again, and make it forget first.
"""

import contextlib
import re
import time
from collections.abc import Callable
from typing import TypeVar

import rasterio
from rasterio.errors import RasterioError

from tiling.paths import is_address

Result = TypeVar("Result")

TRIES = 6
FIRST_WAIT_S = 0.5
"""Doubled after every failure: 0.5, 1, 2, 4, 8 s."""


def patiently(
    path: str, action: Callable[[], Result], *, between: Callable[[], None] | None = None, tries: int = TRIES
) -> Result:
    """Return what `action` returns; for addresses, try up to `tries` times.

    Parameters
    ----------
    path : str
        What is read; local files are tried once.
    action : callable
    between : callable, optional
        Called after each failure that is followed by another try, as to close a data set.
    tries : int

    Raises
    ------
    RasterioError
        Of the last try, or the first that says that the server refuses.
    """
    for attempt in range(1, tries):
        try:
            return action()
        except RasterioError as err:
            if not may_pass(path, err):
                raise
            if between is not None:
                between()
            time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
            forget(path)
    return action()


def forget(path: str) -> None:
    """Have GDAL drop what it keeps of a file: half an answer would be read as half a file for ever."""
    kind, _, rest = path.partition("://")
    names = {
        "http": f"/vsicurl/{path}",
        "https": f"/vsicurl/{path}",
        "s3": f"/vsis3/{rest}",
        "gs": f"/vsigs/{rest}",
    }
    # A file opened under this option is forgotten when it is closed, with whatever opened it before.
    with contextlib.suppress(RasterioError), rasterio.Env(CPL_VSIL_CURL_NON_CACHED=names.get(kind, path)):
        rasterio.open(path).close()


def may_pass(path: str, err: BaseException | None) -> bool:
    """Tell whether a fault may be the network's; a server's 4xx is final, but for 408 and 429."""
    while err is not None:
        found = re.search(r"\b(?:response code:? ?|error code : ?)(4\d\d)", str(err))
        if (found and found[1] not in ("408", "429")) or "does not exist" in str(err):
            return False
        err = err.__cause__
    return is_address(path)
