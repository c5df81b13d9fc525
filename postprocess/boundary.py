"""Polygons and the true polygons -> how far matched outlines lie apart, in metres."""

from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import check_metric, check_same_crs
from postprocess.polygonal import geometry_array, polygonal
from postprocess.score import match_pairs

STEP_M: Final = 0.25
"""Distance between the points of an outline that are measured; below a pixel of any imagery used."""


def boundary_errors(
    features: gpd.GeoDataFrame, truth: gpd.GeoDataFrame, *, iou: float = 0.5
) -> dict[str, Any] | None:
    """Return the distances between the outlines of features and the true objects that they match.

    Parameters
    ----------
    features, truth : GeoDataFrame
        Of one label, in the same metric CRS; ``score`` is used where there is one.
    iou : float
        Lowest IoU of a match; see `postprocess.score.score_features`.

    Returns
    -------
    dict or None
        ``mean``, ``median``, ``p95`` in metres, over points every 25 cm along both outlines of every pair, and
        ``n`` pairs; None without any.

    Raises
    ------
    CRSMismatchError, CRSError
        The frames have different CRS, or it does not measure in metres.

    Examples
    --------
    >>> square = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 10, 10)], crs=32632)
    >>> larger = gpd.GeoDataFrame(geometry=[shapely.box(-1, 0, 10, 10)], crs=32632)
    >>> boundary_errors(square, square)
    {'n': 1, 'mean': 0.0, 'median': 0.0, 'p95': 0.0}
    >>> boundary_errors(larger, square)["p95"]
    1.0
    """
    check_same_crs(features, truth)
    check_metric(features.crs)
    found = polygonal(geometry_array(features.geometry.to_numpy()))
    true = polygonal(geometry_array(truth.geometry.to_numpy()))
    score = features["score"].to_numpy(np.float64) if "score" in features.columns else np.ones(len(found))
    here, there, _ = match_pairs(found, score, true, iou=iou)
    if len(here) == 0:
        return None
    apart = np.concatenate(
        [
            distances
            for one, other in zip(found[here], true[there], strict=True)
            for distances in (_distances(one, other), _distances(other, one))
        ]
    )
    mean, median, p95 = float(apart.mean()), float(np.median(apart)), float(np.percentile(apart, 95))
    return {"n": len(here), "mean": round(mean, 3), "median": round(median, 3), "p95": round(p95, 3)}


def _distances(one: shapely.Geometry, other: shapely.Geometry) -> NDArray[np.float64]:
    line = shapely.segmentize(shapely.boundary(one), STEP_M)
    points = shapely.points(shapely.get_coordinates(line))
    return np.asarray(shapely.distance(points, shapely.boundary(other)), np.float64)
