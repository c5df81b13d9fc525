"""A pixel lattice and its CRS -> the size of a pixel on the ground, in metres, whatever the CRS counts in."""

import math

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_xy

Floats = NDArray[np.float64]

_GEOD = pyproj.Geod(ellps="WGS84")
_SPAN_M = 100.0
"""Distances are taken over about this length: long enough that float64 degrees cost nothing (1e-15 x 180 deg is
2e-8 m), short enough that the CRS's scale does not change along it."""


def apply(transform: Affine, cols: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Return the coordinates of places given in pixels; affine's own operator for it differs between versions."""
    t = transform
    return t.a * cols + t.b * rows + t.c, t.d * cols + t.e * rows + t.f


def pixel_area_m2(transform: Affine, crs: pyproj.CRS, *, col_px: float, row_px: float) -> float:
    """Measure the area of one pixel on the WGS 84 ellipsoid, at one place of the lattice.

    Parameters
    ----------
    transform : Affine
        Pixel corner to CRS; may be rotated, sheared or south-up.
    crs : pyproj.CRS
        Geographic or projected, in any unit.
    col_px, row_px : float
        Where to measure, in pixels of the lattice.

    Returns
    -------
    float
        Square metres.

    Raises
    ------
    CRSError
        The place lies outside the area in which the CRS is defined.

    Notes
    -----
    The geodesics along a row and along a column through the place span a parallelogram; its area over the number
    of pixels it spans is the area of one. Two passes: the first, over one pixel, only finds how many pixels make
    `_SPAN_M`.
    """
    area = _parallelogram_m2(transform, crs, col_px, row_px, 1.0)
    half_px = max(_SPAN_M / math.sqrt(area) / 2, 0.5) if area > 0 else 0.5
    return _parallelogram_m2(transform, crs, col_px, row_px, half_px)


def gsd_m(transform: Affine, crs: pyproj.CRS, *, col_px: float, row_px: float) -> float:
    """Return the side, in metres, of the square that has a pixel's area on the ground; see `pixel_area_m2`."""
    return math.sqrt(pixel_area_m2(transform, crs, col_px=col_px, row_px=row_px))


def _parallelogram_m2(transform: Affine, crs: pyproj.CRS, col: float, row: float, half_px: float) -> float:
    cols = col + half_px * np.array([-1.0, 1.0, 0.0, 0.0])
    rows = row + half_px * np.array([0.0, 0.0, -1.0, 1.0])
    lon, lat = transform_xy(*apply(transform, cols, rows), source=crs, target=LON_LAT)
    azimuth_row, _, length_row = _GEOD.inv(lon[0], lat[0], lon[1], lat[1])
    azimuth_col, _, length_col = _GEOD.inv(lon[2], lat[2], lon[3], lat[3])
    sine = abs(math.sin(math.radians(azimuth_row - azimuth_col)))
    return float(length_row * length_col * sine / (2 * half_px) ** 2)
