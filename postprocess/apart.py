"""FEATURES of a whole region -> the same, of whose buildings none overlap that need not."""

from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from groundplan.schema import FEATURES, feature_ids, typed
from postprocess.options import ShapeOptions
from postprocess.polygonal import geometry_array
from postprocess.terraces import kept_apart


def buildings_apart(features: gpd.GeoDataFrame, *, options: ShapeOptions) -> gpd.GeoDataFrame:
    """Cut shapes of buildings that overlap although their outlines lie apart.

    `postprocess.buildings.fit_buildings` keeps neighbours apart; corners of larger ones reach over more than the
    metre that makes neighbours. Which those are is known only once all of a region are fitted.

    Parameters
    ----------
    features : GeoDataFrame
        FEATURES from `postprocess.shapes.fit_shapes`, of all batches, sorted by `feature_id`.
    options : ShapeOptions
        A building keeps at least `min_iou` of its shape.

    Returns
    -------
    GeoDataFrame
        FEATURES, sorted by `feature_id`; what was cut is "clipped", unless it is "free".
    """
    rows = np.flatnonzero(features["label"] == "building")
    shapes = geometry_array(features.geometry.to_numpy()[rows])
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    least_m2 = options.min_iou * shapely.area(shapes)

    def spares(place: int, rest: Any) -> bool:
        return bool(rest.area >= least_m2[place])

    # Of a shape that was fitted more is known than of a free outline, whose residual is 0.
    kind, residual = (features[name].to_numpy()[rows] for name in ("shape", "shape_residual"))
    rank = np.where(kind == "free", np.inf, residual)
    apart, lost = kept_apart(shapes, rank, pairs=(left[left < right], right[left < right]), spares=spares)
    if not lost.any():
        return features
    cut = features.index[rows[lost]]
    out = features.copy()
    out.loc[cut, "geometry"] = apart[lost]
    out.loc[cut, "area_m2"] = shapely.area(apart[lost])
    out.loc[cut, "feature_id"] = feature_ids(["building"] * len(cut), apart[lost])
    out.loc[cut[kind[lost] != "free"], "shape"] = "clipped"
    return typed(out.sort_values("feature_id", kind="stable", ignore_index=True), FEATURES)
