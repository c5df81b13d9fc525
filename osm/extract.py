"""What is known of an OSM extract as a whole: where it reaches, how old it is, what was skipped in it."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT
from osm.boxes import BBox, around


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractInfo:
    """An OSM file as a whole."""

    name: str
    """File name without its folder."""
    boxes: tuple[BBox, ...]
    """West, south, east, north in degrees of each part it covers, as its header states or its nodes tell; () = it
    states none and has too few nodes to tell."""
    stated: bool
    """Whether the header says so."""
    timestamp: str
    """State of the data, ISO 8601, from the header or else the newest element read; "" = unknown."""
    has_metadata: bool
    """Elements carry versions; without them nothing is known about when they were edited."""
    n_broken: int
    """Elements that matter but whose geometry could not be built (missing or crossing nodes)."""

    @property
    def bbox(self) -> BBox | None:
        """The box around all of them; None = nothing is known."""
        return around(self.boxes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """An OSM file read."""

    info: ExtractInfo
    """The file as a whole."""
    rows: pd.DataFrame
    """(M rows): OSM_FEATURES without their geometry, sorted by role, type, id and label."""
    lon_lat: NDArray[np.object_]
    """(M,): their geometries in EPSG:4326 as WKB, a third the size of a geometry."""

    def frame(self) -> gpd.GeoDataFrame:
        """Return OSM_FEATURES in EPSG:4326."""
        return gpd.GeoDataFrame(self.rows, geometry=shapely.from_wkb(self.lon_lat), crs=LON_LAT)


def extract_name(path: Path) -> str:
    """Return the name under which a file is reported: never its folder, which would differ between machines."""
    return path.name
