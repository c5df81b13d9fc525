"""Each change is shown where its own cell's offset puts it, however its outline was cut."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate

from groundplan.crs import LON_LAT
from pipeline.shifts import imagery_shifts, offsets_of_labels

UTM = "EPSG:32633"


def frames(offsets: list[tuple[float, float]], cut: set[int]) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return changes and features, 100 m apart; those in `cut` lose their eastern third as changes."""
    shown = [shapely.box(500_000 + 100 * n, 5_000_000, 500_012 + 100 * n, 5_000_009) for n in range(len(offsets))]
    names = [f"f-{n}" for n in range(len(offsets))]
    features = gpd.GeoDataFrame({"feature_id": names}, geometry=shown, crs=UTM)
    moved = [translate(shape, -east, -north) for shape, (east, north) in zip(shown, offsets, strict=True)]
    for n in cut:
        left, bottom, right, top = moved[n].bounds
        moved[n] = shapely.box(left, bottom, right - 4, top)
    changes = gpd.GeoDataFrame({"feature_id": names}, geometry=moved, crs=UTM).to_crs(LON_LAT)
    return changes, features


metres = st.floats(-8, 8, allow_nan=False)


@given(st.lists(st.tuples(metres, metres), min_size=1, max_size=6))
def test_the_shift_is_what_the_comparison_took_off(offsets: list[tuple[float, float]]) -> None:
    changes, features = frames(offsets, set())
    assert imagery_shifts(changes, features, offset_m=(0.0, 0.0)) == pytest.approx(np.array(offsets), abs=0.011)


def test_cut_outlines_and_rows_without_a_feature_take_their_neighbours_value() -> None:
    changes, features = frames([(2.0, -1.0), (2.0, -1.0), (5.0, 3.0), (5.0, 3.0)], cut={1, 3})
    changes.loc[0, "feature_id"] = ""  # something OSM alone has
    shifts = imagery_shifts(changes, features, offset_m=(9.0, 9.0))
    assert shifts == pytest.approx(np.array([[5.0, 3.0]] * 4), abs=0.011)
    changes, features = frames([(2.0, -1.0), (2.0, -1.0), (5.0, 3.0), (5.0, 3.0)], cut={1, 3})
    shifts = imagery_shifts(changes, features, offset_m=(9.0, 9.0))
    assert shifts[[0, 2, 3]] == pytest.approx(np.array([[2.0, -1.0], [5.0, 3.0], [5.0, 3.0]]), abs=0.011)


def test_without_anything_to_read_it_off_the_whole_offset_counts() -> None:
    changes, features = frames([(2.0, -1.0)], cut={0})
    assert imagery_shifts(changes, features, offset_m=(9.0, 8.0)).tolist() == [[9.0, 8.0]]
    assert imagery_shifts(changes[:0], features[:0], offset_m=(9.0, 8.0)).shape == (0, 2)


def test_fields_lie_off_osm_by_their_own_offset_where_there_is_one():
    report = {"offset_m": {"east": 2.0, "north": -1.0}, "offset_fields_m": {"east": 0.5, "north": 0.0}}
    assert offsets_of_labels(["building", "tennis_court"], report).tolist() == [[2.0, -1.0], [0.5, 0.0]]
    report["offset_fields_m"] = None
    assert offsets_of_labels(["tennis_court"], report).tolist() == [[2.0, -1.0]]
    report["offset_m"] = {"east": None, "north": None}
    assert offsets_of_labels(["building"], report).tolist() == [[0.0, 0.0]]
    assert offsets_of_labels([], report).shape == (0, 2)
    report["offset_m"] = {"east": 2.0, "north": -1.0, "used": False}
    assert offsets_of_labels(["building"], report).tolist() == [[0.0, 0.0]]
