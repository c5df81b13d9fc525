"""History files: what somebody deleted is known, and the present state is read as from any extract."""

import osmium
import pytest
import shapely

from osm.diff import diff
from osm.read import read_osm


def lines(x, *, first):
    """Four nodes of a square of about 20 m, x squares east of the first."""
    at = [(0, 0), (0, 1), (1, 1), (1, 0)]
    return [
        f"n{first + k} v1 dV t2012-01-01T00:00:00Z x{9.5 + x * 1e-3 + i * 2.7e-4:.7f} y{47.1 + j * 1.8e-4:.7f}"
        for k, (i, j) in enumerate(at)
    ]


def way(number, version, first, *, tags="building=yes", deleted=False):
    refs = ",".join(f"n{first + k}" for k in (0, 1, 2, 3, 0))
    stamp = f"t201{version + 1}-01-01T00:00:00Z"
    return f"w{number} v{version} dD {stamp}" if deleted else f"w{number} v{version} dV {stamp} T{tags} N{refs}"


@pytest.fixture
def history(tmp_path):
    """Four squares: deleted; deleted and drawn again; kept; deleted when it was no building any more."""
    nodes = [line for k in range(4) for line in lines(k, first=1 + 4 * k)]
    nodes[0:1] = [nodes[0], "n1 v2 dD t2014-01-01T00:00:00Z"]
    nodes += [
        "n90 v1 dV t2012-01-01T00:00:00Z Tbuilding=yes x9.5050 y47.1001",
        "n90 v2 dD t2013-01-01T00:00:00Z",
    ]
    ways = [way(1, 1, 1), way(1, 2, 1), way(1, 3, 1, deleted=True)]
    ways += [way(2, 1, 5), way(2, 2, 5, deleted=True)]
    ways += [way(3, 1, 9, tags="landuse=grass"), way(3, 2, 9)]
    ways += [way(4, 1, 13), way(4, 2, 13, tags="landuse=grass"), way(4, 3, 13, deleted=True)]
    ways += [way(5, 1, 5)]
    opl = tmp_path / "history.opl"
    opl.write_text("\n".join([*nodes, *ways]) + "\n")
    path = tmp_path / "region.osh.pbf"
    header = osmium.io.Header()
    header.has_multiple_object_versions = True
    with osmium.SimpleWriter(str(path), header=header) as writer:
        for item in osmium.FileProcessor(str(opl)):
            writer.add(item)
    return path


def test_the_present_state_and_what_was_deleted_are_read_apart(history):
    frame = read_osm(history).frame()
    got = frame[["osm_type", "osm_id", "version", "role"]].to_numpy().tolist()
    assert got == [
        ["way", 3, 2, "area"],
        ["way", 5, 1, "area"],
        ["node", 90, 2, "deleted"],
        ["way", 1, 3, "deleted"],
        ["way", 2, 2, "deleted"],
    ]
    assert frame["timestamp"].to_list()[3] == "2014-01-01T00:00:00Z"
    assert frame.geometry[3].area == pytest.approx(2.7e-4 * 1.8e-4, rel=1e-3)


def test_what_was_deleted_before_is_for_review_unless_it_was_drawn_again(
    history, imagery, make_features, tmp_path
):
    squares = [shapely.box(9.5 + x, 47.1, 9.5 + x + 2.7e-4, 47.10018) for x in (0, 1e-3, 2e-3, 3e-3, 4.9e-3)]
    frame = make_features([("building", shape) for shape in squares], crs="EPSG:4326")
    report = diff(frame, history, out=tmp_path / "out", imagery=imagery)
    assert report["counts"]["reason"] == {
        "matched:iou": 2,
        "new:no_candidate": 1,
        "review:deleted_before": 2,
    }
