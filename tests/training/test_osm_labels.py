"""OSM draws some things otherwise than the detector does: those are neither objects nor background."""

import geopandas as gpd
import pytest
import shapely

from groundplan.labels import FIELD_LABELS, LABELS
from training.osm_labels import osm_labels

EVERY = frozenset(LABELS)


def elements(*rows: tuple[str, str, dict[str, str], shapely.Geometry, int]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {
            "osm_type": ["way"] * len(rows),
            "osm_id": [row[4] for row in rows],
            "label": [row[1] for row in rows],
            "role": [row[0] for row in rows],
            "tags": [row[2] for row in rows],
        },
        geometry=[row[3] for row in rows],
        crs=32632,
    )


def learned(*rows: tuple[str, str, dict[str, str], shapely.Geometry, int]) -> list[tuple[str, bool]]:
    return [(each.label, not each.ignore) for each in osm_labels(elements(*rows), labels=EVERY)]


@pytest.mark.parametrize(
    ("label", "shape", "expected"),
    [
        ("building", shapely.box(0, 0, 12, 8), True),
        ("tennis_court", shapely.box(0, 0, 23.8, 11), True),
        ("tennis_court", shapely.box(0, 0, 36.6, 18.3), False),  # the fence
        ("tennis_court", shapely.box(0, 0, 36.6, 73), False),  # four courts in one
        ("baseball_diamond", shapely.Point(0, 0).buffer(90), False),  # the whole field
        ("baseball_diamond", shapely.box(0, 0, 34, 34), True),
        ("soccer_field", shapely.box(0, 0, 105, 68), True),
        ("running_track", shapely.Point(0, 0).buffer(50), False),  # with what it encloses
        ("running_track", shapely.Point(0, 0).buffer(50) - shapely.Point(0, 0).buffer(40), True),
    ],
)
def test_only_what_is_drawn_as_we_draw_it_is_learned(label: str, shape: shapely.Geometry, expected: bool) -> None:
    assert learned(("area", label, {}, shape, 1)) == [(label, expected)]


def test_a_pitch_of_two_sports_is_ignored_for_both() -> None:
    shape = shapely.box(0, 0, 105, 60)
    rows = (("area", "soccer_field", {}, shape, 7), ("area", "american_football_field", {}, shape, 7))
    assert learned(*rows) == [("soccer_field", False), ("american_football_field", False)]


def test_nodes_lines_and_lifecycle_tags_say_that_something_may_be_there() -> None:
    rows = (
        ("node", "building", {}, shapely.Point(0, 0), 1),
        ("line", "running_track", {}, shapely.LineString([(0, 0), (90, 0)]), 2),
        ("veto", "building", {}, shapely.box(0, 0, 9, 9), 3),
    )
    assert learned(*rows) == [("building", False), ("running_track", False), ("building", False)]


def test_a_pitch_without_a_sport_may_be_any_field_and_volleyball_is_none_of_ours() -> None:
    shape = shapely.box(0, 0, 30, 20)
    found = learned(("other_sport", "", {"leisure": "pitch"}, shape, 1))
    assert found == [(label, False) for label in FIELD_LABELS]
    assert learned(("other_sport", "", {"leisure": "pitch", "sport": "volleyball"}, shape, 1)) == []
    assert learned(("blocker", "", {"highway": "service"}, shapely.LineString([(0, 0), (1, 1)]), 1)) == []


def test_parts_of_a_multipolygon_are_objects_of_their_own() -> None:
    two = shapely.MultiPolygon([shapely.box(0, 0, 9, 9), shapely.box(20, 0, 29, 9)])
    assert learned(("area", "building", {}, two, 1)) == [("building", True)] * 2
