import geopandas as gpd
import pytest
import shapely
from shapely.affinity import translate

from groundplan.errors import CRSError, CRSMismatchError
from postprocess.boundary import boundary_errors


def frame(*shapes: shapely.Geometry, crs: int = 32632) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"score": [0.9] * len(shapes)}, geometry=list(shapes), crs=crs)


def test_a_square_grown_by_half_a_metre_lies_half_a_metre_off() -> None:
    square = shapely.box(0, 0, 20, 20)
    found = boundary_errors(frame(square.buffer(0.5, join_style="mitre")), frame(square))
    assert found is not None and found["n"] == 1
    assert found["median"] == found["p95"] == pytest.approx(0.5)
    assert found["mean"] == pytest.approx(0.5, abs=0.02)


def test_a_moved_square_is_off_along_two_of_its_sides() -> None:
    square = shapely.box(0, 0, 20, 20)
    found = boundary_errors(frame(translate(square, 1, 0)), frame(square))
    assert found is not None and found["mean"] == pytest.approx(0.5, abs=0.05)


def test_only_matched_outlines_count() -> None:
    square, far = shapely.box(0, 0, 9, 9), shapely.box(90, 90, 99, 99)
    assert boundary_errors(frame(square, far), frame(square)) == {"n": 1, "mean": 0.0, "median": 0.0, "p95": 0.0}
    assert boundary_errors(frame(far), frame(square)) is None
    assert boundary_errors(frame(), frame(square)) is None


def test_degrees_and_two_systems_are_refused() -> None:
    square = shapely.box(0, 0, 1, 1)
    with pytest.raises(CRSMismatchError):
        boundary_errors(frame(square), frame(square, crs=32633))
    with pytest.raises(CRSError):
        boundary_errors(frame(square, crs=4326), frame(square, crs=4326))
