import numpy as np
import pandas as pd

from review.doubt import doubt


def rows(**columns):
    size = max(len(values) for values in columns.values())
    usual = {
        "score": 0.9,
        "status": "new",
        "shape_residual": 0.0,
        "cov_det": 0.0,
        "cov_osm": 0.0,
        "feature_id": "f",
    }
    return pd.DataFrame({name: columns.get(name, [value] * size) for name, value in usual.items()})


def test_each_reason_for_doubt_raises_it():
    base = doubt(rows(score=[0.9]))[0]
    assert base == 0.1
    assert doubt(rows(score=[0.5]))[0] == 0.5
    assert doubt(rows(status=["review"]))[0] == round(1 - 0.9 * 0.7, 3)
    assert doubt(rows(shape_residual=[2.0]))[0] == round(1 - 0.9 * 0.5, 3)
    assert doubt(rows(cov_osm=[1.0]))[0] == round(1 - 0.9 * 0.5, 3)


def test_an_overlap_of_something_matched_is_no_doubt():
    assert doubt(rows(status=["matched"], cov_osm=[1.0]))[0] == 0.1


def test_unknown_values_give_no_doubt_and_rows_without_a_detection_none_at_all():
    unknown = rows(score=[np.nan, 0.2], shape_residual=[np.nan, 0.0], feature_id=["f", ""])
    assert doubt(unknown).tolist() == [0.0, 0.0]


def test_no_rows_give_no_doubts():
    assert doubt(rows(score=[0.5]).iloc[:0]).shape == (0,)
