"""Parts of tiles become objects: whole at every seam, neighbours apart, whatever the tiling and order."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shapely import affinity

from groundplan.errors import CRSError, SchemaError
from groundplan.schema import FEATURES, PARTS, check_features, empty_frame
from postprocess.options import PolygonOptions
from postprocess.score import score_features
from postprocess.seams import merge_parts

SIZE = {"width": 1000, "height": 1000}
# No shrinking: an example takes half a second, and the tiling it names says enough.
FEW = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
TILINGS = st.tuples(st.integers(256, 1024), st.sampled_from([32, 48, 64, 96, 128]))


def scene(painted, angle_deg, offset):
    """Six abutting courts, a terrace, a running track and a building with a courtyard."""
    dx, dy = offset
    line = shapely.LineString([(650 + dx, 250 + dy), (800 + dx, 250 + dy)])
    ring = line.buffer(100, quad_segs=32).difference(line.buffer(70, quad_segs=32))
    block = shapely.box(600, 600, 900, 850).difference(shapely.box(670, 670, 830, 780))
    return [
        *(("tennis_court", p) for p in painted.court_row(6, 36.6, 14.6, angle_deg, (260 + dx, 250 + dy))),
        *(("building", p) for p in painted.court_row(12, 11, 7, 90 - angle_deg, (260 + dy, 740 + dx))),
        ("running_track", affinity.rotate(ring, angle_deg)),
        ("building", affinity.rotate(block, angle_deg)),
    ]


def ious(features, truth):
    ours, theirs = features.geometry.to_numpy()[:, None], truth.geometry.to_numpy()[None, :]
    shared = shapely.area(shapely.intersection(ours, theirs))
    return shared / (shapely.area(ours) + shapely.area(theirs) - shared)


def assert_each_once(features, truth, lowest=0.93):
    table = ious(features, truth)
    assert len(features) == len(truth)
    assert table.max(axis=0).min() >= lowest
    assert sorted(table.argmax(axis=0)) == list(range(len(truth)))
    return table.max(axis=0)


@FEW
@given(TILINGS, st.integers(0, 75), st.tuples(st.floats(-20, 20), st.floats(-20, 20)))
def test_every_painted_object_becomes_one_feature_for_any_tiling(painted, tiling, angle_deg, offset):
    objects = scene(painted, angle_deg, offset)
    parts = painted.parts(objects, tile_px=tiling[0], overlap_px=tiling[1], **SIZE)
    features = check_features(merge_parts(parts))
    assert_each_once(features, painted.truth(objects))
    # Against the pixels that were painted; seen in one tile, nothing is merged.
    whole = merge_parts(painted.parts(objects, tile_px=1000, overlap_px=0, **SIZE))
    assert np.median(assert_each_once(features, whole)) >= 0.99
    assert (features["cut"] == "").all()


@pytest.mark.parametrize("angle_deg", [0, 15, 30, 45, 60, 75])
def test_six_abutting_courts_stay_six(painted, angle_deg):
    objects = [("tennis_court", p) for p in painted.court_row(6, 36.6, 14.6, angle_deg, (501.3, 480.7))]
    for tile_px, overlap_px in ((256, 32), (512, 128), (256, 0), (512, 0)):
        parts = painted.parts(objects, tile_px=tile_px, overlap_px=overlap_px, **SIZE)
        assert np.median(assert_each_once(merge_parts(parts), painted.truth(objects))) >= 0.98


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_cut_parts_of_one_pitch_become_one_feature(painted, share):
    # Two tiles of 600 px share 128; the pitch, 350 px long, lies with `share` of its length in the seam.
    right = 600 + 350 * (0.5 - share / 2)
    pitch = shapely.box(right - 350, 200.2, right, 427.1)
    parts = painted.parts(
        [("soccer_field", pitch)], tile_px=600, overlap_px=round(350 * share), width=1000, height=600
    )
    features = merge_parts(parts)
    assert assert_each_once(features, painted.truth([("soccer_field", pitch)])).min() >= 0.98
    assert features["n_parts"][0] == 2


@settings(FEW, max_examples=6)
@given(TILINGS, st.integers(0, 89), st.integers(0, 10_000))
def test_jittered_network_grids_give_the_objects_that_were_still_seen(painted, tiling, angle_deg, seed):
    objects = scene(painted, angle_deg, (0, 0))
    noise = np.random.default_rng(seed)
    parts = painted.parts(objects, tile_px=tiling[0], overlap_px=tiling[1], noise=noise, dropped=0.05, **SIZE)
    features, truth = merge_parts(parts), painted.truth(objects)
    # An object none of whose views shows most of it cannot come back: what is left of it sets the bar.
    seen = []
    for label, true in zip(truth["label"], truth.geometry, strict=True):
        mine = parts.geometry[(parts["label"] == label) & (parts.intersection(true).area > 0.6 * parts.area)]
        view = shapely.union_all(mine.to_numpy())
        seen.append(view.intersection(true).area > 0.55 * view.union(true).area)
    table = ious(features, truth)
    found = table.max(axis=0) >= 0.5
    surplus = table.max(axis=1) < 0.5
    possible = np.array(seen)
    matched = int((found & possible).sum())
    wrong = int((surplus & possible[table.argmax(axis=1)]).sum())
    assert 2 * matched / (matched + wrong + int(possible.sum())) >= 0.98


def test_without_misses_jitter_loses_and_glues_nothing(painted):
    objects = scene(painted, 35, (3, 7))
    for tile_px, overlap_px in ((256, 32), (512, 128)):
        parts = painted.parts(
            objects, tile_px=tile_px, overlap_px=overlap_px, noise=np.random.default_rng(5), **SIZE
        )
        assert score_features(merge_parts(parts), painted.truth(objects))["all"]["f1"] == 1.0


def test_the_order_of_the_parts_does_not_matter(painted):
    objects = scene(painted, 20, (5, -5))
    parts = painted.parts(objects, tile_px=300, overlap_px=48, noise=np.random.default_rng(2), **SIZE)
    expected = merge_parts(parts)
    for seed in range(3):
        shuffled = parts.sample(frac=1, random_state=seed, ignore_index=True)
        again = merge_parts(shuffled)
        assert again.drop(columns="geometry").equals(expected.drop(columns="geometry"))
        assert list(again.geometry.to_wkb()) == list(expected.geometry.to_wkb())


def part(label, score, box, tile, crs="EPSG:32632"):
    """One row of PARTS from boxes in metres."""
    names = ("tile_left", "tile_bottom", "tile_right", "tile_top")
    row = {
        "label": label,
        "score": score,
        **dict(zip(names, map(float, tile), strict=True)),
        "geometry": shapely.box(*box),
    }
    return row | {"crs": crs}


def frame(*rows):
    crs = rows[0]["crs"]
    return gpd.GeoDataFrame([{k: v for k, v in row.items() if k != "crs"} for row in rows], crs=crs)


WEST, EAST = (0, 0, 100, 100), (80, 0, 180, 100)


def test_of_two_whole_views_the_more_central_is_kept():
    features = merge_parts(
        frame(part("building", 0.9, (82, 40, 98, 60), WEST), part("building", 0.6, (82.2, 40, 98, 60), EAST))
    )
    # 2.0 m from the west tile's border, 2.2 m from the east tile's.
    assert features.geometry[0].bounds == (82.2, 40, 98, 60)
    assert list(features["score"]) == [0.9]
    assert list(features["n_parts"]) == [1]


def test_a_whole_view_replaces_a_cut_one():
    features = merge_parts(
        frame(part("building", 0.9, (85, 40, 100, 60), WEST), part("building", 0.6, (85, 40, 105, 60), EAST))
    )
    assert features.geometry[0].bounds == (85, 40, 105, 60)


def test_a_view_that_seems_whole_but_lacks_what_the_other_shows_is_joined_to_it():
    features = merge_parts(
        frame(part("building", 0.9, (70, 40, 98, 60), WEST), part("building", 0.6, (80, 40, 150, 60), EAST))
    )
    assert len(features) == 1
    assert features.geometry[0].bounds == (70, 40, 150, 60)


def test_two_houses_that_one_tile_saw_as_one_stay_two():
    glued = part("building", 0.5, (82, 40, 100, 60), WEST)
    one, two = part("building", 0.9, (82, 40, 91, 60), EAST), part("building", 0.9, (91.2, 40, 104, 60), EAST)
    features = merge_parts(frame(glued, one, two))
    assert sorted(g.bounds[0] for g in features.geometry) == [82, 91.2]


def test_a_sliver_at_a_border_vanishes():
    features = merge_parts(
        frame(part("building", 0.9, (60, 40, 80.5, 60), WEST), part("building", 0.6, (80, 40, 80.6, 62), EAST))
    )
    assert features.geometry[0].bounds == (60, 40, 80.5, 60)


def test_of_two_detections_of_one_thing_in_one_tile_the_better_scored_is_kept():
    features = merge_parts(
        frame(part("building", 0.6, (20, 20, 40, 40), WEST), part("building", 0.7, (21, 20, 40, 40), WEST))
    )
    assert list(features["score"]) == [0.7]


def test_what_two_better_ones_cover_counts_once():
    one, other = (20, 20, 30, 30), (23.5, 20, 33.5, 30)
    rows = [part("building", 0.9, one, WEST), part("building", 0.8, other, WEST)]
    # 60 % of it lie under both of them, and nothing of the rest under either.
    third = part("building", 0.7, (23.5, 24, 30, 34), WEST)
    assert sorted(merge_parts(frame(*rows, third))["score"]) == [0.7, 0.8, 0.9]
    # Two halves cover all of this one.
    halves = [part("building", 0.9, (20, 20, 29, 40), WEST), part("building", 0.8, (29, 20, 38, 40), WEST)]
    over = part("building", 0.7, (20, 22, 38, 39), WEST)
    assert sorted(merge_parts(frame(*halves, over))["score"]) == [0.8, 0.9]


def test_different_labels_are_never_merged():
    features = merge_parts(
        frame(part("building", 0.9, (70, 40, 100, 60), WEST), part("tennis_court", 0.6, (80, 40, 120, 60), EAST))
    )
    assert sorted(features["label"]) == ["building", "tennis_court"]


def test_small_objects_are_dropped_after_merging_not_before():
    tiny = PolygonOptions(min_area_m2={"building": 600.0})
    halves = frame(part("building", 0.9, (80, 40, 100, 60), WEST), part("building", 0.6, (80, 40, 112, 60), EAST))
    assert list(merge_parts(halves, options=tiny)["area_m2"]) == [640.0]
    assert len(merge_parts(halves[:1], options=tiny)) == 0


def test_sides_where_the_imagery_ended_are_recorded_and_inner_borders_not():
    rows = frame(
        part("building", 0.9, (0, 40, 40, 100), WEST),
        part("building", 0.9, (70, 0, 100, 20), WEST),
        part("building", 0.9, (80, 0, 120, 20), EAST),
    )
    features = merge_parts(rows).sort_values("area_m2")
    assert list(features["cut"]) == ["s", "nw"]


def test_a_tile_without_detections_counts_as_seen_when_it_is_named():
    lone = frame(part("building", 0.9, (60, 40, 100, 60), WEST))
    assert list(merge_parts(lone)["cut"]) == ["e"]
    assert list(merge_parts(lone, tiles=np.array([WEST, EAST], dtype=float))["cut"]) == [""]


def test_no_parts_give_an_empty_frame():
    features = merge_parts(empty_frame(PARTS, crs="EPSG:32632"))
    assert len(features) == 0
    assert list(features.columns) == [*FEATURES, "geometry"]


def test_frames_that_are_no_parts_are_refused():
    with pytest.raises(SchemaError, match="tile_left"):
        merge_parts(frame(part("building", 0.9, (0, 0, 9, 9), WEST)).drop(columns="tile_left"))
    with pytest.raises(CRSError, match="metres"):
        merge_parts(frame(part("building", 0.9, (0, 0, 9, 9), WEST, crs="EPSG:4326")))
