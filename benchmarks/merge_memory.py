"""Parts of towns of growing size on disk -> peak memory and processor time of `groundplan merge`, as JSON."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _table import write_row
from merge_seams import town_parts

from groundplan.vector import write_parquet
from pipeline.gather import PARTS_AT_ONCE
from pipeline.merge import TILES_NAME, write_tiles

ROOT = Path(__file__).resolve().parents[1]
BLOCK_TILES = 4
SMALL, FULL = (20_000, 80_000), (60_000, 240_000, 960_000)
# The peak is the process's own: what the system says of a child counts its parent's memory at the start.
MERGE = """
import json, sys, time
from pathlib import Path
from pipeline.merge import merge
from pipeline.merge_options import MergeOptions
features = merge(Path(sys.argv[1]), MergeOptions(), parts_at_once=int(sys.argv[2]))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps([len(features), int(status["VmHWM"].split()[0]) / 1024, time.process_time()]))
"""


def write_parts(folder: Path, count: int) -> None:
    """Write about `count` parts as a run would: a file for each block of tiles."""
    parts, tiles = town_parts(count)
    (folder / "parts").mkdir(parents=True)
    side = int(len(tiles) ** 0.5)
    step_m = tiles[1, 1] - tiles[0, 1]
    place = parts[["tile_left", "tile_bottom"]].to_numpy() - tiles[0, :2]
    block = (np.round(place / step_m) // BLOCK_TILES).astype(int)
    for number, some in parts.groupby(block[:, 1] * side + block[:, 0]):
        write_parquet(some, folder / "parts" / f"{number:07d}.parquet")
    write_tiles(folder / TILES_NAME, tiles)


def measure(folder: Path, *, at_once: int) -> tuple[int, float, float]:
    """Return features, peak megabytes and processor seconds of a merge in a process of its own."""
    command = [sys.executable, "-c", MERGE, str(folder), str(at_once)]
    count, peak_mb, seconds = json.loads(
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE).stdout
    )
    return count, peak_mb, seconds


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="up to a million parts (half an hour)")
    options = parser.parse_args()
    rows = []
    for count in FULL if options.full else SMALL:
        with tempfile.TemporaryDirectory() as name:
            write_parts(Path(name), count)
            features, peak_mb, seconds = measure(Path(name), at_once=PARTS_AT_ONCE)
            _, whole_mb, _ = measure(Path(name), at_once=10**9)
        rows.append((count, features, round(peak_mb), round(whole_mb), round(seconds, 1)))
    names = ("parts", "features", "peak_mb", "peak_mb_in_one_piece", "seconds")
    write_row("merge_memory", {name: [row[place] for row in rows] for place, name in enumerate(names)})


if __name__ == "__main__":
    main()
