"""OSM elements -> labels for training: what OSM draws as we do is learned, what it draws otherwise is ignored.

OSM maps the whole baseball field where we learn the infield, the fence where we learn the lines, one area over a
battery of courts, and nodes, lines and lifecycle tags where something may or may not be seen: all of these become
regions to ignore. Nothing in them is an object, and nothing is background.
"""

from typing import Final

import geopandas as gpd
import numpy as np
import shapely

from groundplan.crs import check_metric
from groundplan.labels import FIELD_LABELS
from osm.tags import RULES
from training.ground_chips import GroundLabel

LEARNED_AREA_M2: Final[dict[str, tuple[float, float]]] = {
    "building": (8.0, 200_000.0),
    "tennis_court": (190.0, 360.0),  # doubles lines enclose 261; 669 is the fence, more is a battery
    "basketball_court": (90.0, 620.0),  # half a court to 28.65 x 15.24 m with its run-off; more is several
    "baseball_diamond": (300.0, 1_600.0),  # an infield; the whole field is 2,800 and more
    "soccer_field": (300.0, 11_000.0),
    "american_football_field": (3_500.0, 7_500.0),  # 5,350 with both end zones
    "running_track": (1_000.0, 12_000.0),  # the ring alone, without what it encloses
}
"""Areas of OSM objects that show one object as we draw it; others are ignored."""

NODE_RADIUS_M: Final = {"building": 12.0} | dict.fromkeys(FIELD_LABELS, 40.0)
"""Around a node that stands for an object."""
LINE_HALF_WIDTH_M: Final = 8.0
"""Around the centre line of a running track."""


def osm_labels(osm: gpd.GeoDataFrame, *, labels: frozenset[str]) -> list[GroundLabel]:
    """Return what is learned from, or ignored because of, OSM elements.

    Parameters
    ----------
    osm : GeoDataFrame
        OSM_FEATURES in a metric CRS, already moved to where the imagery shows them.
    labels : frozenset of str
        Labels wanted; elements of others are left out.

    Returns
    -------
    list of GroundLabel
        In the frame's order; an element of several sports is ignored for each of them, a pitch without a sport
        for every field.
    """
    check_metric(osm.crs)
    areas = osm["role"] == "area"
    element = list(zip(osm["osm_type"], osm["osm_id"], strict=True))
    n_labels: dict[tuple[str, int], int] = {}
    for key, is_area in zip(element, areas, strict=True):
        n_labels[key] = n_labels.get(key, 0) + int(is_area)
    out: list[GroundLabel] = []
    for key, role, label, tags, shape in zip(
        element, osm["role"], osm["label"], osm["tags"], osm.geometry, strict=True
    ):
        if role == "area":
            for part in _polygons(shape):
                learned = n_labels[key] == 1 and is_drawn_as_ours(part, label)
                out.append(GroundLabel(label=label, polygon=part, ignore=not learned))
        elif role == "node":
            out += _ignored(shape.centroid.buffer(NODE_RADIUS_M[label]), (label,))
        elif role == "line":
            out += _ignored(shape.buffer(LINE_HALF_WIDTH_M), (label,))
        elif role == "veto":
            reach = shape if shapely.get_dimensions(shape) == 2 else shape.buffer(NODE_RADIUS_M[label])
            out += _ignored(reach, (label,))
        elif role == "other_sport" and label == "" and "sport" not in tags:
            out += _ignored(shape if shapely.get_dimensions(shape) == 2 else shape.buffer(40.0), FIELD_LABELS)
    return [each for each in out if each.label in labels]


def is_drawn_as_ours(polygon: shapely.Polygon, label: str) -> bool:
    """Tell whether an OSM outline is that of one object as the detector draws it.

    Examples
    --------
    >>> [is_drawn_as_ours(shapely.box(0, 0, 23.8, width), "tennis_court") for width in (11, 44)]
    [True, False]
    """
    least, most = LEARNED_AREA_M2[label]
    if not least <= polygon.area <= most:
        return False
    if label == "running_track" and not polygon.interiors:
        return False
    around = polygon.minimum_rotated_rectangle.area
    return bool(polygon.area >= RULES[label].min_rectangularity * around)


def _ignored(shape: shapely.Geometry, labels: tuple[str, ...]) -> list[GroundLabel]:
    return [GroundLabel(label=label, polygon=part, ignore=True) for part in _polygons(shape) for label in labels]


def _polygons(shape: shapely.Geometry) -> list[shapely.Polygon]:
    parts = shapely.get_parts(shapely.get_parts(shapely.force_2d(shape)))
    return [part for part in parts if part.geom_type == "Polygon" and np.isfinite(part.area) and part.area > 0]
