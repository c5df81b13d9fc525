import geopandas as gpd
import pytest
import shapely

from groundplan.crs import (
    LON_LAT,
    check_metric,
    check_same_crs,
    metric_crs_of,
    parse_crs,
    transform_geometries,
    transform_xy,
    utm_crs,
)
from groundplan.errors import CRSError, CRSMismatchError


@pytest.mark.parametrize("lat", [0.01, 52.0, 65.0])
def test_a_hundred_metre_square_measures_ten_thousand_square_metres(lat: float) -> None:
    crs = utm_crs(9.0, lat)
    x, y = transform_xy(9.0, lat, source=LON_LAT, target=crs)
    square = shapely.box(x, y, x + 100, y + 100)
    there = transform_geometries([square], source=crs, target=LON_LAT)
    (back,) = transform_geometries(there, source=LON_LAT, target=crs)
    assert back.area == pytest.approx(10_000, rel=1e-6)


def test_longitude_comes_first() -> None:
    x, y = transform_xy(85.5, 27.6, source=LON_LAT, target="EPSG:32645")
    assert 300_000 < x < 400_000 and 3_000_000 < y < 3_100_000


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [(180.0, 10, 32601), (-180.0, 10, 32601), (0, -10, 32731), (0, 85, 5041), (0, -85, 5042)],
)
def test_utm_zones_wrap_and_end_at_the_poles(lon: float, lat: float, code: int) -> None:
    assert utm_crs(lon, lat).to_epsg() == code


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:2994"])
def test_degrees_feet_and_mercator_are_no_metres(crs: str) -> None:
    with pytest.raises(CRSError):
        check_metric(crs)


def test_an_unknown_crs_is_refused_by_name() -> None:
    with pytest.raises(CRSError, match="EPSG:999999"):
        parse_crs("EPSG:999999")


def test_places_outside_a_projection_are_refused() -> None:
    with pytest.raises(CRSError, match="cannot be transformed"):
        transform_xy([85.5], [100.0], source=LON_LAT, target="EPSG:32645")


def test_frames_in_two_systems_are_not_compared() -> None:
    left = gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=4326)
    with pytest.raises(CRSMismatchError):
        check_same_crs(left, left.to_crs(32632))
    check_same_crs(left, left)


def test_a_geographic_frame_is_measured_in_its_utm_zone() -> None:
    frame = gpd.GeoDataFrame(geometry=[shapely.Point(85.5, 27.6)], crs=4326)
    assert metric_crs_of(frame).to_epsg() == 32645
    assert metric_crs_of(frame.to_crs(32632)).to_epsg() == 32632
    assert metric_crs_of(frame.iloc[:0]).is_projected
