"""The data collection -> one folder of chips that training reads without GDAL."""

import argparse
import logging
import sys
from pathlib import Path

from groundplan.errors import DataError, Error
from training import sources
from training.chips import ChipWriter
from training.composites import write_composites

log = logging.getLogger(__name__)

NEEDED = ("fields", "naip", "buildings/banepa")


RENDERED_TRAIN = 800
RENDERED_VAL = 120
"""Chips with drawn fields; the two sets have other seeds and backgrounds of their own split."""


def prepare(data: Path, out: Path) -> None:
    """Write real/, rendered_train/ and rendered_val/ into a folder; what is whole already is left alone."""
    if not (out / "real" / "annotations.json").is_file():
        prepare_real_chips(data, out / "real")
    for split, count, seed in (("train", RENDERED_TRAIN, 11), ("val", RENDERED_VAL, 12)):
        folder = out / f"rendered_{split}"
        if not (folder / "annotations.json").is_file():
            write_composites(out / "real", folder, count=count, split=split, seed=seed)


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
        if not (data / name).is_dir():
            raise DataError(f"no folder {data / name}; give the data collection that holds {', '.join(NEEDED)}")
    writer = ChipWriter(out)
    counts = {
        "fields": sources.add_fields(data / "fields", writer),
        "naip": sources.add_naip(data / "naip", writer),
        "banepa": sources.add_banepa(data / "buildings" / "banepa", writer),
    }
    writer.close(
        description="UC Merced tiles (USGS, public domain) with own labels; NAIP chips (CC-BY 4.0, USDA NAIP and "
        "Ventura et al. 2024); Banepa (OpenAerialMap, CC-BY 4.0; footprints (c) OpenStreetMap contributors, ODbL)"
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
