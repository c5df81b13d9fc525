"""Memory that a network gives back -> kept for the next tile instead of handed to the system at once."""

import ctypes
import sys
from typing import Final

TRIM_BYTES: Final = 2**30
"""Free memory that a process keeps. Of tiles of 1,024 px a network gives back more than 256 MB at a time."""
FETCHED_ALONE: Final = 0
"""Large arrays that may be fetched from the system by themselves; glibc does so with all above 32 MB."""
PAD_BYTES: Final = 2**27
"""Addresses that are taken ahead of need; pages only follow when they are used. All threads but a process's
first have their memory in heaps of 64 MB, and glibc gives an empty one back unless less than this is in reach."""

# glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_memory() -> bool:
    """Have glibc keep this process's memory, and tell whether it does; other libraries are left as they are.

    A network asks for the same large arrays tile after tile: to fetch their pages anew took an eighth of its time,
    a quarter in a thread with heaps of its own, and up to half where several processes did so.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_TRIM_THRESHOLD, TRIM_BYTES), (_TOP_PAD, PAD_BYTES), (_MMAP_MAX, FETCHED_ALONE))
    return all(mallopt(what, much) for what, much in settings)
