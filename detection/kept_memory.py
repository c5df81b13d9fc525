"""Memory that a network gives back -> kept for the next tile instead of handed to the system at once."""

import ctypes
import sys
from typing import Final

TRIM_BYTES: Final = 2**28
"""Free memory that a process keeps."""
LARGE_BYTES: Final = 2**25
"""Only what is larger than this is fetched from the system by itself; more, glibc does not take."""

# glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_memory() -> bool:
    """Have glibc keep this process's memory, and tell whether it does; other libraries are left as they are.

    A network asks for the same large arrays tile after tile: to fetch their pages anew took an eighth of its time,
    and up to half where several processes did so.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_TRIM_THRESHOLD, TRIM_BYTES), (_MMAP_THRESHOLD, LARGE_BYTES))
    return all(mallopt(what, much) for what, much in settings)
