"""Coordinate systems: the only module that makes transformers, always longitude first."""

from functools import lru_cache
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from numpy.typing import ArrayLike, NDArray

from groundplan.errors import CRSError, CRSMismatchError

LON_LAT = pyproj.CRS.from_epsg(4326)
"""OSM's own system; x is longitude because every transformer here is made with ``always_xy``."""


def parse_crs(text: Any) -> pyproj.CRS:
    """Return the coordinate system that `text` names (EPSG code, WKT, PROJ string or CRS object).

    Raises
    ------
    CRSError
        pyproj does not know it.
    """
    try:
        return pyproj.CRS.from_user_input(text)
    except pyproj.exceptions.CRSError as err:
        raise CRSError(f"crs {text!r} is not known to PROJ; give an EPSG code such as 'EPSG:32645'") from err


def utm_crs(lon: float, lat: float) -> pyproj.CRS:
    """Return the WGS 84 UTM zone of a place, or the polar stereographic system beyond UTM's reach.

    Parameters
    ----------
    lon, lat : float
        Degrees; the longitude is wrapped to -180..180.

    Examples
    --------
    >>> utm_crs(85.5, 27.6).to_epsg()
    32645
    >>> utm_crs(9.5, -33.9).to_epsg()
    32732
    """
    if lat > 84:
        return pyproj.CRS.from_epsg(5041)
    if lat < -80:
        return pyproj.CRS.from_epsg(5042)
    zone = int(((lon + 180) % 360) // 6) + 1
    return pyproj.CRS.from_epsg((32600 if lat >= 0 else 32700) + zone)


def metric_unit_m(crs: pyproj.CRS) -> float | None:
    """Return the length of one unit of a projected CRS in metres; None for a geographic CRS."""
    if not crs.is_projected:
        return None
    return float(crs.axis_info[0].unit_conversion_factor)


def check_metric(crs: Any) -> pyproj.CRS:
    """Return the CRS when lengths and areas may be measured in it.

    Raises
    ------
    CRSError
        It is geographic, its unit is not the metre, or it is EPSG:3857, whose metres are not metres.
    """
    parsed = parse_crs(crs)
    if metric_unit_m(parsed) != 1.0:
        raise CRSError(
            f"crs {parsed.name!r} is not measured in metres; choose a projected CRS in metres, or 'auto'"
        )
    if parsed.to_epsg() == 3857:
        raise CRSError("EPSG:3857 stretches lengths with latitude; choose a UTM zone, or 'auto'")
    return parsed


@lru_cache(maxsize=64)
def _transformer(source_wkt: str, target_wkt: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source_wkt, target_wkt, always_xy=True)


def transformer(source: Any, target: Any) -> pyproj.Transformer:
    """Return the cached transformer from `source` to `target`, x (longitude, easting) first.

    Notes
    -----
    Transformers are per process and not shared between threads by pyproj itself; pyproj >= 3.1 makes the
    object safe to use from several threads.
    """
    return _transformer(parse_crs(source).to_wkt(), parse_crs(target).to_wkt())


def transform_xy(
    x: ArrayLike, y: ArrayLike, *, source: Any, target: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Transform coordinates.

    Parameters
    ----------
    x, y : array_like of the same shape
        Easting or longitude, northing or latitude.

    Returns
    -------
    tuple of ndarray, dtype float64

    Raises
    ------
    CRSError
        A coordinate lies outside the area in which the transformation is defined.
    """
    try:
        out_x, out_y = transformer(source, target).transform(
            np.asarray(x, float), np.asarray(y, float), errcheck=True
        )
    except pyproj.exceptions.ProjError as err:
        raise CRSError(f"coordinates cannot be transformed from {parse_crs(source).name}: {err}") from err
    return np.asarray(out_x), np.asarray(out_y)


def transform_geometries(geometries: ArrayLike, *, source: Any, target: Any) -> NDArray[np.object_]:
    """Transform an array of shapely geometries; vertices only, so long edges are not densified.

    Returns
    -------
    ndarray of geometry, same length; the input unchanged when the two systems are equal.
    """
    array = np.asarray(geometries, dtype=object)
    if parse_crs(source) == parse_crs(target) or array.size == 0:
        return array.copy()

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transform_xy(xy[:, 0], xy[:, 1], source=source, target=target))

    return np.asarray(shapely.transform(array, move), dtype=object)


def check_same_crs(left: gpd.GeoDataFrame, right: gpd.GeoDataFrame) -> None:
    """Raise CRSMismatchError unless both frames carry the same CRS."""
    if left.crs is None or right.crs is None or parse_crs(left.crs) != parse_crs(right.crs):
        raise CRSMismatchError(
            f"frames have different CRS ({left.crs and left.crs.name!r} and {right.crs and right.crs.name!r}); "
            "bring both into one before they are compared"
        )


def metric_crs_of(frame: gpd.GeoDataFrame) -> pyproj.CRS:
    """Return the CRS to measure a frame in: its own when metric, else the UTM zone of its centre.

    Raises
    ------
    CRSError
        The frame has no CRS.
    """
    if frame.crs is None:
        raise CRSError("the frame has no CRS; write the file with one")
    try:
        return check_metric(frame.crs)
    except CRSError:
        left, bottom, right, top = frame.total_bounds
        if not np.isfinite(left):
            return utm_crs(0.0, 0.0)
        lon, lat = transform_xy((left + right) / 2, (bottom + top) / 2, source=frame.crs, target=LON_LAT)
        return utm_crs(float(lon), float(lat))
