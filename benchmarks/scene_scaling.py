"""Painted scenes of growing size -> processor time and peak memory of whole runs, and how time grows, as JSON."""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from _table import write_row
from affine import Affine
from rasterio.windows import Window

ROOT = Path(__file__).resolve().parents[1]
BLOCK_PX = 500
SMALL, FULL = (1000, 2000), (5000, 10_000, 20_000)


def write_region(folder: Path, size_px: int) -> Path:
    """Write a scene with 25 painted houses in every 500 x 500 px, and its region file."""
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "tiled": True, "compress": "deflate"}
    place = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)
    # A child's peak counts from its parent's size at its start: what GDAL keeps here must stay small.
    with (
        rasterio.Env(GDAL_CACHEMAX=2**25),
        rasterio.open(
            folder / "scene.tif", "w", width=size_px, height=size_px, crs="EPSG:32633", transform=place, **profile
        ) as scene,
    ):
        block = np.zeros((3, BLOCK_PX, BLOCK_PX), np.uint8)
        for number in range(25):
            row, col = (100 * place + 20 for place in divmod(number, 5))
            block[:, row : row + 50 + number, col : col + 60 - number] = np.array([1, 0, number + 1])[
                :, None, None
            ]
        for row in range(0, size_px, BLOCK_PX):
            for col in range(0, size_px, BLOCK_PX):
                # A colour is an instance: neighbouring blocks, which a tile may both see, need their own numbers.
                shift = 25 * ((row // BLOCK_PX % 4) * 4 + col // BLOCK_PX % 4)
                own = block.astype(np.uint16)
                own[2] += np.where(block[0] > 0, shift, 0).astype(np.uint16)
                own[1], own[2] = own[2] >> 8, own[2] & 255
                scene.write(own.astype(np.uint8), window=Window(col, row, BLOCK_PX, BLOCK_PX))
    path = folder / "region.toml"
    path.write_text('name = "growing"\nscenes = ["scene.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n')
    return path


def measure(size_px: int) -> tuple[float, float]:
    """Return processor seconds and peak megabytes of a run in one process, its start included."""
    with tempfile.TemporaryDirectory() as name:
        region = write_region(Path(name), size_px)
        command = [
            sys.executable,
            "-m",
            "groundplan",
            "run",
            str(region),
            "--out",
            f"{name}/run",
            "--workers",
            "0",
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # The largest child so far; sizes grow, so it is this one.
    return seconds, after.ru_maxrss / 1024


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="5,000 to 20,000 px a side (many minutes)")
    options = parser.parse_args()
    sizes = FULL if options.full else SMALL
    start_s, _ = measure(BLOCK_PX)
    rows = [measure(size) for size in sizes]
    area = np.log([size**2 for size in sizes])
    exponent = np.polyfit(area, np.log([max(seconds - start_s, 1e-3) for seconds, _ in rows]), 1)[0]
    write_row(
        "scene_scaling",
        {
            "sizes_px": list(sizes),
            "start_s": round(start_s, 1),
            "seconds": [round(seconds, 1) for seconds, _ in rows],
            "peak_mb": [round(peak) for _, peak in rows],
            "exponent_of_time_in_area": round(float(exponent), 3),
        },
    )


if __name__ == "__main__":
    main()
