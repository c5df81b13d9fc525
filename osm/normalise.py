"""Any frame of labelled polygons -> FEATURES in a metric CRS, single valid polygons, in an order of their own."""

from collections.abc import Callable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, check_metric, transform_geometries, utm_crs
from groundplan.errors import CRSError, SchemaError
from groundplan.labels import LABELS
from groundplan.schema import FEATURES, check_features, empty_frame, feature_ids
from groundplan.tangles import tangled

GEODETIC_SAFE = shapely.box(-180.0, -90.0, 180.0, 90.0)
"""Where longitudes and latitudes may lie."""

LEAST_AREA_M2 = 0.01
"""A square decimetre: below it a polygon is a leftover of a repair, not an object."""

LEAST_WIDTH_M = 0.03
"""Narrower ones may vanish on OSM's grid of 1.1 cm, wherever on it they lie."""

MAX_VERTICES = 10_000
"""Outlines with more are thinned; a way of OSM holds 2,000 nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalised:
    """FEATURES ready to be compared, and what was done to get there."""

    features: gpd.GeoDataFrame
    """FEATURES in a metric CRS, sorted by label and outline."""
    n_given: int
    """Rows of the frame that they were made of."""
    counts: dict[str, int]
    """What was repaired, split or left out: repaired, split, not_polygons, tangled (crossing
    themselves without end), degenerate, duplicates."""


def normalise(frame: gpd.GeoDataFrame, *, what: str = "features") -> Normalised:
    """Bring labelled polygons into the form of FEATURES.

    Only ``label`` and a geometry are needed. MultiPolygons are split, each part with the label and score of the
    whole; invalid polygons are repaired and lose spikes; what has no area or no width is left out; of equal
    polygons of one label the best score stays. A metric CRS is kept, any other becomes the UTM zone of the middle.

    Parameters
    ----------
    frame : GeoDataFrame
        In any CRS; ``score`` (1 where missing), ``shape``, ``shape_residual``, ``n_parts``, ``cut`` and
        ``feature_id`` are used where they are.
    what : str
        Names the frame in messages.

    Returns
    -------
    Normalised

    Raises
    ------
    SchemaError
        There is no ``label``, no CRS, an unknown label, a score outside 0..1, or longitudes that are none; or it
        reaches further than one CRS can measure.
    """
    if "label" not in frame.columns and len(frame):  # an empty file has no columns
        raise SchemaError(f"{what} has no column label; add one with values such as {', '.join(LABELS[:2])}")
    if frame.crs is None:
        raise SchemaError(f"{what} has no CRS; write it with one")
    counts = dict.fromkeys(("repaired", "split", "not_polygons", "tangled", "degenerate", "duplicates"), 0)
    if len(frame) == 0:
        return Normalised(features=empty_frame(FEATURES, crs=_metric_crs(frame)), n_given=0, counts=counts)
    _check_values(frame, what)
    # Copies only where something changes: a million outlines are half a gigabyte.
    geometry = _changed(
        frame.geometry.to_numpy(), lambda each: shapely.get_coordinate_dimension(each) > 2, shapely.force_2d
    )
    polygonal = np.isin(shapely.get_type_id(geometry), (3, 6, 7))
    # Bounds leave single NaN out, so the vertices are looked at; GEOS raises at them.
    xy, owner = shapely.get_coordinates(geometry, return_index=True)
    finite = np.isfinite(shapely.bounds(geometry)).all(axis=1)
    finite[owner[~np.isfinite(xy).all(axis=1)]] = False
    counts["not_polygons"] = int((~(polygonal & finite)).sum())
    rows, geometry = frame[polygonal & finite], geometry[polygonal & finite]
    invalid = ~shapely.is_valid(geometry)
    knots = np.zeros(len(geometry), bool)
    knots[invalid] = tangled(geometry[invalid])
    counts["tangled"] = int(knots.sum())
    rows, geometry, invalid = rows[~knots], geometry[~knots], invalid[~knots]
    counts["repaired"] = int(invalid.sum())
    geometry = geometry.copy()
    geometry[invalid] = shapely.make_valid(geometry[invalid])
    polygons, origin = _polygons(geometry)
    counts["split"] = int((np.bincount(origin, minlength=len(rows)) > 1).sum())
    table = gpd.GeoDataFrame(
        pd.DataFrame(rows.drop(columns=frame.geometry.name)).iloc[origin].reset_index(drop=True),
        geometry=polygons,
        crs=frame.crs,
    )
    table = _metric(table, what)
    thin = _changed(
        table.geometry.to_numpy(),
        lambda each: shapely.get_num_coordinates(each) > MAX_VERTICES,
        lambda each: np.array([_thinned(polygon) for polygon in each], dtype=object),
    )
    table = table.set_geometry(gpd.GeoSeries(thin, index=table.index, crs=table.crs))
    area = shapely.area(thin)
    # A strip is as wide as its area divided by half its outline.
    good = (area > LEAST_AREA_M2) & (2 * area > LEAST_WIDTH_M * shapely.length(thin))
    counts["degenerate"] = int((~good).sum())
    table, area = table[good].reset_index(drop=True), area[good]
    return _as_features(table, area, counts, what, n_given=len(frame))


def _changed(
    geometry: NDArray[np.object_],
    which: Callable[[NDArray[np.object_]], NDArray[np.bool_]],
    how: Callable[[NDArray[np.object_]], NDArray[np.object_]],
) -> NDArray[np.object_]:
    """Return an array in which some geometries are changed and the others are the same objects."""
    out = np.array(geometry, dtype=object)
    chosen = which(out)
    out[chosen] = how(out[chosen])
    return out


def _polygons(geometry: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Return the polygons in polygons and collections, in their order, and where each comes from."""
    mixed = np.flatnonzero(shapely.get_type_id(geometry) != 3)
    parts, first = shapely.get_parts(geometry[mixed], return_index=True)
    deeper, second = shapely.get_parts(parts, return_index=True)
    flat = shapely.get_type_id(deeper) == 3
    plain = np.flatnonzero(shapely.get_type_id(geometry) == 3)
    polygons = np.concatenate((geometry[plain], deeper[flat]))
    origin = np.concatenate((plain, mixed[first[second[flat]]]))
    order = np.argsort(origin, kind="stable")
    return polygons[order], origin[order]


def _thinned(polygon: shapely.Polygon) -> shapely.Geometry:
    """Return an outline with at most `MAX_VERTICES`; beyond, tolerance grows from a decimetre until it fits.

    A million vertices take minutes to round to OSM's grid without self-crossings; no building has them.
    """
    tolerance_m = 0.1
    while shapely.get_num_coordinates(polygon) > MAX_VERTICES and tolerance_m < 1000:
        thin = shapely.make_valid(shapely.simplify(polygon, tolerance_m, preserve_topology=False))
        parts = [part for part in shapely.get_parts(thin) if part.geom_type == "Polygon"]
        if not parts:
            break
        polygon = max(parts, key=shapely.area)
        tolerance_m *= 2
    return polygon


def _check_values(frame: gpd.GeoDataFrame, what: str) -> None:
    """Refuse labels that are no texts and scores that are no numbers, as hand-made GeoJSON has them."""
    nameless = sum(not isinstance(label, str) for label in frame["label"])
    if nameless:
        raise SchemaError(
            f"{what} has {nameless} rows whose label is no text; give each one of {', '.join(LABELS)}"
        )
    scores = frame["score"] if "score" in frame.columns else pd.Series(dtype=float)
    if not pd.api.types.is_numeric_dtype(scores.dtype) and scores.notna().any():
        raise SchemaError(f"{what} has scores that are no numbers; give numbers from 0 to 1")


def _as_features(
    table: gpd.GeoDataFrame, area: np.ndarray, counts: dict[str, int], what: str, *, n_given: int
) -> Normalised:
    out = table.copy()
    out["label"] = out["label"].astype("str")
    hashed = pd.Series(feature_ids(out["label"], out.geometry.to_numpy()), dtype="str")
    defaults = {"score": 1.0, "shape": "free", "shape_residual": 0.0, "n_parts": 1, "cut": ""}
    for name, value in defaults.items():
        out[name] = out[name].fillna(value) if name in out.columns else value
    out["area_m2"] = area
    given = out["feature_id"].astype("str") if "feature_id" in out.columns else hashed
    # A part of a split polygon, or an id used twice, gets the id of its own outline.
    out["feature_id"] = given.where(~given.duplicated(keep=False), hashed)
    out = check_features(out, what=what)
    bad = out[(out["score"] < 0) | (out["score"] > 1)]
    if len(bad):
        raise SchemaError(f"{what} has a score of {bad['score'].iloc[0]:g}; scores are 0..1")
    out["_order"] = hashed
    out = out.sort_values(["label", "_order", "score", "feature_id"], ascending=[True, True, False, True])
    twice = out.duplicated(["label", "_order"])
    counts["duplicates"] = int(twice.sum())
    out = out[~twice].drop(columns="_order").reset_index(drop=True)
    return Normalised(features=out, n_given=n_given, counts=counts)


def _metric(table: gpd.GeoDataFrame, what: str) -> gpd.GeoDataFrame:
    if (
        table.crs.is_geographic
        and len(table)
        and not shapely.contains_properly(GEODETIC_SAFE.buffer(1e-6), shapely.box(*table.total_bounds))
    ):
        raise SchemaError(
            f"{what} has coordinates {[round(float(v), 3) for v in table.total_bounds]} that are no longitudes "
            "and latitudes; write it with the CRS its coordinates are in"
        )
    target = _metric_crs(table, what)
    if target == table.crs:
        return table
    moved = transform_geometries(table.geometry.to_numpy(), source=table.crs, target=target)
    return table.set_geometry(gpd.GeoSeries(moved, index=table.index, crs=target))


def _metric_crs(frame: gpd.GeoDataFrame, what: str = "features") -> pyproj.CRS:
    """Return the frame's own CRS where a metre of it is one on the ground, else the UTM zone of its middle."""
    if len(frame) == 0:
        return utm_crs(0.0, 0.0)
    centres = shapely.centroid(shapely.box(*frame.geometry.bounds.to_numpy().T))
    x, y = shapely.get_x(centres), shapely.get_y(centres)
    # The median place, not the middle of all bounds: a region on the 180th meridian keeps one side of it.
    middle = shapely.Point(float(np.median(x)), float(np.median(y)))
    lon_lat = transform_geometries([middle], source=frame.crs, target=LON_LAT)[0]
    ends = np.unique([x.argmin(), x.argmax(), y.argmin(), y.argmax()])
    places = transform_geometries(np.array([middle, *centres[ends]]), source=frame.crs, target=LON_LAT)
    for crs in (frame.crs, utm_crs(lon_lat.x, lon_lat.y)):
        if all(_true_to_scale(crs, place) for place in places):
            return crs
    west, south, east, north = shapely.total_bounds(places)
    raise SchemaError(
        f"{what} reaches from {west:.2f}, {south:.2f} to {east:.2f}, {north:.2f}: no one UTM zone measures all of "
        "that to one percent; compare its parts, each on its own"
    )


def _true_to_scale(crs: pyproj.CRS, place: shapely.Point) -> bool:
    """Tell whether a metre of this CRS is a metre on the ground, to one percent, at a place in degrees."""
    try:
        check_metric(crs)
        middle = transform_geometries([place], source=LON_LAT, target=crs)[0]
        square = shapely.box(middle.x - 50, middle.y - 50, middle.x + 50, middle.y + 50)
        ring = transform_geometries([square], source=crs, target=LON_LAT)[0]
    except CRSError:
        return False
    ellipsoid = pyproj.Geod(ellps="WGS84")
    lon, lat = shapely.get_coordinates(ring).T
    _, _, sides = ellipsoid.inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    return bool((np.abs(np.asarray(sides) / 100.0 - 1.0) < 0.01).all())
