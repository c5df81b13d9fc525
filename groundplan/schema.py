"""Frames that travel between packages: which columns they have, checked where they enter."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from groundplan.errors import SchemaError
from groundplan.labels import LABEL_IDS, check_label

PARTS: Final[dict[str, str]] = {
    "label": "str",  # one of groundplan.labels.LABELS
    "score": "float64",  # 0..1
    "tile_left": "float64",  # bounds of the tile that saw the part, in the frame's CRS
    "tile_bottom": "float64",
    "tile_right": "float64",
    "tile_top": "float64",
    "imagery_ends": "str",  # sides (of n, e, s, w) on which imagery ends inside the tile; optional
}
"""Footprints as tiles saw them, before seams are merged. CRS: the region's metric CRS."""

FEATURES: Final[dict[str, str]] = {
    "feature_id": "str",  # stable hash of label and outline
    "label": "str",
    "score": "float64",  # best score of the parts, 0..1
    "area_m2": "float64",
    "shape": "str",  # kind of outline: "free", "rectangle", ...
    "shape_residual": "float64",  # metres between the fitted and the free outline; 0 for "free"
    "n_parts": "int64",  # how many parts were joined; 1 = seen whole
    "cut": "str",  # sides (of n, e, s, w) on which imagery ended before the object did; "" = whole
}
"""One row per object. CRS: the region's metric CRS."""

OSM_FEATURES: Final[dict[str, str]] = {
    "osm_type": "str",  # "node", "way" or "relation"
    "osm_id": "int64",
    "version": "int64",  # 0 = the extract carries none
    "timestamp": "str",  # ISO 8601, UTC; "" = the extract carries none
    "label": "str",  # family the element belongs to
    "role": "str",  # "area", "line", "node", "veto", "deleted", "blocker", "broken" or "other_sport"
    "tags": "object",  # dict of str to str: the tags that matter here
    "nodes": "object",  # tuple of node ids of a way; () otherwise
}
"""OSM elements that matter to the comparison. CRS: EPSG:4326 from the file, metric when matching."""

CHANGES: Final[dict[str, str]] = {
    "change_id": "str",  # stable: label, place on a 5 m grid, imagery id
    "feature_id": "str",  # "" for osm_only
    "status": "str",  # one of STATUSES
    "label": "str",
    "tags": "object",  # dict of str to str: proposed tags; {} unless new or review
    "score": "float64",
    "reasons": "object",  # list of str
    "osm": "object",  # list of {"type", "id", "version", "timestamp"}
    "iou": "float64",  # best of the candidates, 0..1
    "cov_det": "float64",  # share of the detection covered by its best candidate
    "cov_osm": "float64",  # share of the best candidate covered by the detection
    "nearest_m": "float64",  # distance to the nearest of the same family; NaN = none within the search radius
    "area_m2": "float64",
    "shape": "str",
    "shape_residual": "float64",
    "review": "str",  # "pending", "accepted", "rejected" or "none"
    "proposal": "str",  # file and element that propose it, as "001.osc#way/-1"; "" = not proposed
    "qa": "object",  # list of str: notes for the mapper
}
"""One row per decision. CRS: EPSG:4326."""

ROWS_AT_ONCE = 50_000
"""Outlines that are copied at the same time."""

STATUSES: Final[tuple[str, ...]] = ("new", "matched", "matched_group", "review", "suppressed", "osm_only")


def empty_frame(schema: Mapping[str, str], *, crs: Any) -> gpd.GeoDataFrame:
    """Return a frame without rows that has the schema's columns and dtypes."""
    columns = {name: pd.Series([], dtype=dtype) for name, dtype in schema.items()}
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([], crs=crs), crs=crs)


def check_frame(frame: gpd.GeoDataFrame, schema: Mapping[str, str], *, what: str) -> gpd.GeoDataFrame:
    """Return the frame with the schema's columns first and in order, or refuse it.

    Parameters
    ----------
    frame : GeoDataFrame
        More columns are allowed and kept behind the schema's.
    schema : mapping
        Column name to dtype, as the constants of this module.
    what : str
        Names the frame in messages, such as a file name.

    Raises
    ------
    SchemaError
        A column is missing, or there is no CRS, or a value does not convert to the column's dtype.
    """
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"{what} has no column {', '.join(missing)}; needed are {', '.join(schema)} and a geometry"
        )
    if frame.crs is None:
        raise SchemaError(f"{what} has no CRS; write it with one")
    rest = [name for name in frame.columns if name not in schema and name != frame.geometry.name]
    out = frame[[*schema, *rest, frame.geometry.name]]
    if frame.geometry.name != "geometry":  # geopandas refuses to rename a column to its own name
        out = out.rename_geometry("geometry")
    try:
        return typed(out, schema)
    except (TypeError, ValueError) as err:
        raise SchemaError(f"{what} has a value of the wrong kind: {err}") from err


def typed(frame: gpd.GeoDataFrame, schema: Mapping[str, str]) -> gpd.GeoDataFrame:
    """Return the frame with the schema's columns in their dtypes; the frame itself where they are already."""
    # Only what differs: frames that are right are checked at every step, and a conversion of all takes 10 ms.
    now = frame.dtypes
    wrong = {name: dtype for name, dtype in schema.items() if dtype != "object" and now[name] != dtype}
    return frame.astype(wrong) if wrong else frame


def check_parts(frame: gpd.GeoDataFrame, *, what: str = "parts") -> gpd.GeoDataFrame:
    """Return the frame as PARTS; see `check_frame`. Labels must be known ones; `imagery_ends` may be missing."""
    if "imagery_ends" not in frame.columns:
        frame = frame.assign(imagery_ends="")
    elif frame["imagery_ends"].hasnans:
        frame = frame.assign(imagery_ends=frame["imagery_ends"].fillna(""))
    parts = _check_labels(check_frame(frame, PARTS, what=what), what=what)
    for sides in parts["imagery_ends"].unique():
        if not set(sides) <= set("nesw"):
            raise SchemaError(f'{what}: imagery_ends is {sides!r}; write some of "nesw", or leave the column out')
    return parts


def check_features(frame: gpd.GeoDataFrame, *, what: str = "features") -> gpd.GeoDataFrame:
    """Return the frame as FEATURES; see `check_frame`. Labels must be known ones."""
    return _check_labels(check_frame(frame, FEATURES, what=what), what=what)


def _check_labels(frame: gpd.GeoDataFrame, *, what: str) -> gpd.GeoDataFrame:
    for label in frame["label"].unique():
        if label not in LABEL_IDS:
            try:
                check_label(str(label))
            except ValueError as err:
                raise SchemaError(f"{what}: {err}") from err
    return frame


def feature_ids(labels: Iterable[str], geometries: Any) -> list[str]:
    """Return one id per feature, the same for the same label and outline.

    The outline is put into normal form and rounded to 1 mm first, so neither the start vertex nor noise below
    a millimetre changes the id. Equal features get equal ids.
    """
    shapes, names = np.asarray(geometries, dtype=object), list(labels)
    ids: list[str] = []
    for start in range(0, len(shapes), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        rounded = shapely.set_precision(shapes[part], 0.001, mode="pointwise")
        blobs = shapely.to_wkb(shapely.normalize(rounded), byte_order=1).tolist()
        ids += [
            "f-" + hashlib.sha256(label.encode() + b"\0" + blob).hexdigest()[:16]
            for label, blob in zip(names[part], blobs, strict=True)
        ]
    return ids
