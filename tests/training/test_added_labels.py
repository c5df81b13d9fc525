"""The fields drawn by eye for this project: usable labels, without the imagery itself."""

import itertools
import json

import numpy as np
import pytest
import shapely

from groundplan.labels import FIELD_LABELS
from training.sources import AUTZEN_VAL_TO_PX, read_added, read_added_buildings

CHIP_PX = 256
MOST_BEYOND_PX = 8
LARGEST_M2 = {
    "tennis_court": 320,
    "basketball_court": 520,
    "baseball_diamond": 2600,
    "soccer_field": 11_000,
    "american_football_field": 5900,
    "running_track": 20_000,
}
"""A little above the largest of each kind, with its hole."""


@pytest.mark.parametrize(("collection", "gsd_m"), [("fields", 0.3048), ("naip", 0.6)])
def test_added_labels_are_polygons_of_plausible_size_inside_their_chips(collection, gsd_m):
    found = read_added(collection)
    assert found
    for name, instances in found.items():
        assert instances, name
        for each in instances:
            assert each.label in FIELD_LABELS, name
            points = np.vstack(each.rings)
            assert points.min() > -MOST_BEYOND_PX, name
            assert points.max() < CHIP_PX + MOST_BEYOND_PX, name
            shape = shapely.Polygon(each.rings[0], each.rings[1:])
            assert shape.is_valid, name
            if not each.ignore:
                assert 2 < shape.area * gsd_m**2 < LARGEST_M2[each.label], name


@pytest.mark.parametrize("collection", ["fields", "naip"])
def test_added_buildings_are_roofs_inside_their_chips_that_do_not_cover_each_other(collection):
    found = read_added_buildings(collection)
    assert sum(not instances for instances in found.values()) > 1, "no image says that it shows no building"
    for name, instances in found.items():
        roofs = []
        for each in instances:
            assert each.label == "building", name
            shape = shapely.Polygon(each.rings[0])
            assert shape.is_valid, name
            assert min(shape.bounds) >= 0.0, name
            assert max(shape.bounds) <= CHIP_PX, name
            assert shape.area >= 4.0, name
            if not each.ignore:
                roofs.append(shape)
        for one, other in itertools.combinations(roofs, 2):
            shared = one.intersection(other).area
            assert shared < 0.7 * min(one.area, other.area), name


def test_the_buildings_drawn_in_the_autzen_scene_lie_in_one_of_its_halves():
    roofs = []
    for each in read_added_buildings("autzen")["autzen"]:
        shape = shapely.Polygon(each.rings[0])
        left, top, right, bottom = shape.bounds
        assert shape.is_valid
        assert left >= 0.0 and top >= 0.0 and right <= 3248 and bottom <= 4385
        assert bottom <= AUTZEN_VAL_TO_PX or top >= AUTZEN_VAL_TO_PX, "trained on and measured with"
        roofs += [] if each.ignore else [shape]
    assert len(roofs) > 20
    for one, other in itertools.combinations(roofs, 2):
        assert one.intersection(other).area < 0.1 * min(one.area, other.area)


def test_what_may_be_a_building_is_ignored_and_an_image_without_any_is_named(tmp_path, monkeypatch):
    square = [[0, 0], [9, 0], [9, 9], [0, 9]]
    table = {"town": {"buildings": [square], "doubtful": [square]}, "wood": {}}
    (tmp_path / "naip_buildings.json").write_text(json.dumps(table))
    monkeypatch.setattr("training.sources.ADDED_LABELS", tmp_path)
    found = read_added_buildings("naip")
    assert [each.ignore for each in found["town"]] == [False, True]
    assert found["wood"] == []


def test_what_may_be_a_field_is_ignored(tmp_path, monkeypatch):
    square = [[[0, 0], [9, 0], [9, 9], [0, 9]]]
    table = {
        "one": {"fields": [{"label": "tennis_court", "rings": square}]},
        "two": {"doubtful": [{"label": "soccer_field", "rings": square, "note": "a lawn"}]},
    }
    (tmp_path / "naip.json").write_text(json.dumps(table))
    monkeypatch.setattr("training.sources.ADDED_LABELS", tmp_path)
    found = read_added("naip")
    assert [each.ignore for each in found["one"]] == [False]
    assert [each.ignore for each in found["two"]] == [True]
