"""Real buildings taken out of a real extract must come back as new, and nothing else may (check 11).

Five kilometres of the extract here; all of it in benchmarks/osm_planted.py.
"""

import pytest

from benchmarks._osm_world import IMAGERY, MIDDLE, detections, judge, plant
from osm.compare import compare
from osm.options import DiffOptions
from osm.read import read_osm


def result(planted, extract, **how):
    """What `judge` says of a comparison, and how many detections there were."""
    frame = detections(planted, **how)
    found = compare(frame, extract, imagery=IMAGERY, options=DiffOptions())
    how.pop("wrong", None)
    return judge(planted, found.frame(), found.report, **how), len(frame)


@pytest.fixture(scope="module")
def middle(liechtenstein, tmp_path_factory):
    path = tmp_path_factory.mktemp("planted") / "middle.osm.pbf"
    planted = plant(liechtenstein, path, n_taken=200, window=MIDDLE)
    return planted, read_osm(path)


def test_taken_buildings_are_new_and_mapped_ones_are_not(middle):
    got, n = result(*middle, shift=(2.0, -1.5), field="shift")
    assert got["found"] >= 195
    assert got["new_wrong"] <= 0.001 * n
    assert (got["east"], got["north"]) == pytest.approx((2.0, -1.5), abs=0.2)


@pytest.mark.parametrize(
    ("shift", "field"), [((0.0, 0.0), "rotated"), ((5.0, 0.0), "wavy"), ((0.0, 8.0), "rotated")]
)
def test_shifts_in_an_uneven_field_with_a_third_wrong_leave_the_taken_ones_found(middle, shift, field):
    got, _ = result(*middle, shift=shift, field=field, wrong=0.3)
    assert got["found"] >= 0.95 * got["taken"]
    assert got["off_m"] <= 0.5
