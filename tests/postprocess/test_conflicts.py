"""One place, two labels: which stays, in any order and tiling."""

import itertools

import numpy as np
import pytest
import shapely

from postprocess.conflicts import giving_way
from postprocess.options import PolygonOptions
from postprocess.seams import merge_parts

OPTIONS = PolygonOptions()
PITCH = shapely.box(0, 0, 105, 68)


def kept(*objects):
    """Labels that stay, of (label, score, polygon); asserts that no order of the rows changes them."""
    answers = set()
    for rows in itertools.permutations(objects):
        geometry = np.empty(len(rows), dtype=object)
        geometry[:] = [row[2] for row in rows]
        label = np.array([row[0] for row in rows], dtype=object)
        gone = giving_way(geometry, label, np.array([row[1] for row in rows]), options=OPTIONS)
        answers.add(tuple(sorted(label[~gone])))
    assert len(answers) == 1
    return set(answers.pop())


@pytest.mark.parametrize(("score", "winner"), [(0.6, "soccer_field"), (0.9, "building")])
def test_a_building_that_is_the_pitch_is_a_duplicate_of_it(score, winner):
    assert kept(("soccer_field", 0.8, PITCH), ("building", score, shapely.box(2, 2, 100, 66))) == {winner}


def test_a_clubhouse_on_the_edge_of_a_pitch_stays():
    assert len(kept(("soccer_field", 0.9, PITCH), ("building", 0.6, shapely.box(90, 60, 110, 75)))) == 2


@pytest.mark.parametrize(("score", "stays"), [(0.6, {"soccer_field"}), (0.95, {"soccer_field", "building"})])
def test_a_doubtful_building_on_a_pitch_gives_way_but_never_the_pitch(score, stays):
    assert kept(("soccer_field", 0.8, PITCH), ("building", score, shapely.box(5, 5, 15, 40))) == stays


def test_a_building_inside_a_track_stays():
    track = shapely.box(-20, -15, 125, 83).buffer(2)
    assert len(kept(("running_track", 0.9, track), ("building", 0.5, shapely.box(5, 5, 15, 40)))) == 2


def test_a_pitch_inside_a_track_stays_whatever_the_scores():
    track = shapely.box(-20, -15, 125, 83).buffer(2)
    for label in ("soccer_field", "american_football_field"):
        assert len(kept(("running_track", 0.9, track), (label, 0.5, PITCH))) == 2


@pytest.mark.parametrize(("lower", "count"), [(0.85, 2), (0.7, 1)])
def test_lines_of_two_sports_on_one_ground_both_count_when_both_are_clear(lower, count):
    assert (
        len(kept(("soccer_field", 0.9, PITCH), ("american_football_field", lower, shapely.box(0, 6, 105, 58))))
        == count
    )
    tennis, basketball = shapely.box(0, 0, 36, 18), shapely.box(3, 1, 31, 17)
    assert len(kept(("tennis_court", 0.95, tennis), ("basketball_court", lower, basketball))) == count


def test_what_gave_way_takes_no_other_with_it():
    # The worst is in conflict with the middle one only, which the best removes.
    best, middle, worst = shapely.box(0, 0, 30, 20), shapely.box(8, 0, 38, 20), shapely.box(16, 0, 46, 20)
    assert kept(("tennis_court", 0.9, best), ("baseball_diamond", 0.8, middle), ("building", 0.7, worst)) == {
        "tennis_court",
        "building",
    }


@pytest.mark.parametrize("tile_px", [300, 512, 1000])
def test_any_tiling_keeps_the_same(painted, tile_px):
    pitch, shade = shapely.box(200, 300, 550, 520), shapely.box(210, 305, 540, 515)
    house = shapely.box(560, 300, 620, 350)
    where = {"tile_px": tile_px, "overlap_px": 64, "width": 1000, "height": 1000}
    parts = painted.parts([("soccer_field", pitch), ("building", shade), ("building", house)], **where)
    parts.loc[
        (parts["label"] == "building") & (parts.geometry.bounds["minx"] < painted.to_metres(house).bounds[0] - 1),
        "score",
    ] = 0.6
    assert sorted(merge_parts(parts)["label"]) == ["building", "soccer_field"]
