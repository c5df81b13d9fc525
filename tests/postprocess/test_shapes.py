"""Frames of outlines: regular where their label's shape fits, and the free outline where it does not."""

import geopandas as gpd
import numpy as np
import pytest
import shapely

from groundplan.errors import ConfigError
from groundplan.schema import FEATURES, empty_frame
from postprocess.options import ShapeOptions
from postprocess.shapes import LAID_OUT, fit_shapes, without_shapeless
from tests.postprocess.outlines import at_home, fit_shape, iou, jittered


def test_what_fits_no_shape_stays_as_it_was():
    for label, odd in (
        ("building", shapely.Point(0, 0).buffer(20).difference(shapely.Point(12, 0).buffer(18))),
        ("tennis_court", shapely.Polygon([(0, 0), (30, 0), (0, 30)])),
        ("running_track", shapely.box(0, 0, 10, 100).union(shapely.box(0, 0, 100, 10))),
        ("baseball_diamond", shapely.box(0, 0, 10, 80)),
    ):
        polygon = at_home(odd, 10)
        assert fit_shape(polygon, label) == (polygon, "free", 0.0)


def test_shapes_never_fall_below_the_least_iou_with_the_outline():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        cloud = shapely.MultiPoint(rng.uniform(0, 30, (12, 2)))
        polygon = at_home(shapely.concave_hull(cloud, ratio=0.5), 0)
        shape, kind, _ = fit_shape(polygon, "building")
        assert shape.is_valid
        assert iou(shape, polygon) >= 0.9, kind


def feature_frame(rows):
    columns = {
        "feature_id": [f"f-{number}" for number in range(len(rows))],
        "label": [label for label, _ in rows],
        "score": 0.9,
        "area_m2": 0.0,
        "shape": "free",
        "shape_residual": 0.0,
        "n_parts": 1,
        "cut": "",
    }
    return gpd.GeoDataFrame(columns, geometry=[polygon for _, polygon in rows], crs="EPSG:32632")


def test_a_frame_gets_shape_residual_area_and_new_ids():
    court = jittered(at_home(shapely.box(0, 0, 36, 18), 5), sigma_m=0.1)
    pieces = shapely.MultiPolygon([shapely.box(0, 0, 5, 5), shapely.box(9, 0, 14, 5)])
    features = feature_frame([("tennis_court", court), ("building", at_home(pieces, 0))])
    fitted = fit_shapes(features).set_index("label")
    assert dict(fitted["shape"]) == {"tennis_court": "rectangle", "building": "free"}
    assert fitted.loc["tennis_court", "shape_residual"] == pytest.approx(0.1, abs=0.05)
    assert fitted.loc["tennis_court", "area_m2"] == pytest.approx(36 * 18, rel=0.02)
    assert fitted.loc["building", "area_m2"] == pytest.approx(50)
    assert not set(fitted["feature_id"]) & set(features["feature_id"])
    assert list(features["shape"]) == ["free", "free"]


def test_rows_come_out_sorted_and_the_same_in_any_order():
    rows = [("tennis_court", at_home(shapely.box(k * 40, 0, k * 40 + 24, 11), k)) for k in range(5)]
    one, other = fit_shapes(feature_frame(rows)), fit_shapes(feature_frame(rows[::-1]))
    assert list(one["feature_id"]) == sorted(one["feature_id"]) == list(other["feature_id"])


def test_a_ragged_outline_of_a_certain_court_becomes_a_court():
    court = shapely.box(0, 0, 23.77, 10.97)
    ragged = court.union(shapely.Point(20, 10.97).buffer(3)).difference(shapely.Point(2, 0).buffer(3.5))
    features = feature_frame([("tennis_court", at_home(ragged, 20))] * 3)
    features = features.assign(score=[0.97, 0.97, 0.7], cut=["", "e", ""])
    fitted = {(row.score, row.cut): row for row in fit_shapes(features).itertuples()}
    assert {case: row.shape for case, row in fitted.items()} == {
        (0.97, ""): "rectangle",
        (0.97, "e"): "free",  # how much of it is beyond the imagery, nobody knows
        (0.7, ""): "free",
    }
    truth = at_home(court, 20)
    assert 0.8 < iou(at_home(ragged, 20), truth) < iou(fitted[0.97, ""].geometry, truth)


def test_a_shapeless_outline_of_a_certain_court_stays_as_it_was():
    ell = shapely.box(0, 0, 24, 11).difference(shapely.box(0, 0, 12, 6))
    assert list(fit_shapes(feature_frame([("tennis_court", at_home(ell, 20))]))["shape"]) == ["free"]


def test_no_features_stay_none():
    assert len(fit_shapes(empty_frame(FEATURES, crs="EPSG:32632"))) == 0


@pytest.mark.parametrize("name", ["min_iou", "laid_out_iou"])
def test_a_least_iou_above_one_is_refused(name):
    with pytest.raises(ConfigError, match=name):
        ShapeOptions(**{name: 1.5})


@pytest.mark.parametrize("label", sorted({"building", "baseball_diamond", *LAID_OUT}))
def test_doubtful_fields_without_the_shape_of_their_label_are_dropped(label):
    crown = shapely.Point(0, 0).buffer(12).union(shapely.Point(14, 9).buffer(7))
    rows = [("sure", 0.8, ""), ("doubtful", 0.79, ""), ("cut", 0.3, "e")]
    frame = gpd.GeoDataFrame(
        {
            "feature_id": [name for name, _, _ in rows],
            "label": label,
            "score": [score for _, score, _ in rows],
            "area_m2": crown.area,
            "shape": "free",
            "shape_residual": 0.0,
            "n_parts": 1,
            "cut": [cut for _, _, cut in rows],
        },
        geometry=[crown] * 3,
        crs="EPSG:32633",
    )
    kept = without_shapeless(frame, options=ShapeOptions())["feature_id"].to_list()
    assert kept == (["sure", "cut"] if label in LAID_OUT else ["sure", "doubtful", "cut"])
    regular = frame.assign(shape="rectangle")
    assert len(without_shapeless(regular, options=ShapeOptions())) == 3


def test_a_score_beyond_one_is_refused():
    with pytest.raises(ConfigError, match="shapeless_score"):
        ShapeOptions(shapeless_score=1.5)
