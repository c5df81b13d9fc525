"""The rough window holds the exact one, wherever features lie and in whatever CRS they come."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from osm.normalise import normalise
from osm.window import NOWHERE, meets, rough_window, window_around


def features(lon, lat, crs):
    boxes = [shapely.box(lon + k * 1e-3, lat, lon + k * 1e-3 + 2e-4, lat + 1e-4) for k in range(5)]
    frame = gpd.GeoDataFrame({"label": "building"}, geometry=boxes, index=range(5), crs="EPSG:4326")
    return frame.to_crs(crs)


@pytest.mark.parametrize(
    ("lon", "lat", "crs"),
    [
        (9.0, 47.0, "EPSG:4326"),
        (9.0, 47.0, "EPSG:32632"),
        (20.0, 69.0, "EPSG:3857"),  # a metre of it is a third of one on the ground
        (-123.07, 44.06, "EPSG:2992"),  # feet
        (170.0, -45.0, "EPSG:2193"),
        (-70.0, 77.0, "EPSG:4326"),
    ],
)
def test_the_rough_window_holds_the_exact_one_and_is_not_much_larger(lon, lat, crs):
    given = features(lon, lat, crs)
    rough, exact = rough_window(given), window_around(normalise(given).features)
    assert rough[0] <= exact[0]
    assert rough[1] <= exact[1]
    assert rough[2] >= exact[2]
    assert rough[3] >= exact[3]
    assert (rough[2] - rough[0]) * (rough[3] - rough[1]) < 6 * (exact[2] - exact[0]) * (exact[3] - exact[1])


def test_without_a_place_there_is_no_window():
    nameless = features(9.0, 47.0, "EPSG:4326").set_crs(None, allow_override=True)
    assert rough_window(nameless) is None
    lost = gpd.GeoDataFrame(geometry=[shapely.Point(np.inf, 0)], crs="EPSG:4326")
    assert rough_window(lost) is None
    assert rough_window(lost.iloc[:0]) == NOWHERE
    pole = gpd.GeoDataFrame(geometry=[shapely.Point(3, 89.5)], crs="EPSG:4326")
    assert rough_window(pole) is None
    across = gpd.GeoDataFrame(geometry=[shapely.Point(-179, 3), shapely.Point(179, 3)], crs="EPSG:4326")
    assert rough_window(across) is None


def test_what_touches_a_window_meets_it():
    bounds = np.array([[0, 0, 1, 1], [1, 1, 2, 2], [2.1, 0, 3, 3], [np.nan] * 4])
    assert meets(bounds, (1, 1, 2, 2)).tolist() == [True, True, False, False]
    assert not meets(bounds, NOWHERE).any()
