"""Large arrays that come and go are made of pages that the process already has."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, threading
import torch
from detection.kept_memory import keep_memory

kept = keep_memory() if sys.argv[1] == "kept" else None
torch.set_num_threads(1)

def tile():
    some = [torch.zeros(millions * 1_000_000) for millions in (5, 12, 5, 12)]  # 20 and 48 MB
    del some

def tiles():
    for _ in range(4):
        tile()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        tile()
    print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

if sys.argv[2] == "first":
    tiles()
else:
    other = threading.Thread(target=tiles)
    other.start()
    other.join()
"""


# As Dask has its workers give memory back; left alone, glibc learns from what a process frees, now so, now so.
AT_ONCE = {"MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "131072"}


def faults(mode: str, thread: str) -> tuple[str, int]:
    command, setting = [sys.executable, "-c", PROGRAM, mode, thread], os.environ | AT_ONCE
    run = subprocess.run(command, env=setting, capture_output=True, text=True, check=True)
    kept, count = run.stdout.split()
    return kept, int(count)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own setting")
@pytest.mark.parametrize("thread", ["first", "other"])
def test_memory_is_kept_from_tile_to_tile(thread: str) -> None:
    kept, few = faults("kept", thread)
    if kept == "False":
        pytest.skip("this C library has no such setting")
    _, many = faults("plain", thread)
    if many < 1000:
        pytest.skip("this system's pages are large: few are fetched anyway")
    assert 5 * few < many
