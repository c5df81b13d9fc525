"""What a person accepted, in later runs: proposed again only while what is seen there is the same."""

import pytest
import shapely

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.shown import MAX_TEXT, shown_as
from groundplan.vector import read_vector
from osm.diff import diff
from osm.memory import Decision, decision_line
from osm.options import DiffOptions

CRS = "EPSG:32632"
OPTIONS = DiffOptions(offset="off")


@pytest.fixture
def run(world, imagery, make_features, make_box, tmp_path):
    """Compare rows of (label, polygon, score) with the world as it is, and return CHANGES."""
    world.area(make_box(300, 300, 12, 12), {"building": "yes"})

    def compare(rows, decisions=()):
        files = []
        for number, lines in enumerate(decisions):
            files.append(tmp_path / f"{number}.jsonl")
            files[-1].write_text("".join(map(decision_line, lines)))
        extract = world.write(tmp_path / "town.osm.pbf")
        diff(make_features(rows), extract, out=tmp_path / "out", imagery=imagery, options=OPTIONS, decisions=files)
        return read_vector(tmp_path / "out" / "changes.parquet").query("status != 'osm_only'")

    return compare


def decided(word, shape, *, name="p-old", shown=""):
    (polygon,) = transform_geometries([shape], source=CRS, target=LON_LAT)
    return Decision(id=name, label="building", polygon=polygon, decision=word, shown=shown)


def test_an_accepted_object_is_one_object(run, make_box):
    lower, upper = make_box(0, 0, 20, 14), make_box(0, 5, 20, 15)
    rows = [("building", lower, 0.9), ("building", upper, 0.8)]
    changes = run(rows, [[decided("accepted", make_box(0, 0, 20, 20))]])
    assert sorted(changes["review"]) == ["accepted", "pending"]
    (proposed,) = changes[changes["proposal"] != ""].itertuples()
    assert proposed.review == "accepted"


def test_of_two_accepted_outlines_on_one_ground_the_better_is_proposed(run, make_box):
    boxes = [make_box(0, 0, 20, 14), make_box(0, 10, 20, 14)]
    accepted = [decided("accepted", shape, name=f"p-{n}") for n, shape in enumerate(boxes)]
    changes = run([("building", boxes[0], 0.8), ("building", boxes[1], 0.9)], [accepted])
    (proposed,) = changes[changes["proposal"] != ""].itertuples()
    assert proposed.score == 0.9
    (other,) = changes[changes["proposal"] == ""].itertuples()
    assert (other.review, other.qa) == ("pending", ["accepted_before_look_again"])


def test_what_osm_has_got_since_makes_an_acceptance_lapse(run, world, make_box):
    house = make_box(0, 0, 20, 20)
    rows = [("building", house, 0.9)]
    (before,) = run(rows).itertuples()
    assert before.status == "new"
    seen = decided("accepted", house, shown=shown_as(before.reasons, []))
    (again,) = run(rows, [[seen]]).itertuples()
    assert again.proposal != ""

    way = world.area(make_box(14, 0, 20, 20), {"building": "house"})
    (since,) = run(rows, [[seen]]).itertuples()
    assert (since.status, since.reasons) == ("review", ["partial_overlap"])
    assert (since.review, since.proposal, since.qa) == ("pending", "", ["accepted_before_look_again"])

    knowing = decided("accepted", house, shown=shown_as(["partial_overlap"], [f"way/{way}"]))
    (known,) = run(rows, [[knowing]]).itertuples()
    assert (known.review, known.proposal != "", known.qa) == ("accepted", True, [])


def test_doubt_about_the_detection_itself_lets_an_acceptance_stand(run, make_box):
    house = make_box(0, 0, 20, 20)
    (change,) = run([("building", house, 0.01)], [[decided("accepted", house)]]).itertuples()
    assert (change.status, change.reasons, change.review) == ("review", ["low_score"], "accepted")
    assert change.proposal != ""


@pytest.mark.parametrize("word", ["accepted", "rejected"])
def test_a_decision_is_taken_back_under_another_id_and_in_another_file(run, make_box, word):
    house = make_box(0, 0, 20, 20)
    rows = [("building", house, 0.9)]
    back = decided("pending", shapely.affinity.translate(house, 0.3, 0.0), name="p-new")
    (change,) = run(rows, [[decided(word, house), back]]).itertuples()
    assert (change.status, change.review) == ("new", "pending")
    (change,) = run(rows, [[decided(word, house)], [back]]).itertuples()
    assert (change.status, change.review) == ("new", "pending")
    (change,) = run(rows, [[back], [decided(word, house)]]).itertuples()
    assert change.review == word


def test_what_is_shown_is_one_short_text_whatever_the_order():
    assert shown_as(["no_candidate"], []) == "no_candidate: "
    assert shown_as(["a"], ["way/2", "node/1"]) == shown_as(["a"], ["node/1", "way/2"])
    assert len(shown_as(["a"], [f"way/{n}" for n in range(1000)])) == MAX_TEXT
