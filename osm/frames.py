"""FEATURES and the OSM areas around them -> how far they lie off OSM, and the detections in OSM's frame."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.labels import FIELD_LABELS
from osm.boxes import BBox, covered_ground
from osm.decide import Decisions
from osm.offset import centroids, estimate_offset, shifted
from osm.offset_field import OffsetField
from osm.options import DiffOptions
from osm.outline import prepare_outlines
from osm.world import Detected


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """How detections lie to OSM."""

    all: OffsetField
    """From buildings and fields together."""
    fields: OffsetField | None
    """From fields alone, where there are enough: roofs lean in oblique imagery, the ground does not."""


def find_offsets(features: gpd.GeoDataFrame, osm: gpd.GeoDataFrame, *, options: DiffOptions) -> Offsets:
    """Estimate how features lie to the OSM areas of the labels they have."""
    shapes, labels = features.geometry.to_numpy(), features["label"].to_numpy(dtype=object)
    areas = osm[(osm["role"] == "area") & osm["label"].isin(set(labels))]
    mapped, families = areas.geometry.to_numpy(), areas["label"].to_numpy(dtype=object)
    together = estimate_offset(shapes, mapped, options=options)
    own = np.isin(labels, FIELD_LABELS)
    if own.sum() < options.offset_min_pairs or own.all():
        return Offsets(all=together, fields=None)
    ground = estimate_offset(shapes[own], mapped[np.isin(families, FIELD_LABELS)], options=options)
    sure = ground.whole.used and ground.whole.n_pairs >= options.offset_min_pairs
    return Offsets(all=together, fields=ground if sure else None)


def drawn_in_imagery(
    decisions: Decisions, offset_m: NDArray[np.float64], *, crs: Any, options: DiffOptions
) -> Decisions:
    """Return the decisions with all outlines moved back to where the imagery shows the objects."""
    polygon = shifted(decisions.polygon, offset_m)
    outlines = prepare_outlines(polygon, crs=crs, options=replace(options, simplify_m=0.0))
    return replace(
        decisions,
        polygon=outlines.metric,
        lon_lat=outlines.lon_lat,
        outline_ok=decisions.outline_ok & outlines.ok,
    )


def offsets_of(features: gpd.GeoDataFrame, offsets: Offsets) -> NDArray[np.float64]:
    """Return the offset of each feature, shape (N, 2): east and north in metres."""
    xy = centroids(np.asarray(features.geometry.to_numpy(), dtype=object))
    by = offsets.all.at(xy)
    if offsets.fields is not None:
        own = np.isin(features["label"].to_numpy(dtype=object), FIELD_LABELS)
        by[own] = offsets.fields.at(xy[own])
    return by


def detected(
    features: gpd.GeoDataFrame,
    polygons: NDArray[np.object_],
    *,
    boxes: Sequence[BBox],
    rejected: NDArray[np.bool_],
) -> Detected:
    """Return the detections as arrays.

    Parameters
    ----------
    features : GeoDataFrame
        FEATURES.
    polygons : ndarray of Polygon, shape (N,)
        Their outlines in OSM's frame.
    boxes : sequence of tuple of float
        Where the extract reaches, in degrees; what is not wholly inside of them lies at an edge. Empty = unknown.
    rejected : ndarray of shape (N,), dtype bool
    """
    edge = np.array(features["cut"] != "", dtype=bool)
    if len(boxes) and len(polygons):
        bounds = shapely.bounds(transform_geometries(polygons, source=features.crs, target=LON_LAT))
        inside = shapely.contains_properly(covered_ground(boxes), shapely.box(*bounds.T))
        edge = edge | ~inside
    return Detected(
        label=features["label"].to_numpy(dtype=object),
        polygon=polygons,
        score=features["score"].to_numpy(np.float64),
        shape=features["shape"].to_numpy(dtype=object),
        edge=edge,
        outline_ok=np.ones(len(features), bool),
        rejected=rejected,
    )
