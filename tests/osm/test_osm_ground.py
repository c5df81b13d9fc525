"""What is said of mapped objects that nobody detected: only where, and for what, somebody has looked."""

import pytest
import shapely

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import SchemaError
from groundplan.vector import read_vector
from osm.diff import diff
from osm.ground import Ground, read_ground, with_ground, write_ground
from osm.options import DiffOptions
from osm.window import NOWHERE

HOUSE = {"building": "yes"}


def ground_of(*boxes, labels=("building", "tennis_court")):
    outline = transform_geometries([shapely.union_all(boxes)], source="EPSG:32632", target=LON_LAT)[0]
    return Ground(outline=outline, labels=frozenset(labels))


@pytest.fixture
def missed(new_world, make_box, make_features, imagery, tmp_path):
    """Return a function: ground -> names of what is mapped there and was not detected."""
    world = new_world()
    names = {
        world.area(make_box(20, 20, 15, 12), HOUSE): "inside",
        world.area(make_box(300, 300, 15, 12), HOUSE): "in the corner that nobody looked at",
        world.area(make_box(195, 20, 15, 12), HOUSE): "a third outside",
        world.area(make_box(60, 20, 36, 18), {"leisure": "pitch", "sport": "tennis"}): "a court",
        world.area(make_box(20, 60, 36, 18), {"leisure": "pitch", "sport": "basketball"}): "not looked for",
        world.area(make_box(0, 500, 15, 12), HOUSE): "beyond all detections",
    }
    extract = world.write(tmp_path / "town.osm.pbf")
    frame = make_features([("building", make_box(120, 100, 15, 12)), ("building", make_box(330, 330, 15, 12))])

    def find(ground):
        diff(
            frame, extract, out=tmp_path / "out", imagery=imagery, options=DiffOptions(offset="off"), ground=ground
        )
        changes = read_vector(tmp_path / "out" / "changes.parquet").query("status == 'osm_only'")
        return sorted(names[each[0]["id"]] for each in changes["osm"])

    return find


def test_only_ground_that_was_looked_at_has_anything_missed(missed, make_box):
    # Without it: where something was detected, for labels that were.
    assert missed(None) == ["in the corner that nobody looked at"]
    looked = ground_of(make_box(0, 0, 205, 600), make_box(320, 320, 80, 80))
    assert missed(looked) == ["a court", "a third outside", "beyond all detections", "inside"]
    assert missed(ground_of(make_box(0, 0, 198, 400), labels=["building"])) == ["inside"]


def test_the_ground_comes_back_from_its_file_and_strange_files_are_refused(make_box, tmp_path):
    path = tmp_path / "looked_at.geojson"
    assert read_ground(path) is None
    ground = ground_of(make_box(0, 0, 205, 600))
    write_ground(path, ground)
    back = read_ground(path)
    assert back is not None and back.labels == ground.labels
    assert back.outline.symmetric_difference(ground.outline).area < 1e-9
    assert len(read_vector(path)) == 1
    point = '{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"labels": []}}]}'
    for text in ("{", "[]", '{"features": []}', point, point.replace("[]", '["house"]')):
        path.write_text(text)
        with pytest.raises(SchemaError, match="does not say what was looked at"):
            read_ground(path)


def test_the_window_grows_by_the_ground_and_nothing_makes_it_grow_no_further(make_box):
    ground = ground_of(make_box(0, 0, 205, 600))
    assert with_ground(NOWHERE, None) == NOWHERE
    assert with_ground(NOWHERE, ground) == pytest.approx(ground.outline.bounds)
    assert with_ground((0, 0, 1, 1), Ground(outline=shapely.MultiPolygon(), labels=frozenset())) == (0, 0, 1, 1)
    across = Ground(outline=shapely.box(-179.9, 0, 179.9, 1), labels=frozenset())
    assert with_ground(NOWHERE, across) == (-180, -90, 180, 90)
