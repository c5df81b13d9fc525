"""An http(s) address -> its bytes, with a few patient tries; used where GDAL does not do the asking."""

import base64
import ssl
import time
import urllib.error
import urllib.parse
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
PARTIAL = 206
NOT_LET_IN = (401, 403, 407)
"""Refusals of who asks, which are the same tomorrow."""

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


class _NotLetInError(SceneError):
    """The server refuses us, whatever it says to others."""


def fetch_headers(address: str) -> Mapping[str, str]:
    """Return what a server says of an address, names in lower case, ``content-length`` that of the whole file.

    Servers that refuse the question alone, as for presigned addresses, are asked for the first byte.

    Returns
    -------
    mapping
        {} where the server has nothing, or does not let us in: GDAL may, by ``GDAL_HTTP_*``, ``.netrc`` or
        certificates of its own.

    Raises
    ------
    SceneError
        Another kind of address, or faults in all `TRIES` tries.
    """
    try:
        said = _tried(address, lambda: _ask_headers(address, "HEAD"), first_wait_s=None)
    except SceneError:
        said = None
    try:
        return said or _tried(address, lambda: _ask_headers(address, "GET"), first_wait_s=None) or {}
    except _NotLetInError:
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
                    kind = _NotLetInError if err.code in NOT_LET_IN else SceneError
                    raise kind(f"{address} answers {reason}; check the address and your access") from err
                _heed(err.headers.get("Retry-After"))
        except (OSError, EOFError, ValueError) as err:
            # urllib raises ValueError for what is no address, and http.client's errors are of all kinds.
            reason = str(err) or type(err).__name__
            if isinstance(getattr(err, "reason", err), ssl.SSLCertVerificationError):
                raise _NotLetInError(
                    f"{address} shows no certificate to trust: {reason}; set SSL_CERT_FILE"
                ) from err
        except Exception as err:
            # http.client.HTTPException derives from Exception alone.
            reason = f"{type(err).__name__} {err}"
    raise SceneError(f"{address} failed {TRIES} times, last: {reason}; try again later")


def _ask_headers(address: str, method: str) -> Mapping[str, str]:
    request = _request(address, method)
    if method == "GET":
        request.add_header("Range", "bytes=0-0")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        said = {name.lower(): value for name, value in response.headers.items()}
        if response.status == PARTIAL:
            # "bytes 0-0/12345"; "*" where the server does not know.
            said["content-length"] = said.get("content-range", "").rpartition("/")[2]
        return said


def _request(address: str, method: str) -> urllib.request.Request:
    """Return a request; urllib does not know logins in addresses, which GDAL does."""
    parts = urllib.parse.urlsplit(address)
    login, _, host = parts.netloc.rpartition("@")
    if login:
        address = parts._replace(netloc=host).geturl()
    request = urllib.request.Request(address, headers={"User-Agent": USER_AGENT}, method=method)
    if login:
        known = base64.b64encode(urllib.parse.unquote_to_bytes(login)).decode()
        # Not for whom the server may send us on to.
        request.add_unredirected_header("Authorization", f"Basic {known}")
    return request


def _ask(address: str, max_bytes: int) -> bytes | None:
    request = _request(address, "GET")
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
