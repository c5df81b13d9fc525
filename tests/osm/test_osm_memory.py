import datetime as dt

import numpy as np
import pytest
import shapely

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import SchemaError
from osm.ids import change_ids
from osm.memory import Decision, read_decisions, recall, remember, still_valid
from osm.options import DiffOptions
from tests.osm.deciding import append_decision

CRS = "EPSG:32632"


def square(x=0.0, side=20.0):
    return shapely.box(540_000 + x, 5_223_000, 540_000 + x + side, 5_223_000 + side)


def lon_lat(shape):
    return transform_geometries([shape], source=CRS, target=LON_LAT)[0]


def decided(word, shape, *, change_id="p-1", label="building"):
    return Decision(id=change_id, label=label, polygon=lon_lat(shape), decision=word)


def ask(decisions, shape, *, change_id="p-9", label="building"):
    words, _ = recall(
        remember(decisions, crs=CRS),
        ids=np.array([change_id], dtype=object),
        labels=np.array([label], dtype=object),
        polygons=np.array([shape], dtype=object),
    )
    return words[0]


def test_what_is_appended_is_read_back(tmp_path):
    path = tmp_path / "review" / "decisions.jsonl"
    one = Decision(
        id="p-1", label="building", polygon=lon_lat(square()), decision="rejected", reason="a tree \u2028"
    )
    append_decision(path, one)
    append_decision(path, decided("accepted", square(100), change_id="p-2"))
    back = read_decisions(path)
    assert [(each.id, each.decision, each.reason) for each in back] == [
        ("p-1", "rejected", "a tree \u2028"),
        ("p-2", "accepted", ""),
    ]
    assert back[0].polygon.equals_exact(one.polygon, 1e-7)


def test_a_rejected_object_stays_rejected_when_another_model_draws_it_a_little_differently():
    decisions = (decided("rejected", square()),)
    assert ask(decisions, square(3)) == "rejected"
    assert ask(decisions, square(15)) == ""
    assert ask(decisions, square(3), label="tennis_court") == ""


def test_the_same_id_counts_only_where_the_two_overlap():
    decisions = (decided("rejected", square()),)
    assert ask(decisions, square(15), change_id="p-1") == "rejected"
    assert ask(decisions, square(300), change_id="p-1") == ""


def test_the_latest_decision_counts_and_undo_takes_it_back(tmp_path):
    path = tmp_path / "decisions.jsonl"
    for word in ("rejected", "accepted"):
        append_decision(path, decided(word, square()))
    assert [each.decision for each in read_decisions(path)] == ["accepted"]
    append_decision(path, decided("pending", square()))
    assert ask(read_decisions(path), square()) == ""
    assert ask(
        (decided("rejected", square(), change_id="a"), decided("accepted", square(), change_id="b")), square()
    ) == ("accepted")


def test_a_line_cut_off_at_the_end_is_left_out_and_a_broken_one_is_named(tmp_path):
    path = tmp_path / "decisions.jsonl"
    append_decision(path, decided("rejected", square()))
    whole = path.read_text()
    path.write_text(whole + whole[: len(whole) // 2])
    assert len(read_decisions(path)) == 1
    path.write_text(whole + '{"id": "p-2"}\n' + whole)
    with pytest.raises(SchemaError, match="line 2 is no decision"):
        read_decisions(path)


def test_unknown_words_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "decisions.jsonl"
    append_decision(path, decided("rejected", square()))
    path.write_text(path.read_text().replace("rejected", "perhaps"))
    with pytest.raises(SchemaError, match="perhaps"):
        read_decisions(path)
    with pytest.raises(SchemaError, match="cannot read decisions"):
        read_decisions(tmp_path / "absent.jsonl")


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "p", "label": "building", "decision": "accepted", "polygon": null}',
        "[" * 100_000 + "]" * 100_000,
        "null",
    ],
)
def test_lines_of_strangers_get_one_clear_line(tmp_path, line):
    (tmp_path / "decisions.jsonl").write_text(line + "\n")
    with pytest.raises(SchemaError, match=r"line 1 is no decision.*remove it") as caught:
        read_decisions(tmp_path / "decisions.jsonl")
    assert "\n" not in str(caught.value)


def test_nothing_decided_is_nothing_remembered():
    assert ask((), square()) == ""


def test_ids_stay_when_an_object_is_drawn_a_little_differently_and_differ_by_label_and_imagery():
    shapes = np.array([lon_lat(square())], dtype=object)
    # The grid's cell around this very centroid decides, so the move is taken towards the cell's middle.
    near = [np.array([lon_lat(square(dx))], dtype=object) for dx in (-0.5, 0.5)]
    one = change_ids(["building"], shapes, imagery_id="a")
    assert one[0] in {change_ids(["building"], each, imagery_id="a")[0] for each in near}
    assert change_ids(["tennis_court"], shapes, imagery_id="a") != one
    assert change_ids(["building"], shapes, imagery_id="b") != one


def test_objects_that_share_a_cell_get_ids_that_do_not_depend_on_their_order():
    shapes = np.array([lon_lat(square(0, 2 + k)) for k in range(3)], dtype=object)
    forth = change_ids(["building"] * 3, shapes, imagery_id="")
    back = change_ids(["building"] * 3, shapes[::-1], imagery_id="")
    assert len(set(forth)) == 3
    assert forth == back[::-1]


def test_rejections_expire_on_newer_imagery_only_when_asked():
    def rejected(**when):
        return Decision(id="p", label="building", polygon=lon_lat(square()), decision="rejected", **when)

    one, unknown = rejected(imagery_date="2020-05-01", when="2026-01-01T00:00:00Z"), rejected()
    by_day = rejected(when="2021-05-01T10:00:00Z")
    done = decided("done", square())
    everything = (one, unknown, by_day, done)
    expire = DiffOptions(rejections="expire")
    newer = dt.date(2022, 1, 1)
    assert still_valid(everything, imagery_date=newer, options=DiffOptions()) == everything
    assert still_valid(everything, imagery_date=newer, options=expire) == (unknown, done)
    assert still_valid(everything, imagery_date=dt.date(2020, 5, 1), options=expire) == everything
    assert still_valid(everything, imagery_date=dt.date(2021, 5, 1), options=expire) == (unknown, by_day, done)
    assert still_valid(everything, imagery_date=None, options=expire) == everything
