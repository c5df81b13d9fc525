"""The data collection -> one folder of chips that training reads without GDAL."""

import argparse
import logging
import sys
from pathlib import Path

from groundplan.errors import DataError, Error
from training import sources
from training.chips import ChipWriter
from training.composites import COARSE, FINE, YARDS, write_composites
from training.render_open import render_open
from training.render_quarter import render_quarter
from training.render_town import render_town
from training.render_village import render_village
from training.render_wild import render_wild
from training.render_works import render_works
from training.town_chips import write_town_chips

log = logging.getLogger(__name__)

NEEDED = ("fields", "naip", "buildings/banepa", "scenes/autzen_rgb_1ft.tif")


RENDERED = (("train", 1800, 71), ("val", 120, 22))
"""Split, count and seed of chips with drawn fields; the backgrounds are of the chips' own split."""
YARDS_RENDERED = (("train", 320, 91), ("val", 60, 42))
"""The same with school yards."""
COARSE_RENDERED = (("train", 1700, 81), ("val", 80, 32))
"""The same at the coarse pass's resolution."""
COMPOSITES = (
    ("rendered", FINE, RENDERED),
    ("yards", YARDS, YARDS_RENDERED),
    ("coarse", COARSE, COARSE_RENDERED),
)
"""How their folders' names begin, what they show, and their splits."""
TOWNS = (
    ("towns", "rendered_town", render_town, 24, 420.0, 0.3, 640, 141),
    ("towns_coarse", "rendered_coarse_town", render_town, 24, 800.0, 0.9, 400, 142),
    ("villages", "rendered_village", render_village, 190, 240.0, 0.3, 512, 143),
    ("quarters", "rendered_quarter", render_quarter, 130, 240.0, 0.3, 512, 144),
    ("opens", "rendered_open", render_open, 80, 330.0, 0.3, 512, 145),
    ("works", "rendered_works", render_works, 60, 330.0, 0.3, 512, 147),
    ("wilds", "rendered_wild", render_wild, 100, 240.0, 0.3, 512, 146),
)
"""Folder, source, renderer, count, side in metres, metres per pixel, chip side in px and seed."""


def prepare(data: Path, out: Path) -> None:
    """Write real/ and the rendered chips of both passes into a folder; what is whole already is left alone."""
    if not (out / "real" / "annotations.json").is_file():
        prepare_real_chips(data, out / "real")
    for name, kind, sets in COMPOSITES:
        for split, count, seed in sets:
            folder = out / f"{name}_{split}"
            if not (folder / "annotations.json").is_file():
                write_composites(out / "real", folder, count=count, split=split, seed=seed, kind=kind)
    for name, source, render, count, size_m, gsd_m, chip_px, seed in TOWNS:
        if not (out / name / "annotations.json").is_file():
            write_town_chips(
                out / name,
                count=count,
                size_m=size_m,
                gsd_m=gsd_m,
                chip_px=chip_px,
                split="train",
                seed=seed,
                source=source,
                render=render,
            )


def prepare_real_chips(data: Path, out: Path) -> dict[str, int]:
    """Write the real, labelled chips; return how many came from each source.

    Parameters
    ----------
    data : Path
        The data collection, with the folders named in `NEEDED`.
    out : Path
        Folder that will hold images/ and annotations.json.

    Raises
    ------
    DataError
        A folder of the collection is missing.
    """
    for name in NEEDED:
        if not (data / name).exists():
            raise DataError(f"there is no {data / name}; give the data collection that holds {', '.join(NEEDED)}")
    writer = ChipWriter(out)
    counts = {
        "fields": sources.add_fields(data / "fields", writer),
        "naip": sources.add_naip(data / "naip", writer),
        "banepa": sources.add_banepa(data / "buildings" / "banepa", writer),
        "autzen": sources.add_autzen(data / NEEDED[-1], writer),
    }
    writer.close(
        description="UC Merced tiles (USGS, public domain) with own labels; NAIP chips (CC-BY 4.0, USDA NAIP and "
        "Ventura et al. 2024); Banepa (OpenAerialMap, CC-BY 4.0; footprints (c) OpenStreetMap contributors, ODbL)"
        "; Autzen (PDAL data, CC-BY 4.0)"
    )
    log.info("chips written to %s: %s", out, counts)
    return counts


def main() -> int:
    """Prepare chips from the command line: ``python -m training.prepare --data DIR --out DIR``."""
    parser = argparse.ArgumentParser(description="Prepare training chips from the data collection.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        prepare(arguments.data, arguments.out)
    except Error as err:
        sys.stderr.write(f"groundplan: {err}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
