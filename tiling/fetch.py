"""An http(s) address -> its bytes, with a few patient tries; used where GDAL does not do the asking."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from groundplan import __version__
from groundplan.errors import SceneError

Result = TypeVar("Result")

TRIES = 5
FIRST_WAIT_S = 0.5
"""Doubled after every failure: 0.5, 1, 2, 4 s."""
MAX_WAIT_S = 60.0
"""A server that asks for more patience than this is taken as failed."""
TIMEOUT_S = 30.0
NOTHING = (204, 404, 410)
"""Answers that say that there is nothing, which is no fault."""
TRANSIENT = (408, 425, 429, 500, 502, 503, 504)

USER_AGENT = f"groundplan/{__version__} (draws building footprints from open imagery)"
"""Tile services ask for a name that they can tell apart; libraries' own names are often blocked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server gave."""

    data: bytes | None
    """None: the server says that there is nothing."""


def fetch(address: str, *, max_bytes: int, first_wait_s: float | None = None) -> Answer:
    """Get an address, trying again where the fault may pass.

    Parameters
    ----------
    address : str
        http or https.
    max_bytes : int
        Longer answers are refused before they are held.
    first_wait_s : float, optional
        Seconds before the second try; default `FIRST_WAIT_S`.

    Raises
    ------
    SceneError
        Another kind of address, a refusal, too long an answer, or faults in all `TRIES` tries.
    """
    return Answer(data=_tried(address, lambda: _ask(address, max_bytes), first_wait_s=first_wait_s))


def fetch_headers(address: str) -> Mapping[str, str]:
    """Return what a server says of an address, names in lower case; {} where it does not answer the question."""
    try:
        return _tried(address, lambda: _ask_headers(address), first_wait_s=None) or {}
    except SceneError:
        return {}


def _tried(address: str, ask: Callable[[], Result], *, first_wait_s: float | None) -> Result | None:
    """Return what `ask` returns, tried again where the fault may pass; None where the server has nothing."""
    if not address.startswith(("http://", "https://")):
        raise SceneError(f"{address[:80]} is no http or https address; give one")
    wait_s = FIRST_WAIT_S if first_wait_s is None else first_wait_s
    reason = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(wait_s * 2 ** (attempt - 1))
        try:
            return ask()
        except urllib.error.HTTPError as err:
            with err:
                if err.code in NOTHING:
                    return None
                reason = f"HTTP {err.code}"
                if err.code not in TRANSIENT:
                    raise SceneError(f"{address} answers {reason}; check the address and your access") from err
                _heed(err.headers.get("Retry-After"))
        except (OSError, EOFError, ValueError) as err:
            # urllib raises ValueError for what is no address, and http.client's errors are of all kinds.
            reason = str(err) or type(err).__name__
        except Exception as err:
            # http.client.HTTPException derives from Exception alone.
            reason = f"{type(err).__name__} {err}"
    raise SceneError(f"{address} failed {TRIES} times, last: {reason}; try again later")


def _ask_headers(address: str) -> Mapping[str, str]:
    request = urllib.request.Request(address, headers={"User-Agent": USER_AGENT}, method="HEAD")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        return {name.lower(): value for name, value in response.headers.items()}


def _ask(address: str, max_bytes: int) -> bytes | None:
    request = urllib.request.Request(address, headers={"User-Agent": USER_AGENT})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        if response.status in NOTHING:
            return None
        data = response.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise SceneError(f"{address} answers with more than {max_bytes} bytes; check the address")
        length = response.headers.get("Content-Length")
        if length is not None and len(data) != int(length):
            raise EOFError(f"{len(data)} of {length} bytes came")
        return bytes(data)


def _heed(retry_after: str | None) -> None:
    """Wait as long as the server asks for, within reason."""
    if retry_after is not None and retry_after.isdigit():
        time.sleep(min(float(retry_after), MAX_WAIT_S))
