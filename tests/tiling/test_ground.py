"""The size of pixels on the ground."""

import math

import pyproj
import pytest
from affine import Affine

from tiling.ground import gsd_m


def measure(epsg: int, transform: Affine) -> float:
    return gsd_m(transform, pyproj.CRS.from_epsg(epsg), col_px=0, row_px=0)


def test_a_utm_pixel_on_the_central_meridian_is_larger_on_the_ground_by_the_scale_factor() -> None:
    assert measure(32632, Affine(0.3, 0, 500000, 0, -0.3, 5700000)) == pytest.approx(0.3 / 0.9996, rel=1e-6)


def test_a_degree_at_the_equator_measures_as_the_ellipsoid_says() -> None:
    # One degree of longitude is 111,319.4908 m there, of latitude 110,574.2758 m.
    size = measure(4326, Affine(1e-6, 0, 9, 0, -1e-6, 0))
    assert size == pytest.approx(math.sqrt(0.1113194908 * 0.1105742758), rel=1e-5)


def test_feet_are_not_metres() -> None:
    # EPSG:2994 counts in international feet; its scale is within 0.02 % of 1 between its standard parallels.
    assert measure(2994, Affine(1, 0, 635615, 0, -1, 853362)) == pytest.approx(0.3048, rel=5e-4)


def test_web_mercator_shrinks_with_latitude() -> None:
    # At 60 degrees north a metre of EPSG:3857 is half a metre east-west (ellipsoid: 0.5018).
    y = 8399737.89
    assert measure(3857, Affine(1, 0, 0, 0, -1, y)) == pytest.approx(0.5, rel=5e-3)


@pytest.mark.parametrize("angle_deg", [0, 30, 90, 137, 180])
def test_turning_the_pixels_does_not_change_their_size(angle_deg: float) -> None:
    c, s = 0.3 * math.cos(math.radians(angle_deg)), 0.3 * math.sin(math.radians(angle_deg))
    turned = Affine(c, s, 500000, s, -c, 5700000)
    assert measure(32632, turned) == pytest.approx(0.3 / 0.9996, rel=1e-6)


def test_south_up_and_oblong_pixels_measure_as_the_square_of_equal_area() -> None:
    assert measure(32632, Affine(0.2, 0, 500000, 0, 0.8, 5700000)) == pytest.approx(0.4 / 0.9996, rel=1e-6)
