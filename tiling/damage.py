"""What libjpeg says of a file while it is read -> an error: GDAL only warns, and gives pixels that nobody took."""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from groundplan.errors import SceneError

LOGGER: Final = "rasterio._err"
"""Where rasterio passes on GDAL's warnings, in the thread that reads."""

# Bytes between the segments are a habit of some encoders and cost no pixel.
_DAMAGE: Final = re.compile(r"Premature end of JPEG file|Corrupt JPEG data: (?!\d+ extraneous bytes)")

_THREAD = threading.local()


class _Listener(logging.Handler):
    """Keeps what is said of damage in the thread that listens."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        heard = getattr(_THREAD, "heard", None)
        if heard is not None and _DAMAGE.search(text := record.getMessage()):
            heard.append(text)


logging.getLogger(LOGGER).addHandler(_Listener())


@contextmanager
def damage_is_an_error(path: str) -> Iterator[None]:
    """Raise at the end where libjpeg found what was read meanwhile, in this thread, to be damaged.

    Raises
    ------
    SceneError
        Blocks of the file cannot be decoded. What GDAL has of them in its cache is garbage: close the file.
    """
    heard: list[str] = []
    _THREAD.heard = heard
    try:
        yield
    finally:
        _THREAD.heard = None
    if heard:
        raise SceneError(f"cannot read pixels of {path}: {heard[0]}; copy or convert it again")
