"""What is said of a detection must not depend on where the borders between cells run."""

import filecmp

import numpy as np
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal

from groundplan.vector import read_vector
from osm import apart, cells, compare, decided, ids, surroundings
from osm.cells import make_cells
from osm.diff import diff
from osm.memory import Decision
from osm.options import DiffOptions
from osm.read import read_osm
from tests.osm.deciding import append_decision

LABELS = ("building", "building", "building", "tennis_court", "soccer_field", "running_track")
FILES = ("changes.geojson", "maproulette.geojsonl", "diff_report.json")


@pytest.fixture(scope="module")
def crowd(new_world, make_box, make_features, tmp_path_factory):
    """Four hundred detections at random, many across each other, on a world with everything the table asks for."""
    rng = np.random.default_rng(3)
    world = new_world()

    def somewhere(count, *, most=24):
        for x, y in rng.uniform(0, 500, (count, 2)):
            yield make_box(x, y, *rng.uniform(6, most, 2), turn_deg=float(rng.choice([0, 20, 45])))

    # Halls wider than any cell, and courts in one row that share their corners.
    halls = [make_box(-10, 120, 900, 30), make_box(250, -10, 40, 600)]
    rows = [("tennis_court", make_box(550 + 18 * k, 100, 18, 36), 0.9) for k in range(9)]
    rows += [(str(rng.choice(LABELS)), shape, round(rng.uniform(0.2, 1), 2)) for shape in somewhere(400)]
    rows += [("building", make_box(20 * k, 125, 12, 12), 0.9) for k in range(40)]
    mapped = list(somewhere(120))
    mapped += [shapely.affinity.translate(shape, 0.5, 0.5) for _, shape, _ in rows[9:120]]
    # Blocks of three small houses beside long ones: the bounds of a cell reach over its border.
    corners = [(600 + 60 * (k % 5), 200 + 40 * (k // 5)) for k in range(25)]
    mapped += [make_box(x, y, 32, 12) for x, y in corners]
    rows += [("building", make_box(x + 11 * k, y + 1, 9, 10), 0.9) for x, y in corners for k in range(3)]
    rows += [("building", make_box(520, 190 + 40 * k, 400, 8), 0.9) for k in range(5)]
    for k, shape in enumerate([*halls, *mapped]):
        stamp = "2015-01-01T00:00:00Z" if k % 9 else "2023-01-01T00:00:00Z"
        tags = {"leisure": "pitch", "sport": str(rng.choice(["tennis", "soccer"]))} if k % 7 == 3 else None
        world.area(shape, tags or {"building": "yes"}, stamp)
    for shape in somewhere(6, most=60):
        world.area(shape, {"natural": "water"})
    for shape in somewhere(10):
        world.place(shape.centroid, {"building": "yes"})
        world.area(shape, {"demolished:building": "yes"})
    for x in (90, 310):
        points = [make_box(x + k, 100 * k, 1, 1).centroid for k in range(6)]
        world.line(shapely.LineString(points), {"highway": "residential"})
    folder = tmp_path_factory.mktemp("crowd")
    frame = make_features(rows)
    return world.write(folder / "crowd.osm.pbf"), frame.set_geometry(frame.geometry.translate(2.0, -1.5))


@pytest.fixture(scope="module")
def remembered(crowd, tmp_path_factory):
    path = tmp_path_factory.mktemp("memory") / "decisions.jsonl"
    frame = crowd[1].to_crs(4326)
    for row in frame.iloc[::13].itertuples():
        word = ("accepted", "rejected", "done")[row.Index % 3]
        append_decision(path, Decision(id=f"p-{row.Index}", label=row.label, polygon=row.geometry, decision=word))
    return path


@pytest.mark.parametrize("frame", ["osm", "imagery"])
def test_every_byte_is_the_same_whatever_the_cells(crowd, remembered, imagery, tmp_path, monkeypatch, frame):
    extract, features = crowd
    options = DiffOptions(proposal_frame=frame, batch_features=20, propose="new", offset_min_pairs=5)

    def run(name):
        return diff(features, extract, out=tmp_path / name, imagery=imagery, options=options, decisions=remembered)

    report = run("whole")
    # Else nothing was at stake.
    reasons = report["counts"]["reason"]
    for reason in (
        "matched_group:many_det_one_osm",
        "review:self_overlap",
        "new:no_candidate",
        "suppressed:memory",
    ):
        assert reasons.get(reason, 0) >= 5, reasons
    for module in (apart, compare, decided, ids, surroundings):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 17)
    for most in (150, 9):
        monkeypatch.setattr(cells, "CELL_FEATURES", most)
        assert run(str(most)) == report
        for name in FILES:
            assert filecmp.cmp(tmp_path / "whole" / name, tmp_path / str(most) / name, shallow=False), name
        # Row groups differ, values do not.
        one, other = (read_vector(tmp_path / each / "changes.parquet") for each in ("whole", str(most)))
        assert_geodataframe_equal(one, other, check_less_precise=False)
        ours, theirs = (sorted((tmp_path / each / "proposals").iterdir()) for each in ("whole", str(most)))
        assert [path.name for path in ours] == [path.name for path in theirs]
        assert all(filecmp.cmp(one, other, shallow=False) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("most", [200, 30, 7, 3])
def test_cells_hold_every_detection_once_and_know_who_shares_an_area_with_it(crowd, most):
    extract, features = crowd
    near = surroundings.surroundings(features, read_osm(extract))
    shapes = np.asarray(features.geometry.to_numpy(), dtype=object)
    found = list(make_cells(shapes, np.tile([2.0, -1.5], (len(shapes), 1)), near, most=most))
    assert np.sort(np.concatenate([cell.own for cell in found])).tolist() == list(range(len(shapes)))
    assert max(len(cell.own) for cell in found) <= most
    areas = near.geometry((near.rows["role"] == "area").to_numpy())
    det, area = shapely.STRtree(areas).query(shapely.transform(shapes, lambda xy: xy - (2.0, -1.5)), "intersects")
    for cell in found:
        known = np.union1d(cell.own, cell.beside)
        assert len(known) == len(cell.own) + len(cell.beside)
        assert np.isin(det[np.isin(area, area[np.isin(det, cell.own)])], known).all()


def test_no_detections_give_no_cells(crowd):
    extract, features = crowd
    near = surroundings.surroundings(features, read_osm(extract))
    assert list(make_cells(np.empty(0, dtype=object), np.empty((0, 2)), near)) == []
