"""Detections and OSM elements in one metric CRS -> the relations that the decision table asks about."""

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from osm.match import Pairs, overlaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """N detections in OSM's frame, metric CRS."""

    label: NDArray[np.object_]
    """(N,): labels."""
    polygon: NDArray[np.object_]
    """(N,): valid polygons."""
    score: NDArray[np.float64]
    """(N,): 0..1."""
    shape: NDArray[np.object_]
    """(N,): kind of outline."""
    edge: NDArray[np.bool_]
    """(N,): imagery or extract ends at the detection."""
    outline_ok: NDArray[np.bool_]
    """(N,): OSM can hold the outline."""
    rejected: NDArray[np.bool_]
    """(N,): a person has refused it or seen to it before."""

    def __len__(self) -> int:
        return len(self.label)

    def take(self, index: NDArray[np.int64]) -> "Detected":
        """Return the detections at these positions."""
        return Detected(**{name: getattr(self, name)[index] for name in self.__slots__})

    def redrawn(self, polygon: NDArray[np.object_], outline_ok: NDArray[np.bool_]) -> "Detected":
        """Return the same detections with other outlines."""
        return replace(self, polygon=polygon, outline_ok=outline_ok)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """M rows of OSM_FEATURES in the same metric CRS."""

    geometry: NDArray[np.object_]
    """(M,): polygons, lines and points."""
    label: NDArray[np.object_]
    """(M,): family; "" = none of ours."""
    role: NDArray[np.object_]
    """(M,): as in OSM_FEATURES."""
    element: NDArray[np.int64]
    """(M,): number of the element; rows of one element share it."""
    pitch: NDArray[np.bool_]
    """(M,): the element is a pitch (leisure=pitch)."""
    gone: NDArray[np.bool_]
    """(M,): a veto that says the object was taken away, not that it is out of use."""
    day: NDArray[np.object_]
    """(M,): day of the last edit, ISO 8601; "" = unknown."""
    areal: NDArray[np.bool_]
    """(M,): the geometry is a polygon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything the decision table may ask; positions in pairs are those of `det` and `osm`."""

    det: Detected
    """The detections."""
    osm: Mapped
    """The OSM rows."""
    areas: Pairs
    """All overlaps of detections with OSM polygons of any role."""
    imagery_date: dt.date | None
    """Day of the imagery; None = unknown."""

    @property
    def family(self) -> Pairs:
        """Overlaps with areas of the same label."""
        same = self.det.label[self.areas.det] == self.osm.label[self.areas.osm]
        return self.areas.where(same & (self.osm.role[self.areas.osm] == "area"))

    def with_role(self, *roles: str) -> Pairs:
        """Return the overlaps with polygons of these roles, of any label."""
        return self.areas.where(np.isin(self.osm.role[self.areas.osm], roles))

    def marked(self, det: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return a mask of shape (N,) that is True at these positions."""
        mask = np.zeros(len(self.det), bool)
        mask[det] = True
        return mask

    def take(self, index: NDArray[np.int64]) -> "World":
        """Return the world of the detections at these positions, which ascend; OSM stays whole."""
        position = np.full(len(self.det), -1, np.int64)
        position[index] = np.arange(len(index))
        areas = self.areas.where(position[self.areas.det] >= 0)
        return replace(self, det=self.det.take(index), areas=replace(areas, det=position[areas.det]))


def build_world(det: Detected, osm: Mapped, *, imagery_date: dt.date | None) -> World:
    """Measure all overlaps of detections with OSM polygons."""
    polygons = osm.geometry.copy()
    polygons[~osm.areal] = None
    return World(det=det, osm=osm, areas=overlaps(det.polygon, polygons), imagery_date=imagery_date)
