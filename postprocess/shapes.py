"""FEATURES with free outlines -> FEATURES with the regular shape of their label, where it fits."""

from collections.abc import Collection
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.schema import FEATURES, check_features, feature_ids, typed
from postprocess.buildings import fit_buildings
from postprocess.fitness import in_turns, ious, residuals_m
from postprocess.fitting import Array
from postprocess.infield import fit_infields
from postprocess.options import ShapeOptions
from postprocess.polygonal import Geometries, geometry_array
from postprocess.rectangle import fit_rectangles
from postprocess.regulations import sizes_of
from postprocess.stadium import fit_stadiums, without_infield
from postprocess.wedge import fit_wedges

SHAPE_OF: Final[dict[str, str]] = {
    "building": "right_angles",
    "tennis_court": "rectangle",
    "basketball_court": "rectangle",
    "baseball_diamond": "wedge",
    "soccer_field": "rectangle",
    "american_football_field": "rectangle",
    "running_track": "stadium",
}
"""The shape that is tried for each label. A building may become a rectangle, a circle or have diagonal walls, a
baseball diamond an infield."""

LAID_OUT: Final = frozenset(label for label, shape in SHAPE_OF.items() if shape in ("rectangle", "stadium"))
"""Labels whose rules leave no other form: a lawn or a tree's crown taken for one seldom has it."""

_BETTER_IOU: Final = 0.005
"""An infield has three parameters more than a wedge, and has to fit better by this to be preferred."""


def fit_shapes(
    features: gpd.GeoDataFrame, *, options: ShapeOptions | None = None, filled_labels: Collection[str] = ()
) -> gpd.GeoDataFrame:
    """Replace outlines by the regular shape of their label where it fits them.

    Parameters
    ----------
    features : GeoDataFrame
        FEATURES; rows whose `shape` is not "free" are fitted again all the same.
    options : ShapeOptions, optional
    filled_labels : collection of str
        Labels whose outlines enclose more than the object: of "running_track" the oval with its infield, which is
        then cut out of the fitted shape.

    Returns
    -------
    GeoDataFrame
        FEATURES with `shape` ("rectangle", "right_angles", "diagonals", "circle", "clipped", "stadium", "wedge",
        "infield" or "free"), `shape_residual` (metres, root mean square distance of the free outline from the
        shape; 0 for "free"), `area_m2`, geometry and `feature_id` anew, sorted by `feature_id`. IoU of shape and
        free outline is at least `min_iou`, or `laid_out_iou` of whole fields that are certain. Buildings
        that touch share walls; "clipped" is one that lost ground to a neighbour.
    """
    options = options or ShapeOptions()
    frame = check_features(features)
    if len(frame) == 0:
        return frame
    frame = frame.sort_values("feature_id", kind="stable", ignore_index=True)
    geometry = geometry_array(frame.geometry)
    kind = np.full(len(frame), "free", dtype=object)
    residual = np.zeros(len(frame))
    label = frame["label"].to_numpy(dtype=object)
    certain = frame["label"].isin(LAID_OUT) & (frame["score"] >= options.shapeless_score) & (frame["cut"] == "")
    least_iou = np.where(certain, min(options.min_iou, options.laid_out_iou), options.min_iou)
    for name in SHAPE_OF:
        rows = np.flatnonzero(label == name)
        geometry[rows], kind[rows], residual[rows] = fit_outlines(
            geometry[rows], name, options=options, least_iou=least_iou[rows]
        )
        if name == "running_track" and name in filled_labels:
            ovals = rows[kind[rows] == "stadium"]
            geometry[ovals] = without_infield(geometry[ovals])
    out = frame.assign(
        shape=kind,
        shape_residual=residual,
        area_m2=np.asarray(shapely.area(geometry)),
        feature_id=feature_ids(frame["label"], geometry),
    ).set_geometry(gpd.GeoSeries(geometry, index=frame.index, crs=frame.crs))
    return typed(out.sort_values("feature_id", kind="stable", ignore_index=True), FEATURES)


def without_shapeless(features: gpd.GeoDataFrame, *, options: ShapeOptions) -> gpd.GeoDataFrame:
    """Drop doubtful courts, pitches and tracks that no shape of their label fits.

    Parameters
    ----------
    features : GeoDataFrame
        FEATURES from `fit_shapes`.
    options : ShapeOptions
        `shapeless_score` matters here.

    Returns
    -------
    GeoDataFrame
        Its other rows, in their order.
    """
    doubtful = features["label"].isin(LAID_OUT) & (features["shape"] == "free") & (features["cut"] == "")
    return features[~(doubtful & (features["score"] < options.shapeless_score))].reset_index(drop=True)


def fit_outlines(
    polygons: Geometries, label: str, *, options: ShapeOptions, least_iou: Array | None = None
) -> tuple[Geometries, NDArray[np.object_], Array]:
    """Return the shapes of outlines of one label, or the outlines, and their kinds and residuals in metres.

    Parameters
    ----------
    polygons : ndarray of shape (N,)
    label : str
    options : ShapeOptions
    least_iou : ndarray of shape (N,), optional
        In place of `min_iou`, for each outline; of buildings it is `min_iou` always.
    """
    out, kinds = polygons.copy(), np.full(len(polygons), "free", dtype=object)
    residual = np.zeros(len(polygons))
    whole = (shapely.get_type_id(polygons) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(polygons)
    rows = np.flatnonzero(whole)
    free, kind = polygons[rows], SHAPE_OF[label]
    if kind == "right_angles":
        out[rows], kinds[rows], residual[rows] = fit_buildings(free, options=options)
        return out, kinds, residual
    shapes = np.full(len(free), None, dtype=object)
    named = np.full(len(free), kind, dtype=object)
    for some in in_turns(len(free)):
        if kind == "rectangle":
            shapes[some] = fit_rectangles(free[some], sizes_m=sizes_of(label))
        elif kind == "stadium":
            shapes[some] = fit_stadiums(free[some])
        else:
            shapes[some], named[some] = _wedges_or_infields(free[some])
    good = ious(shapes, free) >= (options.min_iou if least_iou is None else least_iou[rows])
    out[rows[good]], kinds[rows[good]] = shapes[good], named[good]
    residual[rows[good]] = residuals_m(shapes[good], free[good])
    return out, kinds, residual


def _wedges_or_infields(polygons: Geometries) -> tuple[Geometries, NDArray[np.object_]]:
    """Return for each outline the wedge or the infield that fits it better, and which of them it is."""
    wedges = fit_wedges(polygons)
    infields = fit_infields(polygons, wedges)
    better = ious(infields, polygons) > ious(wedges, polygons) + _BETTER_IOU
    return geometry_array(np.where(better, infields, wedges)), np.where(better, "infield", "wedge").astype(object)
