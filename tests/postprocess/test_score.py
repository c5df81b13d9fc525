"""Precision, recall, F1 and mean IoU against known polygons."""

import geopandas as gpd
import pytest
import shapely

from groundplan.errors import ConfigError, CRSMismatchError, SchemaError
from postprocess.score import score_features


def frame(rows, crs="EPSG:32632"):
    data = {"label": [row[0] for row in rows], "score": [row[1] for row in rows]}
    return gpd.GeoDataFrame(data, geometry=[shapely.box(*row[2]) for row in rows], crs=crs)


TRUTH = frame(
    [("building", 1, (0, 0, 10, 10)), ("building", 1, (20, 0, 30, 10)), ("tennis_court", 1, (0, 50, 24, 61))]
)


def test_figures_are_those_counted_by_hand():
    found = frame(
        [
            ("building", 0.9, (0, 0, 10, 8)),  # IoU 0.8
            ("building", 0.8, (0, 0, 10, 10)),  # the truth it would match is taken
            ("building", 0.7, (40, 0, 50, 10)),  # nothing there
            ("soccer_field", 0.7, (0, 50, 24, 61)),  # the right place, the wrong label
        ]
    )
    result = score_features(found, TRUTH)
    building = result["labels"]["building"]
    assert building["precision"] == pytest.approx(1 / 3)
    assert building["recall"] == 0.5
    assert building["f1"] == pytest.approx(0.4)
    assert building["mean_iou"] == pytest.approx(0.8)
    assert result["labels"]["tennis_court"]["recall"] == 0.0
    assert result["labels"]["tennis_court"]["precision"] is None
    assert result["all"] == {
        "n_features": 4,
        "n_truth": 3,
        "n_matched": 1,
        "precision": 0.25,
        "recall": pytest.approx(1 / 3),
        "f1": pytest.approx(2 / 7),
        "mean_iou": pytest.approx(0.8),
    }


def test_what_nobody_could_tell_counts_neither_way():
    unclear = TRUTH.assign(ignore=[False, True, False])
    found = frame(
        [
            ("building", 0.9, (0, 0, 10, 10)),
            ("building", 0.8, (21, 1, 25, 9)),  # a piece of what is unclear
            ("building", 0.7, (26, 0, 50, 10)),  # mostly beside it
            ("tennis_court", 0.7, (20, 0, 30, 10)),  # unclear buildings excuse no tennis court
        ]
    )
    labels = score_features(found, unclear)["labels"]
    assert (labels["building"]["n_truth"], labels["building"]["n_features"]) == (1, 2)
    assert labels["building"]["precision"] == 0.5
    assert labels["building"]["recall"] == 1.0
    assert labels["tennis_court"]["n_features"] == 1


def test_the_threshold_decides():
    found = frame([("building", 0.9, (0, 0, 10, 8))])
    assert score_features(found, TRUTH, iou=0.8)["labels"]["building"]["n_matched"] == 1
    assert score_features(found, TRUTH, iou=0.81)["labels"]["building"]["n_matched"] == 0


def test_features_without_a_score_count_all_the_same():
    assert score_features(TRUTH.drop(columns="score"), TRUTH)["all"]["f1"] == 1.0


def test_nothing_against_nothing_is_not_a_perfect_score():
    empty = TRUTH.iloc[:0]
    assert score_features(empty, empty)["all"]["f1"] is None
    assert score_features(empty, TRUTH)["all"]["recall"] == 0.0


def test_wrong_input_is_refused():
    with pytest.raises(CRSMismatchError):
        score_features(TRUTH, TRUTH.to_crs("EPSG:32633"))
    with pytest.raises(SchemaError, match="no column label"):
        score_features(TRUTH.drop(columns="label"), TRUTH)
    with pytest.raises(ConfigError, match="out of range"):
        score_features(TRUTH, TRUTH, iou=0.0)
