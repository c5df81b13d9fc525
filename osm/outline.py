"""Polygons in metres -> outlines as OSM can hold them: simplified, counter-clockwise, on its grid."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from osm.options import DiffOptions

OSM_DECIMALS = 7
"""OSM stores coordinates as integers of 1e-7 degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """The same N polygons twice, and whether OSM can hold them."""

    metric: NDArray[np.object_]
    """(N,): the rounded outline in the metric CRS; what is measured is what is written."""
    lon_lat: NDArray[np.object_]
    """(N,): the rounded outline in EPSG:4326, exterior counter-clockwise."""
    ok: NDArray[np.bool_]
    """(N,): a valid polygon of at least four distinct nodes, no node twice, no ring too long."""


def prepare_outlines(polygons: NDArray[np.object_], *, crs: Any, options: DiffOptions) -> Outlines:
    """Return the outlines as they would be proposed.

    Small holes are closed, vertices within ``simplify_m`` of the outline dropped, coordinates rounded to seven
    decimals *before* validity is judged and overlaps are measured.

    Parameters
    ----------
    polygons : ndarray of valid Polygon, shape (N,)
        In the metric CRS, already in OSM's frame.
    crs : CRS
        The metric CRS.
    options : DiffOptions
        ``simplify_m``, ``min_hole_m2`` and ``max_ring_nodes`` are used.
    """
    if len(polygons) == 0:
        none = np.empty(0, dtype=object)
        return Outlines(metric=none, lon_lat=none.copy(), ok=np.empty(0, bool))
    shapes = _without_small_holes(polygons, options.min_hole_m2)
    shapes = _simplified(shapes, options)
    lon_lat = round_lon_lat(transform_geometries(shapes, source=crs, target=LON_LAT))
    metric = transform_geometries(lon_lat, source=LON_LAT, target=crs)
    return Outlines(metric=metric, lon_lat=lon_lat, ok=fits_osm(lon_lat))


def round_lon_lat(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return polygons on OSM's grid, repaired where rounding made them invalid, counter-clockwise, in normal form.

    The largest piece stays where a repair gives several.
    """
    rounded = _rounded(polygons)
    broken = ~shapely.is_valid(rounded)
    if broken.any():
        mended = shapely.make_valid(rounded[broken])
        rounded[broken] = _rounded(np.array([_largest(each) for each in mended], dtype=object))
    # The normal form starts every ring at its lowest vertex, so equal outlines give equal bytes.
    return np.asarray(shapely.orient_polygons(shapely.normalize(rounded), exterior_cw=False), dtype=object)


def fits_osm(lon_lat: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which polygons can be a way, or a multipolygon of ways, in OSM."""
    west, _, east, _ = shapely.bounds(lon_lat).T
    good = shapely.is_valid(lon_lat) & ~shapely.is_empty(lon_lat) & (shapely.get_type_id(lon_lat) == 3)
    # On the 180th meridian a rounded outline spans the globe; OSM would need it cut in two.
    good &= (east - west) < 180.0
    vertices = shapely.get_num_coordinates(lon_lat)
    holes = shapely.get_num_interior_rings(lon_lat)
    good &= np.where(holes == 0, vertices >= 5, True)
    for index in np.flatnonzero(good & ((holes > 0) | (vertices > 2000))):
        good[index] = all(4 <= len(ring) - 1 <= 1999 for ring in map(_coords, _rings(lon_lat[index])))
    return np.asarray(good & (_distinct_nodes(lon_lat) == vertices - holes - 1))


def _distinct_nodes(polygons: NDArray[np.object_]) -> NDArray[np.int64]:
    xy, owner = shapely.get_coordinates(polygons, return_index=True)
    order = np.lexsort((xy[:, 1], xy[:, 0], owner))
    xy, owner = xy[order], owner[order]
    first = np.r_[True, (xy[1:] != xy[:-1]).any(axis=1) | (owner[1:] != owner[:-1])] if len(xy) else []
    return np.bincount(owner[np.asarray(first, bool)], minlength=len(polygons))


def _rounded(polygons: NDArray[np.object_]) -> NDArray[np.object_]:
    out = shapely.transform(polygons, lambda xy: np.round(xy, OSM_DECIMALS))
    return np.asarray(shapely.remove_repeated_points(out), dtype=object)


def _largest(geometry: Any) -> Any:
    pieces = shapely.get_parts(shapely.get_parts(geometry))
    pieces = pieces[shapely.get_type_id(pieces) == 3]
    return pieces[int(np.argmax(shapely.area(pieces)))] if len(pieces) else shapely.Polygon()


def _without_small_holes(polygons: NDArray[np.object_], least_m2: float) -> NDArray[np.object_]:
    out = np.array(polygons, dtype=object)
    for index in np.flatnonzero(shapely.get_num_interior_rings(out) > 0):
        shape = out[index]
        kept = [ring for ring in shape.interiors if shapely.Polygon(ring).area >= least_m2]
        out[index] = shapely.Polygon(shape.exterior, kept)
    return out


def _simplified(polygons: NDArray[np.object_], options: DiffOptions) -> NDArray[np.object_]:
    tolerance = options.simplify_m
    out = polygons
    if tolerance > 0:
        simple = np.asarray(shapely.simplify(polygons, tolerance), dtype=object)
        usable = shapely.is_valid(simple) & ~shapely.is_empty(simple) & (shapely.get_type_id(simple) == 3)
        out = np.where(usable, simple, polygons)
    tolerance = max(tolerance, 0.1)
    # Doubling stops at three metres: an outline that still has too many nodes is for a person to draw.
    while tolerance < 3.0:
        long = _longest_ring(out) > options.max_ring_nodes
        if not long.any():
            break
        tolerance *= 2
        out = out.copy()
        out[long] = shapely.simplify(polygons[long], tolerance)
    return np.asarray(out, dtype=object)


def _longest_ring(polygons: NDArray[np.object_]) -> NDArray[np.int64]:
    longest = shapely.get_num_coordinates(polygons).astype(np.int64)
    for index in np.flatnonzero(shapely.get_num_interior_rings(polygons) > 0):
        longest[index] = max(len(_coords(ring)) for ring in _rings(polygons[index]))
    return longest


def _rings(polygon: Any) -> list[Any]:
    return [polygon.exterior, *polygon.interiors]


def _coords(ring: Any) -> NDArray[np.float64]:
    return np.asarray(shapely.get_coordinates(ring))
