"""The data collection -> one folder of chips that training reads without GDAL."""

import logging
from pathlib import Path

from groundplan.errors import DataError
from training import sources
from training.chips import ChipWriter

log = logging.getLogger(__name__)

NEEDED = ("fields", "naip", "buildings/banepa")


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
