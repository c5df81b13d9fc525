"""Changes and the features they came from -> how far the imagery shows each change from where it is drawn."""

from collections.abc import Iterable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import STRtree

from groundplan.labels import FIELD_LABELS
from groundplan.vector import same_crs

SAME_AREA = 0.005
"""Areas that differ by a larger share belong to outlines that were cut: that moved their centres."""


def imagery_shifts(
    changes: gpd.GeoDataFrame, features: gpd.GeoDataFrame, *, offset_m: tuple[float, float]
) -> NDArray[np.float64]:
    """Return how far each change must be moved to lie where the imagery shows it.

    The comparison moves each feature by the offset of its own cell and kind. How far is read off the two outlines
    of one object; a change without a feature, or with an outline that was cut, takes the nearest one's value.

    Parameters
    ----------
    changes : GeoDataFrame
        CHANGES; any CRS.
    features : GeoDataFrame
        FEATURES, in the region's metric CRS and in the imagery's frame.
    offset_m : tuple of float
        East and north, taken where there is no change to read it off.

    Returns
    -------
    ndarray of shape (len(changes), 2), dtype float64
        East and north in metres, whole centimetres.
    """
    moved = np.asarray(same_crs(changes, features.crs).geometry.to_numpy(), dtype=object)
    shown = dict(zip(features["feature_id"], features.geometry, strict=True))
    own = np.array([shown.get(name) for name in changes["feature_id"]] + [None], dtype=object)[:-1]
    areas, own_areas = shapely.area(moved), shapely.area(own)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = np.abs(areas / own_areas - 1) <= SAME_AREA
    out = np.tile(np.asarray(offset_m, np.float64), (len(changes), 1))
    if not known.any():
        return out
    far = _centres(own[known]) - _centres(moved[known])
    there = ~shapely.is_missing(moved) & ~shapely.is_empty(moved)
    nearest = STRtree(shapely.centroid(moved[known])).nearest(shapely.centroid(moved[there]))
    out[there] = far[nearest]
    out[known] = far
    return np.round(out, 2)


def offsets_of_labels(labels: Iterable[str], diff_report: dict[str, Any]) -> NDArray[np.float64]:
    """Return how far the imagery is taken to lie from OSM for objects of these labels in the whole region.

    Parameters
    ----------
    labels : iterable of str
    diff_report : dict
        Of the comparison: ``offset_m``, and where fields have their own ``offset_fields_m``.

    Returns
    -------
    ndarray of shape (N, 2), dtype float64
        East and north in metres.
    """
    whole = diff_report["offset_m"]
    fields = diff_report["offset_fields_m"] or whole
    chosen = [fields if label in FIELD_LABELS else whole for label in labels]
    return np.array([used_offset(each) for each in chosen]).reshape(-1, 2)


def used_offset(offset: Mapping[str, Any]) -> tuple[float, float]:
    """Return an offset of a report, east and north in metres; nothing where it was too uncertain to be used."""
    if not offset.get("used", True):
        return 0.0, 0.0
    return offset["east"] or 0.0, offset["north"] or 0.0


def _centres(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    return shapely.get_coordinates(shapely.centroid(shapes))
