import csv
import json

import pytest
import shapely

from groundplan.errors import SchemaError
from osm.elements import Proposal
from osm.maproulette import Task, maproulette_text
from osm.maproulette_export import read_memory
from osm.memory import Decision
from tests.osm.deciding import append_decision

STATUSES = (
    "Created",
    "Fixed",
    "False_Positive",
    "Not_An_Issue",
    "Skipped",
    "Deleted",
    "Already_Fixed",
    "Too_Hard",
    "Can't_Complete",
    "Answered",
    "Disabled",
)
WANTED = {1: "done", 2: "rejected", 3: "rejected", 6: "done"}


def tasks(n):
    shapes = [shapely.box(9.5 + k * 1e-3, 47.1, 9.5003 + k * 1e-3, 47.1002) for k in range(n)]
    return [
        Task(
            proposal=Proposal(id=f"p-{k}", label="building", tags={"building": "yes"}, polygon=shape),
            status="new",
            reasons=("no_candidate",),
            notes=("a\u2028b",),
            score=0.9,
            osm=(),
        )
        for k, shape in enumerate(shapes)
    ]


def geojson_export(path, statuses):
    """The challenge as MapRoulette gives it back: our properties with its own beside them."""
    features = []
    for number, (line, status) in enumerate(
        zip(maproulette_text(tasks(len(statuses))).split("\n"), statuses, strict=False)
    ):
        feature = json.loads(line[1:])["features"][0]
        feature["properties"] |= {
            "mr_taskId": number,
            "mr_taskStatus": status,
            "mr_mappedOn": "2026-02-03T04:05:06Z",
            "mr_mapper": "Ann",
        }
        features.append(feature)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return path


def test_each_status_of_a_geojson_export_becomes_its_decision(tmp_path):
    got = read_memory(geojson_export(tmp_path / "challenge.geojson", STATUSES))
    assert {each.id: each.decision for each in got} == {f"p-{k}": word for k, word in WANTED.items()}
    assert {(each.label, each.who, each.when) for each in got} == {("building", "Ann", "2026-02-03T04:05:06Z")}
    assert got[0].polygon.equals(tasks(2)[1].proposal.polygon)


def test_statuses_may_be_the_numbers_of_the_api(tmp_path):
    got = read_memory(geojson_export(tmp_path / "challenge.json", range(10)))
    assert {each.id: each.decision for each in got} == {"p-1": "done", "p-2": "rejected", "p-5": "done"}


def test_a_csv_export_takes_its_outlines_from_the_challenge_beside_it(tmp_path):
    path = tmp_path / "challenge.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["TaskID", "TaskName", "TaskStatus", "MappedOn", "Mapper", "Comments"])
        for k, status in enumerate(STATUSES):
            writer.writerow([k, f"p-{k}", status, "2026-02-03", "Ann", "two\nlines, and a comma"])
    with pytest.raises(SchemaError, match=r"no maproulette\.geojsonl beside it"):
        read_memory(path)
    (tmp_path / "maproulette.geojsonl").write_text(maproulette_text(tasks(len(STATUSES))), encoding="utf-8")
    got = read_memory(path)
    assert {each.id: each.decision for each in got} == {f"p-{k}": word for k, word in WANTED.items()}
    assert got[0].polygon.equals(tasks(2)[1].proposal.polygon)
    (tmp_path / "maproulette.geojsonl").write_text(maproulette_text(tasks(2)), encoding="utf-8")
    with pytest.raises(SchemaError, match="'p-2' is not in"):
        read_memory(path)


def test_files_that_are_no_such_export_are_refused_in_one_line(tmp_path):
    foreign = {"type": "Feature", "properties": {"mr_taskStatus": "Fixed", "id": "x"}, "geometry": None}
    texts = {
        "a.geojson": "{",
        "b.geojson": "[]",
        "c.geojson": json.dumps({"features": [foreign]}),
        "d.geojson": json.dumps({"features": [{"properties": {"id": "x"}, "geometry": None}]}),
        "e.csv": "name,status\na,b\n",
        "f.geojson": '{"features": [null]}',
        "g.geojson": '{"features": [{"properties": "x", "geometry": null}]}',
        "h.geojson": '{"features": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "i.csv": "TaskName,TaskStatus\n" + "x" * 200_000 + ",Fixed\n",
    }
    (tmp_path / "maproulette.geojsonl").write_text(maproulette_text(tasks(1)), encoding="utf-8")
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(SchemaError) as caught:
            read_memory(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
    with pytest.raises(SchemaError, match="cannot read"):
        read_memory(tmp_path / "absent.geojson")


@pytest.mark.parametrize(
    "line",
    [
        '{"type": "FeatureCollection"}',
        '{"features": []}',
        "[]",
        '{"features": [null]}',
        '{"features": [{"id": ["p"], "properties": {}, "geometry": null}]}',
        '{"features": [{"id": "p", "properties": "x", "geometry": null}]}',
        "[" * 100_000 + "]" * 100_000,
    ],
)
def test_lines_that_are_no_tasks_are_named(tmp_path, line):
    (tmp_path / "challenge.csv").write_text("TaskName,TaskStatus\np,Fixed\n", encoding="utf-8")
    (tmp_path / "maproulette.geojsonl").write_text(f"\x1e{line}\n", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"maproulette\.geojsonl") as caught:
        read_memory(tmp_path / "challenge.csv")
    assert "\n" not in str(caught.value)


def test_other_files_are_decisions_of_a_review(tmp_path):
    path = tmp_path / "decisions.jsonl"
    shape = tasks(1)[0].proposal.polygon
    append_decision(path, Decision(id="p-0", label="building", polygon=shape, decision="rejected"))
    assert [each.decision for each in read_memory(path)] == ["rejected"]
