"""FEATURES and an extract -> detections in OSM's frame and the OSM rows around them, all in one metric CRS."""

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.labels import FIELD_LABELS
from osm.decide import Decisions
from osm.extract import Extract
from osm.offset import centroids, estimate_offset, shifted
from osm.offset_field import OffsetField
from osm.options import DiffOptions
from osm.outline import prepare_outlines
from osm.world import Detected

AROUND_M = 500.0
"""OSM elements further from all detections than this are not looked at; more than any search radius."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """OSM_FEATURES near the detections."""

    metric: gpd.GeoDataFrame
    """In the metric CRS, areas valid."""
    lon_lat: NDArray[np.object_]
    """The same geometries in EPSG:4326, as they are in the file."""
    n_repaired: int
    """Areas that had to be made valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """How detections lie to OSM."""

    all: OffsetField
    """From buildings and fields together."""
    fields: OffsetField | None
    """From fields alone, where there are enough: roofs lean in oblique imagery, the ground does not."""


def surroundings(features: gpd.GeoDataFrame, extract: Extract) -> Surroundings:
    """Return the rows of an extract near the features, in the features' CRS."""
    osm = extract.features
    if len(features) and len(osm):
        left, bottom, right, top = features.total_bounds
        around = shapely.box(left - AROUND_M, bottom - AROUND_M, right + AROUND_M, top + AROUND_M)
        # Edges are densified so that a wide region's box keeps its sides on the globe.
        ring = shapely.segmentize(around, max(right - left, top - bottom, 1.0) / 8)
        window = transform_geometries([ring], source=features.crs, target=LON_LAT)[0]
        west, south, east, north = window.bounds
        if east - west < 180.0:
            bounds = shapely.bounds(osm.geometry.to_numpy())
            near = (
                (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
            )
            osm = osm[near]
    else:
        osm = osm.iloc[:0]
    lon_lat = np.asarray(osm.geometry.to_numpy(), dtype=object)
    metric = transform_geometries(lon_lat, source=LON_LAT, target=features.crs)
    broken = ~shapely.is_valid(metric)
    metric[broken] = [_mended(each) for each in metric[broken]]
    empty = shapely.is_empty(metric)
    frame = osm.set_geometry(gpd.GeoSeries(metric, index=osm.index, crs=features.crs))
    return Surroundings(
        metric=frame[~empty].reset_index(drop=True), lon_lat=lon_lat[~empty], n_repaired=int(broken.sum())
    )


def _mended(geometry: shapely.Geometry) -> shapely.Geometry:
    if shapely.get_type_id(geometry) not in (3, 6):
        return geometry
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(geometry)))
    return shapely.union_all(parts[shapely.get_type_id(parts) == 3])


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


def in_osm_frame(features: gpd.GeoDataFrame, offsets: Offsets) -> NDArray[np.object_]:
    """Return the features' polygons moved to where OSM has such objects."""
    shapes = np.asarray(features.geometry.to_numpy(), dtype=object)
    return shifted(shapes, -offsets_of(features, offsets))


def drawn_in_imagery(
    decisions: Decisions, features: gpd.GeoDataFrame, offsets: Offsets, *, options: DiffOptions
) -> Decisions:
    """Return the decisions with all outlines moved back to where the imagery shows the objects."""
    polygon = shifted(decisions.polygon, offsets_of(features, offsets))
    outlines = prepare_outlines(polygon, crs=features.crs, options=replace(options, simplify_m=0.0))
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
    bbox: tuple[float, float, float, float] | None,
    rejected: NDArray[np.bool_],
) -> Detected:
    """Return the detections as arrays.

    Parameters
    ----------
    features : GeoDataFrame
        FEATURES.
    polygons : ndarray of Polygon, shape (N,)
        Their outlines in OSM's frame.
    bbox : tuple of float, optional
        Where the extract reaches, in degrees; what is not wholly inside lies at an edge.
    rejected : ndarray of shape (N,), dtype bool
    """
    edge = np.array(features["cut"] != "", dtype=bool)
    if bbox is not None and len(polygons):
        west, south, east, north = bbox
        bounds = shapely.bounds(transform_geometries(polygons, source=features.crs, target=LON_LAT))
        inside = (bounds[:, 0] > west) & (bounds[:, 1] > south) & (bounds[:, 2] < east) & (bounds[:, 3] < north)
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
