"""What is known of an OSM extract as a whole: where it reaches, how old it is, what was skipped in it."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractInfo:
    """An OSM file as a whole."""

    name: str
    """File name without its folder."""
    bbox: tuple[float, float, float, float] | None
    """West, south, east, north in degrees, as the file's header states; None = it states none."""
    timestamp: str
    """State of the data, ISO 8601, from the header or else the newest element read; "" = unknown."""
    has_metadata: bool
    """Elements carry versions; without them nothing is known about when they were edited."""
    n_broken: int
    """Elements that matter but whose geometry could not be built (missing or crossing nodes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """An OSM file read."""

    info: ExtractInfo
    """The file as a whole."""
    features: gpd.GeoDataFrame
    """OSM_FEATURES in EPSG:4326, sorted by role, type, id and label."""


def extract_name(path: Path) -> str:
    """Return the name under which a file is reported: never its folder, which would differ between machines."""
    return path.name
