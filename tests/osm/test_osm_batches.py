import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from groundplan.records import Imagery
from osm.batches import make_batches
from osm.changeset import changeset_tags
from osm.elements import Proposal, count_elements
from osm.options import DiffOptions


def proposal(name, lon, lat, *, holes=0, label="building"):
    shape = shapely.box(lon, lat, lon + 1e-3, lat + 1e-3, ccw=True)
    for k in range(holes):
        shape = shape.difference(
            shapely.box(lon + 1e-4 * (2 * k + 1), lat + 1e-4, lon + 1e-4 * (2 * k + 2), lat + 2e-4)
        )
    return Proposal(id=name, label=label, tags={"building": "yes"}, polygon=shape)


def sizes(proposals):
    return count_elements(np.array([each.polygon for each in proposals], dtype=object))


def batches_of(proposals, **options):
    """The ids in each batch."""
    bounds = shapely.bounds([each.polygon for each in proposals]).reshape(-1, 4)
    groups = make_batches(bounds, sizes(proposals), options=DiffOptions(**options))
    return [[proposals[index].id for index in group] for group in groups]


def test_elements_are_counted_as_the_server_counts_them():
    # Four nodes and a way; eight nodes, two ways and a relation; twelve, three and one.
    assert sizes([proposal("a", 9, 47, holes=k) for k in range(3)]).tolist() == [5, 11, 16]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 1000))
def test_batches_hold_everything_once_and_keep_every_limit(n, most, seed):
    rng = np.random.default_rng(seed)
    some = [proposal(f"p{k:04d}", lon, 47 + lat) for k, (lon, lat) in enumerate(rng.uniform(0, 0.2, (n, 2)))]
    named = {each.id: each for each in some}
    batches = batches_of(some, batch_features=most, batch_elements=100, batch_extent_m=8000.0)
    assert sorted(name for batch in batches for name in batch) == list(named)
    for batch in ([named[name] for name in names] for names in batches):
        bounds = shapely.bounds([each.polygon for each in batch])
        middle = (bounds[:, :2] + bounds[:, 2:]) / 2 * [111_320 * np.cos(np.radians(47.1)), 111_320]
        assert len(batch) <= most
        assert len(batch) == 1 or sizes(batch).sum() <= 100
        assert np.hypot(*np.ptp(middle, axis=0)) <= 8000 * 1.02


def test_neighbours_share_a_batch():
    towns = [proposal(f"t{town}-{k:02d}", 9 + 0.05 * town + 1e-3 * k, 47) for k in range(20) for town in range(3)]
    batches = batches_of(towns, batch_features=20)
    assert [{name[:2] for name in batch} for batch in batches] == [{"t0"}, {"t1"}, {"t2"}]


def test_few_half_empty_batches():
    rng = np.random.default_rng(4)
    some = [proposal(f"p{k:04d}", *xy) for k, xy in enumerate(rng.uniform(9, 9.01, (950, 2)))]
    assert len(batches_of(some)) <= 6


def test_nothing_gives_no_batches():
    assert make_batches(np.empty((0, 4)), np.empty(0, np.int64), options=DiffOptions()) == ()


def test_changeset_tags_say_what_from_where_and_under_which_licence():
    some = [proposal("a", 9, 47), proposal("b", 9, 47), proposal("c", 9, 47, label="tennis_court")]
    tags = changeset_tags(some, imagery=Imagery(id="demo", licence="CC0-1.0"))
    assert tags["comment"] == "Add 2 buildings and 1 tennis court seen on aerial imagery"
    assert (tags["source"], tags["source:license"], tags["bot"]) == ("demo", "CC0-1.0", "no")
    assert "import" not in tags
    planned = changeset_tags(
        some, imagery=Imagery(id="demo" * 100, licence="CC0-1.0"), plan_url="https://example.org"
    )
    assert (planned["import"], planned["url"]) == ("yes", "https://example.org")
    assert max(map(len, planned.values())) == pytest.approx(255)
