"""An extract and a place -> the OSM rows around it, in the metric CRS when a part of them is looked at."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from osm.extract import Extract
from osm.ground import Ground, with_ground
from osm.tags import GONE_PREFIXES
from osm.window import meets, window_around
from osm.world import Mapped

ROWS_AT_ONCE = 50_000
"""Rows that are geometries in both systems at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """M rows of OSM_FEATURES near the detections."""

    rows: pd.DataFrame
    """Without their geometry."""
    lon_lat: NDArray[np.object_]
    """(M,): WKB of the geometries in EPSG:4326, as they are in the file."""
    metric: NDArray[np.object_]
    """(M,): WKB of the geometries in the metric CRS; areas valid."""
    bounds: NDArray[np.float64]
    """(M, 4): left, bottom, right, top in the metric CRS."""
    element: NDArray[np.int64]
    """(M,): number of the element; rows of one element share it."""
    n_repaired: int
    """Areas that had to be made valid."""

    def __len__(self) -> int:
        return len(self.rows)

    def geometry(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.object_]:
        """Return geometries in the metric CRS."""
        return np.asarray(shapely.from_wkb(self.metric[index]), dtype=object)

    def within(self, bounds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the positions of the rows whose bounds meet left, bottom, right, top."""
        left, bottom, right, top = bounds
        near = (self.bounds[:, 0] <= right) & (self.bounds[:, 2] >= left)
        return np.flatnonzero(near & (self.bounds[:, 1] <= top) & (self.bounds[:, 3] >= bottom))

    def mapped(self, index: NDArray[np.int64]) -> Mapped:
        """Return some rows as the decision table looks at them."""
        rows, geometry = self.rows.iloc[index], self.geometry(index)
        tags = rows["tags"].to_list()
        return Mapped(
            geometry=geometry,
            label=rows["label"].to_numpy(dtype=object),
            role=rows["role"].to_numpy(dtype=object),
            element=self.element[index],
            pitch=np.array([each.get("leisure") == "pitch" for each in tags], bool),
            gone=np.array([any(key.split(":")[0] in GONE_PREFIXES for key in each) for each in tags], bool),
            day=np.array([str(stamp)[:10] for stamp in rows["timestamp"].to_list()], dtype=object),
            areal=np.isin(shapely.get_type_id(geometry), (3, 6)),
        )

    def records(self, index: NDArray[np.int64]) -> list[dict[str, object]]:
        """Return per row the record that changes carry: type, id, version, timestamp."""
        names = ("osm_type", "osm_id", "version", "timestamp")
        columns = [self.rows[name].iloc[index].to_list() for name in names]
        return [
            {"type": kind, "id": number, "version": version, "timestamp": stamp}
            for kind, number, version, stamp in zip(*columns, strict=True)
        ]


def surroundings(features: gpd.GeoDataFrame, extract: Extract, *, ground: Ground | None = None) -> Surroundings:
    """Return the rows of an extract near the features, and those on the ground that was looked at."""
    window = with_ground(window_around(features), ground)
    found = [np.empty(0, np.int64)]
    wkb, bounds = [np.empty(0, dtype=object)], [np.empty((0, 4))]
    n_repaired = 0
    for start in range(0, len(extract.rows), ROWS_AT_ONCE):
        lon_lat = shapely.from_wkb(extract.lon_lat[start : start + ROWS_AT_ONCE])
        near = np.flatnonzero(meets(shapely.bounds(lon_lat), window))
        metric = transform_geometries(lon_lat[near], source=LON_LAT, target=features.crs)
        broken = ~shapely.is_valid(metric)
        n_repaired += int(broken.sum())
        metric[broken] = [_mended(each) for each in metric[broken]]
        full = ~shapely.is_empty(metric)
        found.append(start + near[full])
        wkb.append(shapely.to_wkb(metric[full]))
        bounds.append(shapely.bounds(metric[full]))
    index = np.concatenate(found)
    rows = extract.rows.iloc[index].reset_index(drop=True)
    # Lists: an Arrow column makes an object of its own for every look at a row.
    numbers: dict[tuple[str, int], int] = {}
    keys = zip(rows["osm_type"].to_list(), rows["osm_id"].to_list(), strict=True)
    element = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
    return Surroundings(
        rows=rows,
        lon_lat=extract.lon_lat[index],
        metric=np.concatenate(wkb),
        bounds=np.concatenate(bounds),
        element=element,
        n_repaired=n_repaired,
    )


def _mended(geometry: shapely.Geometry) -> shapely.Geometry:
    if shapely.get_type_id(geometry) not in (3, 6):
        return geometry
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(geometry)))
    return shapely.union_all(parts[shapely.get_type_id(parts) == 3])
