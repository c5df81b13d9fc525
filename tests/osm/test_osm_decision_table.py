"""One planted case for every row of the decision table, all in one world and one run."""

import pytest
import shapely

from osm.compare import compare
from osm.options import DiffOptions
from osm.read import read_osm

TENNIS = {"leisure": "pitch", "sport": "tennis"}
SOCCER = {"leisure": "pitch", "sport": "soccer"}
HOUSE = {"building": "yes"}


def track_ring(x, y, box, *, width=10.0):
    """A ring of a running track 100 x 60 m, 10 m wide."""
    outer = box(x, y, 100, 60).buffer(10)
    return outer.difference(outer.buffer(-width))


def across(x, y, box):
    """A line from west to east, ten metres north of (x, y)."""
    ends = (box(x - 50, y + 10, 1, 1), box(x + 90, y + 10, 1, 1))
    return shapely.LineString([end.centroid.coords[0] for end in ends])


def cases(world, box):
    """Yield (name, detections, expected): each at its own place, 400 m apart."""
    sites = iter((400.0 * (k % 8), 400.0 * (k // 8)) for k in range(80))

    x, y = next(sites)
    world.area(box(x, y, 20, 20), {"demolished:building": "yes"})
    yield "2 gone", [("building", box(x + 5, y, 20, 20))], [("suppressed", "lifecycle")]
    x, y = next(sites)
    world.place(box(x + 5, y + 5, 2, 2).centroid, {"razed:building": "house"})
    yield "2 gone, a node", [("building", box(x, y, 20, 20))], [("suppressed", "lifecycle")]
    x, y = next(sites)
    world.area(box(x, y, 36, 18), {"disused:leisure": "pitch", "sport": "tennis"})
    yield "2 idle", [("tennis_court", box(x + 1, y, 35, 18))], [("review", "lifecycle")]
    x, y = next(sites)
    world.area(box(x, y, 36, 18), {"disused:leisure": "pitch", "sport": "soccer"})
    yield "2 idle, another sport", [("tennis_court", box(x, y, 36, 18))], [("new", "no_candidate")]
    x, y = next(sites)
    world.area(box(x, y, 15, 12), HOUSE)
    world.area(box(x + 15.3, y, 15, 12), HOUSE)
    yield "3", [("building", box(x, y, 30.3, 12))], [("matched_group", "one_det_many_osm")]
    x, y = next(sites)
    world.area(box(x, y, 75, 37), TENNIS)
    courts = [("tennis_court", box(x + 3 + 18 * k, y + 5, 11, 24)) for k in range(4)]
    yield "4", courts, [("matched_group", "many_det_one_osm")] * 4
    x, y = next(sites)
    world.area(box(x, y, 20, 12), {"building": "house"})
    yield "5 iou", [("building", box(x + 1, y + 1, 20, 12))], [("matched", "iou")]
    x, y = next(sites)
    yard = box(x, y, 40, 40).difference(box(x + 10, y + 10, 20, 20))
    world.area(yard, HOUSE)
    yield "5 iou, a multipolygon", [("building", yard)], [("matched", "iou")]
    x, y = next(sites)
    world.area(box(x, y, 36.6, 18.3), TENNIS)
    yield "5 lines inside the fence", [("tennis_court", box(x + 6, y + 4, 23.8, 11))], [("matched", "containment")]
    x, y = next(sites)
    world.area(box(x, y, 60, 40), HOUSE)
    yield "5 a wing", [("building", box(x, y, 20, 20))], [("matched_group", "containment")]
    x, y = next(sites)
    world.area(box(x, y, 110, 110), {"leisure": "pitch", "sport": "softball"})
    yield "5 infield", [("baseball_diamond", box(x + 5, y + 5, 28, 28))], [("matched", "containment")]
    x, y = next(sites)
    world.place(box(x - 4, y + 5, 1, 1).centroid, HOUSE)
    yield "6 building", [("building", box(x, y, 20, 20))], [("review", "poi_node")]
    x, y = next(sites)
    world.place(box(x + 5, y + 5, 1, 1).centroid, TENNIS)
    yield "6 pitch", [("tennis_court", box(x, y, 24, 11))], [("review", "poi_node")]
    x, y = next(sites)
    world.line(box(x, y, 100, 60).buffer(5).exterior, {"leisure": "track", "sport": "athletics"})
    yield "7 centre line", [("running_track", track_ring(x, y, box))], [("matched", "line")]
    x, y = next(sites)
    world.line(box(x, y, 100, 60).buffer(11).exterior, {"leisure": "track", "sport": "running"})
    yield "7 a line just outside", [("running_track", track_ring(x, y, box))], [("matched", "line")]
    x, y = next(sites)
    half = shapely.LineString(box(x, y, 100, 60).buffer(5).exterior.coords[:-20])
    world.line(half, {"leisure": "track"})
    yield "7 an open line without a sport", [("running_track", track_ring(x, y, box))], [("matched", "line")]
    x, y = next(sites)
    world.area(box(x, y, 100, 60).buffer(9), {"leisure": "track", "sport": "running", "area": "yes"})
    outline = box(x, y, 100, 60).buffer(10)
    yield "5 a filled track", [("running_track", outline)], [("matched", "iou")]
    x, y = next(sites)
    world.area(box(x, y, 36, 18), {"leisure": "pitch"})
    yield "8 no sport", [("tennis_court", box(x, y, 36, 18))], [("review", "class_conflict")]
    x, y = next(sites)
    world.area(box(x, y, 36, 18), {"leisure": "pitch", "sport": "padel"})
    yield "8 other sport", [("tennis_court", box(x, y, 36, 18))], [("review", "class_conflict")]
    x, y = next(sites)
    world.area(box(x, y, 36, 18), {"leisure": "pitch", "sport": "soccer"})
    yield "8 another family", [("basketball_court", box(x, y, 28, 15))], [("review", "class_conflict")]
    x, y = next(sites)
    world.place(box(x + 5, y + 5, 2, 2).centroid, {"leisure": "pitch", "sport": "soccer"})
    yield "8 a node of another sport", [("tennis_court", box(x, y, 36, 18))], [("review", "class_conflict")]
    x, y = next(sites)
    world.area(box(x, y, 100, 60), {"leisure": "pitch", "sport": "football"})
    yield "5 football", [("soccer_field", box(x, y, 100, 60))], [("matched", "iou")]
    x, y = next(sites)
    world.area(box(x, y, 100, 50), {"leisure": "pitch", "sport": "american_football;soccer"})
    football = [("american_football_field", box(x, y, 100, 50))]
    yield "5 two sports", football, [("matched", "iou")]
    x, y = next(sites)
    world.area(box(x, y, 100, 60).buffer(10), {"leisure": "track", "sport": "athletics", "area": "yes"})
    yield "17 a pitch in a track", [("soccer_field", box(x + 5, y + 5, 90, 50))], [("new", "no_candidate")]
    x, y = next(sites)
    world.area(box(x, y, 20, 20), {"building:part": "yes"})
    yield "8 a building part", [("building", box(x, y, 20, 20))], [("review", "class_conflict")]
    x, y = next(sites)
    world.area(box(x, y, 20, 20), HOUSE)
    yield "9", [("building", box(x + 14, y + 1, 20, 20))], [("review", "partial_overlap")]
    x, y = next(sites)
    world.area(box(x, y, 20, 20), HOUSE)
    yield "10 kept", [("building", box(x + 19.9, y, 20, 20))], [("new", "no_candidate")]
    x, y = next(sites)
    world.area(box(x, y, 20, 20), HOUSE)
    yield "10 a gap", [("building", box(x + 20.3, y, 20, 20))], [("new", "no_candidate")]
    x, y = next(sites)
    world.area(box(x - 30, y, 80, 20).difference(box(x, y + 5, 20, 15)), HOUSE)
    yield "10 spoilt", [("building", box(x + 0.02, y + 5.02, 1.5, 14.9))], [("review", "touching")]
    x, y = next(sites)
    world.area(box(x, y, 60, 40), HOUSE)
    yield "11 a roof", [("tennis_court", box(x + 10, y + 10, 24, 11))], [("review", "implausible_context")]
    x, y = next(sites)
    world.area(box(x, y, 100, 60), SOCCER)
    yield "11 on a pitch", [("building", box(x + 10, y + 10, 10, 10))], [("review", "implausible_context")]
    x, y = next(sites)
    world.area(box(x, y, 120, 80).buffer(10), {"leisure": "track", "sport": "athletics", "area": "yes"})
    yield "11 on a track", [("building", box(x + 40, y + 40, 10, 10))], [("review", "implausible_context")]
    x, y = next(sites)
    world.area(box(x, y, 100, 60), {"natural": "water"})
    yield "11 in water", [("building", box(x + 10, y + 10, 10, 10))], [("review", "implausible_context")]
    x, y = next(sites)
    road = across(x, y, box)
    world.line(road, {"highway": "residential"})
    yield "12", [("building", box(x, y, 20, 20))], [("review", "crosses_line")]
    x, y = next(sites)
    road = across(x, y, box)
    world.line(road, {"highway": "primary", "tunnel": "yes", "layer": "-1"})
    world.line(road, {"highway": "footway"})
    yield "12 tunnel, footway", [("building", box(x, y, 20, 20))], [("new", "no_candidate")]
    x, y = next(sites)
    yield "outline", [("baseball_diamond", box(x, y, 32, 32))], [("review", "outline_needed")]
    x, y = next(sites)
    yield "13 tiny", [("building", box(x, y, 3, 3))], [("review", "size_shape")]
    x, y = next(sites)
    yield "13 huge court", [("tennis_court", box(x, y, 60, 40))], [("review", "size_shape")]
    x, y = next(sites)
    ell = box(x, y, 40, 40).difference(box(x + 10, y + 10, 30, 30))
    yield "13 ragged court", [("tennis_court", ell)], [("review", "size_shape")]
    x, y = next(sites)
    world.area(box(x, y, 60, 40), SOCCER, "2022-03-01T00:00:00Z")
    newer = [("tennis_court", box(x + 59.5, y, 36, 18))]
    yield "14", newer, [("review", "osm_newer")]
    x, y = next(sites)
    world.area(box(x, y, 60, 40), SOCCER)
    yield "14a another sport, in part", [("tennis_court", box(x + 52, y, 36, 18))], [("review", "class_conflict")]
    x, y = next(sites)
    world.area(box(x, y, 20, 20), {"building:part": "yes"})
    yield "14a a part, in part", [("building", box(x + 16, y, 20, 20))], [("review", "class_conflict")]
    x, y = next(sites)
    world.area(box(x + 12, y + 6, 5, 5), HOUSE)
    yield "14b over a hut", [("tennis_court", box(x, y, 36, 18))], [("review", "implausible_context")]
    x, y = next(sites)
    world.area(box(x, y, 60, 40), SOCCER)
    yield "14b half on a pitch", [("building", box(x + 52, y, 20, 20))], [("review", "implausible_context")]
    x, y = next(sites)
    world.area(box(x, y, 10, 5), {"leisure": "swimming_pool"})
    yield "14b over a pool", [("building", box(x - 5, y - 8, 20, 20))], [("review", "implausible_context")]
    x, y = next(sites)
    hut = shapely.LineString(box(x + 5, y + 5, 6, 6).exterior.coords[:-1])
    world.line(hut, HOUSE)
    yield "14b over a broken hut", [("tennis_court", box(x, y, 36, 18))], [("review", "implausible_context")]
    x, y = next(sites)
    world.area(box(x + 8, y - 2, 84, 64), SOCCER)
    yield "17 a track around a pitch", [("running_track", track_ring(x, y, box))], [("new", "no_candidate")]
    x, y = next(sites)
    doubles = [("building", box(x, y, 20, 20), 0.95), ("building", box(x + 3, y, 20, 20), 0.8)]
    yield "15 doubles", doubles, [("new", "no_candidate"), ("review", "self_overlap")]
    x, y = next(sites)
    rivals = [("building", box(x, y, 20, 20), 0.6), ("tennis_court", box(x + 10, y, 36, 18), 0.9)]
    yield "15 rivals", rivals, [("review", "self_overlap"), ("new", "no_candidate")]
    x, y = next(sites)
    ring = ("running_track", track_ring(x, y, box), 0.9)
    stand = box(x + 30, y - 9, 20, 8)
    yield (
        "15 a stand on a track",
        [ring, ("building", stand, 0.8)],
        [
            ("new", "no_candidate"),
            ("review", "self_overlap"),
        ],
    )
    x, y = next(sites)
    weak = [("building", box(x, y, 20, 20), 0.3), ("building", box(x + 2, y, 20, 20), 0.2)]
    yield "16", weak, [("review", "low_score")] * 2
    for label, size in (
        ("building", (12, 9)),
        ("tennis_court", (24, 11)),
        ("basketball_court", (28, 15)),
        ("soccer_field", (100, 60)),
        ("american_football_field", (110, 49)),
    ):
        x, y = next(sites)
        yield f"17 {label}", [(label, box(x, y, *size, turn_deg=30))], [("new", "no_candidate")]
    x, y = next(sites)
    yield "17 track", [("running_track", track_ring(x, y, box))], [("new", "no_candidate")]


@pytest.fixture(scope="module")
def decided(new_world, make_box, make_features, imagery, tmp_path_factory):
    world = new_world()
    named = list(cases(world, make_box))
    rows = [row for _, detections, _ in named for row in detections]
    frame = make_features(rows)
    # Names travel as feature_id, so that the outcome is found again.
    frame["feature_id"] = [f"{name}#{k}" for name, dets, _ in named for k in range(len(dets))]
    extract = read_osm(world.write(tmp_path_factory.mktemp("table") / "world.osm.pbf"))
    found = compare(frame, extract, imagery=imagery, options=DiffOptions(offset="off"))
    return named, found.frame(), found.report


def test_every_row_of_the_table_gives_its_status_and_reason(decided):
    named, changes, _ = decided
    got = {row.feature_id: (row.status, row.reasons[0]) for row in changes.itertuples() if row.feature_id}
    wanted = {f"{name}#{k}": each for name, _, expected in named for k, each in enumerate(expected)}
    assert got == wanted


def test_groups_name_every_element_and_tell_the_mapper(decided):
    _, changes, _ = decided
    by_name = changes.set_index("feature_id")
    assert len(by_name.loc["3#0", "osm"]) == 2
    assert by_name.loc["4#2", "qa"] == ["one_element_holds_several_capacity_or_split"]
    assert by_name.loc["5 football#0", "qa"] == ["osm_sport_football_ambiguous"]


OF_ITS_OWN = {"no_candidate", "outline_needed", "size_shape", "self_overlap", "low_score"}
"""Reasons that lie in the detection itself, or in other detections."""


def test_whatever_speaks_in_a_decision_is_named(decided):
    _, changes, _ = decided
    silent = changes[[not osm for osm in changes["osm"]]]
    assert {reasons[0] for reasons in silent["reasons"]} <= OF_ITS_OWN
    spoken = changes[[reasons[0] not in OF_ITS_OWN for reasons in changes["reasons"]]]
    assert len(spoken) > 40 and all(len(osm) >= 1 for osm in spoken["osm"])
    by_name = changes.set_index("feature_id")
    assert [each["type"] for each in by_name.loc["2 gone, a node#0", "osm"]] == ["node"]
    assert [each["type"] for each in by_name.loc["8 a node of another sport#0", "osm"]] == ["node"]


def test_what_is_out_of_use_comes_with_an_outline_that_osm_can_hold(decided):
    _, changes, _ = decided
    idle = changes.set_index("feature_id").loc["2 idle#0"]
    assert idle["qa"] == [] and idle["status"] == "review"


def test_touching_buildings_are_new_with_a_note_and_a_gap(decided):
    _, changes, _ = decided
    by_name = changes.set_index("feature_id")
    assert by_name.loc["10 kept#0", "qa"] == ["touching", "cut_clear_of_neighbour"]
    assert by_name.loc["10 a gap#0", "qa"] == ["touching"]
    assert by_name.loc["10 kept#0", "area_m2"] == pytest.approx(396, abs=1.0)


def test_only_open_rows_propose_tags_and_wait_for_a_person(decided):
    _, changes, _ = decided
    is_open = changes["status"].isin(("new", "review"))
    assert all(changes["tags"][is_open].map(bool))
    assert not any(changes["tags"][~is_open].map(bool))
    assert set(changes["review"][is_open]) == {"pending"}
    assert set(changes["review"][~is_open]) == {"none"}


def test_mapped_objects_that_nobody_detected_are_information_only(decided):
    _, changes, report = decided
    missed = changes[changes["status"] == "osm_only"]
    assert report["counts"]["status"]["osm_only"] == len(missed) > 0
    assert set(missed["review"]) == {"none"}
    assert all(len(osm) == 1 for osm in missed["osm"])
