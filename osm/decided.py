"""What is decided about all detections of a region, kept small: outlines as WKB, evidence in one array."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from osm.decide import Decisions
from osm.evidence import Evidence
from osm.outline import round_lon_lat

ROWS_AT_ONCE = 20_000
"""Outlines that are geometries at the same time."""


@dataclass(slots=True, kw_only=True)
class Decided:
    """N decisions; filled cell by cell, then judged as a whole."""

    status: NDArray[np.object_]
    """(N,): one of groundplan.schema.STATUSES but osm_only; "" = only its rivals can speak against it."""
    reason: NDArray[np.object_]
    """(N,): reason code of the row that decided."""
    memory: NDArray[np.object_]
    """(N,): what was decided before: "accepted", "rejected", "done" or ""."""
    shown: NDArray[np.object_]
    """(N,): what the person who decided saw; "" = not said."""
    lapsed: NDArray[np.bool_]
    """(N,): it was accepted, but what is seen today is something else (`osm.accepted`)."""
    lon_lat: NDArray[np.object_]
    """(N,): WKB of the outline in EPSG:4326 on OSM's grid."""
    metric: NDArray[np.object_]
    """(N,): WKB of the same in the metric CRS, where it may still be drawn in; else None."""
    rival: NDArray[np.object_]
    """(N,): WKB of the outline in OSM's frame where the status is "", else None."""
    area_m2: NDArray[np.float64]
    """(N,): of the outline."""
    outline_ok: NDArray[np.bool_]
    """(N,): OSM can hold the outline; False where row 1 to 5 decided."""
    touches: NDArray[np.bool_]
    """(N,): a mapped building is nearer than the gap that counts as free."""
    cut: NDArray[np.bool_]
    """(N,): the outline was cut clear of a neighbour."""
    overlap: NDArray[np.float64]
    """(N, 3): IoU with the best candidate, share of the detection under it, share of it under the detection."""
    nearest_m: NDArray[np.float64]
    """(N,): distance to the nearest area of the family; NaN = none within the search radius."""
    first: NDArray[np.int64]
    """(N,): where the detection's evidence begins in `osm`."""
    count: NDArray[np.int64]
    """(N,): how many rows of evidence it has."""
    osm: NDArray[np.int64]
    """(E,): positions of OSM rows, best first, one row an element."""

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """(N,): a person is to look at it."""
        return np.asarray((self.status == "new") | (self.status == "review"))

    def evidence(self, index: int) -> NDArray[np.int64]:
        """Return the positions of the OSM rows that speak in a decision."""
        return self.osm[self.first[index] : self.first[index] + self.count[index]]

    def put(
        self,
        where: NDArray[np.int64],
        *,
        decisions: Decisions,
        drawn: Decisions,
        evidence: Evidence,
        memory: NDArray[np.object_],
        shown: NDArray[np.object_],
        chosen: NDArray[np.int64],
        osm: NDArray[np.int64],
        crs: Any,
    ) -> None:
        """Keep the decisions of a cell.

        Parameters
        ----------
        where : ndarray of int, shape (K,)
            Positions in the region.
        decisions, drawn : Decisions
            With outlines in OSM's frame, and as they are to be written; the same where that is OSM's frame.
        evidence : Evidence
        memory, shown : ndarray of str
        chosen : ndarray of int, shape (K,)
            Positions in these five of what stands at `where`.
        osm : ndarray of int
            Positions in the region of the cell's OSM rows.
        crs : CRS
            The metric CRS.
        """
        self.status[where], self.reason[where] = decisions.status[chosen], decisions.reason[chosen]
        self.memory[where], self.shown[where] = memory[chosen], shown[chosen]
        polygon, lon_lat = drawn.polygon[chosen], drawn.lon_lat[chosen]
        plain = np.flatnonzero(lon_lat == None)  # noqa: E711 - elementwise
        lon_lat[plain] = round_lon_lat(transform_geometries(polygon[plain], source=crs, target=LON_LAT))
        self.lon_lat[where], self.area_m2[where] = shapely.to_wkb(lon_lat), shapely.area(polygon)
        left = decisions.status[chosen] == ""
        kept = left | (decisions.status[chosen] == "review")
        self.metric[where[kept]] = shapely.to_wkb(polygon[kept])
        self.rival[where[left]] = (
            self.metric[where[left]] if drawn is decisions else shapely.to_wkb(decisions.polygon[chosen][left])
        )
        self.outline_ok[where] = drawn.outline_ok[chosen]
        self.touches[where], self.cut[where] = decisions.touches[chosen], decisions.cut[chosen]
        overlap = np.column_stack((evidence.iou, evidence.cov_det, evidence.cov_osm))
        self.overlap[where], self.nearest_m[where] = overlap[chosen], evidence.nearest_m[chosen]
        rows = [evidence.osm[each] for each in chosen.tolist()]
        self.count[where] = [len(each) for each in rows]
        self.first[where] = len(self.osm) + np.cumsum(self.count[where]) - self.count[where]
        found = np.array([row for each in rows for row in each], np.int64)
        self.osm = np.concatenate((self.osm, osm[found]))

    def outlines(self, index: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.object_]]]:
        """Yield these positions in pieces, each with the outlines in EPSG:4326."""
        for start in range(0, len(index), ROWS_AT_ONCE):
            part = index[start : start + ROWS_AT_ONCE]
            yield part, shapely.from_wkb(self.lon_lat[part])


def undecided(n: int) -> Decided:
    """Return a record of `n` detections about which nothing is decided."""

    def texts() -> NDArray[np.object_]:
        return np.full(n, "", dtype=object)

    def nothing() -> NDArray[np.object_]:
        return np.full(n, None, dtype=object)

    return Decided(
        status=texts(),
        reason=texts(),
        memory=texts(),
        shown=texts(),
        lapsed=np.zeros(n, bool),
        lon_lat=nothing(),
        metric=nothing(),
        rival=nothing(),
        area_m2=np.zeros(n),
        outline_ok=np.zeros(n, bool),
        touches=np.zeros(n, bool),
        cut=np.zeros(n, bool),
        overlap=np.zeros((n, 3)),
        nearest_m=np.full(n, np.nan),
        first=np.zeros(n, np.int64),
        count=np.zeros(n, np.int64),
        osm=np.empty(0, np.int64),
    )
