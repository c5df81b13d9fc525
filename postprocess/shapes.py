"""FEATURES with free outlines -> FEATURES with the regular shape of their label, where it fits."""

from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely

from groundplan.schema import FEATURES, check_features, feature_ids
from postprocess.fitting import ring_points
from postprocess.options import ShapeOptions
from postprocess.polygonal import geometry_array
from postprocess.rectangle import fit_rectangle
from postprocess.right_angles import fit_right_angles
from postprocess.stadium import fit_stadium
from postprocess.wedge import fit_wedge

SHAPE_OF: Final[dict[str, str]] = {
    "building": "right_angles",
    "tennis_court": "rectangle",
    "basketball_court": "rectangle",
    "baseball_diamond": "wedge",
    "soccer_field": "rectangle",
    "american_football_field": "rectangle",
    "running_track": "stadium",
}
"""The shape that is tried for each label. A plain building becomes a rectangle."""


def fit_shapes(features: gpd.GeoDataFrame, *, options: ShapeOptions | None = None) -> gpd.GeoDataFrame:
    """Replace outlines by the regular shape of their label where it fits them.

    Parameters
    ----------
    features : GeoDataFrame
        FEATURES; rows whose `shape` is not "free" are fitted again all the same.
    options : ShapeOptions, optional

    Returns
    -------
    GeoDataFrame
        FEATURES with `shape` ("rectangle", "right_angles", "stadium", "wedge" or "free"), `shape_residual`
        (metres, root mean square distance of the free outline from the shape; 0 for "free"), `area_m2`, geometry
        and `feature_id` anew, sorted by `feature_id`. IoU of shape and free outline is at least `min_iou`.

    Notes
    -----
    3 to 9 ms an object, nearly all of it the cost of calling numpy on small arrays.
    """
    options = options or ShapeOptions()
    frame = check_features(features)
    if len(frame) == 0:
        return frame
    fitted = [
        fit_shape(polygon, label, options=options)
        for polygon, label in zip(frame.geometry, frame["label"], strict=True)
    ]
    geometry = geometry_array(each[0] for each in fitted)
    out = frame.assign(
        shape=[each[1] for each in fitted],
        shape_residual=np.array([each[2] for each in fitted], dtype=np.float64),
        area_m2=np.asarray(shapely.area(geometry)),
        feature_id=feature_ids(frame["label"], geometry),
    ).set_geometry(gpd.GeoSeries(geometry, index=frame.index, crs=frame.crs))
    return out.sort_values("feature_id", kind="stable", ignore_index=True).astype(dict(FEATURES))


def fit_shape(polygon: Any, label: str, *, options: ShapeOptions) -> tuple[Any, str, float]:
    """Return one outline's shape, its kind and its residual in metres; the outline itself where none fits."""
    free = (polygon, "free", 0.0)
    if polygon is None or polygon.geom_type != "Polygon" or polygon.is_empty:
        return free
    kind = SHAPE_OF[label]
    if kind == "right_angles":
        shape, kind, iou = _building(polygon, options=options)
    else:
        shape = {"rectangle": fit_rectangle, "wedge": fit_wedge, "stadium": fit_stadium}[kind](polygon)
        iou = _iou(shape, polygon)
    if iou < options.min_iou:
        return free
    return shape, kind, _residual(shape, polygon)


def _building(polygon: Any, *, options: ShapeOptions) -> tuple[Any, str, float]:
    rectangle = None if len(polygon.interiors) else fit_rectangle(polygon)
    plain = _iou(rectangle, polygon)
    angled = fit_right_angles(polygon, options=options)
    better = _iou(angled, polygon)
    if better > plain + options.simpler_iou:
        return angled, "right_angles", better
    return rectangle, "rectangle", plain


def _iou(shape: Any, polygon: Any) -> float:
    if shape is None or shape.is_empty or not shape.is_valid:
        return 0.0
    shared = float(shape.intersection(polygon).area)
    return shared / (shape.area + polygon.area - shared)


def _residual(shape: Any, polygon: Any) -> float:
    points = np.vstack([ring_points(ring) for ring in (polygon.exterior, *polygon.interiors)])
    distance = shapely.distance(shapely.points(points), shape.boundary)
    return float(np.sqrt(np.mean(distance**2)))
