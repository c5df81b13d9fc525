"""Parts of towns of growing size on disk -> peak memory and processor time of `groundplan merge`, as JSON."""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _peak import run_alone
from _table import write_row
from merge_seams import town_parts

from groundplan.geoparquet import write_parquet
from pipeline.gather import PARTS_AT_ONCE
from pipeline.merge import TILES_NAME, write_tiles

BLOCK_TILES = 4
SMALL, FULL = (20_000, 80_000), (60_000, 240_000, 960_000)
MERGE = """
import sys
from pathlib import Path
from pipeline.merge import merge
from pipeline.merge_options import MergeOptions
result = len(merge(Path(sys.argv[1]), MergeOptions(), parts_at_once=int(sys.argv[2])))
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


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="up to a million parts (half an hour)")
    options = parser.parse_args()
    rows = []
    for count in FULL if options.full else SMALL:
        with tempfile.TemporaryDirectory() as name:
            write_parts(Path(name), count)
            features, peak_mb, seconds = run_alone(MERGE, name, PARTS_AT_ONCE)
            _, whole_mb, _ = run_alone(MERGE, name, 10**9)
        rows.append((count, features, round(peak_mb), round(whole_mb), round(seconds, 1)))
    names = ("parts", "features", "peak_mb", "peak_mb_in_one_piece", "seconds")
    write_row("merge_memory", {name: [row[place] for row in rows] for place, name in enumerate(names)})


if __name__ == "__main__":
    main()
