"""Real buildings taken out of a real extract must come back as new, and nothing else may."""

import numpy as np
import osmium
import pytest
import shapely

from groundplan.crs import LON_LAT, transform_geometries
from osm.diff import compare
from osm.options import DiffOptions
from osm.read import read_osm

CRS = "EPSG:32632"
N_TAKEN = 200


@pytest.fixture(scope="module")
def liechtenstein_without(liechtenstein, tmp_path_factory):
    """The extract without 200 isolated buildings, all its building ways, and which were taken."""
    frame = read_osm(liechtenstein).features
    shapes = transform_geometries(frame.geometry.to_numpy(), source=LON_LAT, target=CRS)
    houses = ((frame["role"] == "area") & (frame["label"] == "building") & (frame["osm_type"] == "way")).to_numpy()
    near = shapely.STRtree(shapes).query(shapes[houses], predicate="dwithin", distance=5.0)[0]
    area = shapely.area(shapes[houses])
    alone = (np.bincount(near, minlength=houses.sum()) == 1) & (area > 40) & (area < 2000)
    inside = shapely.contains_properly(shapely.box(9.475, 47.05, 9.63, 47.265), frame.geometry.to_numpy()[houses])
    taken = np.random.default_rng(7).choice(np.flatnonzero(alone & inside), N_TAKEN, replace=False)
    ids = set(frame["osm_id"].to_numpy()[houses][taken].tolist())
    path = tmp_path_factory.mktemp("planted") / "without.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        for item in osmium.FileProcessor(str(liechtenstein)):
            if not (item.is_way() and item.id in ids):
                writer.add(item)
    return read_osm(path), shapes[houses], taken


def detections(shapes, taken, *, shift, turn=0.0, wrong=0.0):
    """The buildings as a detector would see them: shifted, rotated, noisy, five percent missed."""
    rng = np.random.default_rng(8)
    seen = rng.random(len(shapes)) > 0.05
    seen[taken] = True
    det = shapes[seen]
    xy, owner = shapely.get_coordinates(det, return_index=True)
    # Equal corners of a building get equal noise, so that rings stay closed.
    _, corner = np.unique(np.column_stack([owner, xy]), axis=0, return_inverse=True)
    noise = rng.normal(0, 0.25, (corner.max() + 1, 2))[corner.reshape(-1)]
    middle = shapely.get_coordinates(shapely.centroid(det))
    centre = np.median(middle, axis=0)
    field = np.column_stack([-(middle[:, 1] - centre[1]), middle[:, 0] - centre[0]]) * turn + shift
    det = shapely.make_valid(shapely.transform(det, lambda at: at + noise + field[owner]))
    extra = det[rng.integers(0, len(det), int(len(det) * wrong / (1 - wrong)))]
    angle, far = rng.uniform(0, 2 * np.pi, len(extra)), rng.uniform(5, 60, len(extra))
    moves = np.column_stack([np.cos(angle), np.sin(angle)]) * far[:, None]
    counts = shapely.get_num_coordinates(extra)
    extra = shapely.transform(extra, lambda at: at + np.repeat(moves, counts, axis=0))
    return np.concatenate([det, extra]), np.r_[np.zeros(len(det), bool), np.ones(len(extra), bool)]


def compared(case, make_features, imagery, **how):
    extract, shapes, taken = case
    det, wrong = detections(shapes, taken, **how)
    rows = [("building", shape, 0.6 if bad else 0.9) for shape, bad in zip(det, wrong, strict=True)]
    changes, report = compare(make_features(rows), extract, imagery=imagery, options=DiffOptions())
    new = changes[changes["status"] == "new"].to_crs(CRS).geometry.to_numpy()
    at = shapely.centroid(shapes[taken])
    found, hit = shapely.STRtree(shapely.centroid(new)).query(at, predicate="dwithin", distance=1.5)
    return report, len(set(found.tolist())), len(new) - len(set(hit.tolist())), len(det)


def test_taken_buildings_are_new_and_mapped_ones_are_not(liechtenstein_without, make_features, imagery):
    case = liechtenstein_without
    report, found, false, n = compared(case, make_features, imagery, shift=(2.0, -1.5))
    assert found >= 195
    assert false <= 0.001 * n
    offset = report["offset_m"]
    assert (offset["east"], offset["north"]) == pytest.approx((2.0, -1.5), abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [(0.0, 0.0), (5.0, 0.0), (0.0, 8.0)])
def test_other_shifts_are_taken_out_too(liechtenstein_without, make_features, imagery, shift):
    report, found, false, n = compared(liechtenstein_without, make_features, imagery, shift=shift)
    offset = report["offset_m"]
    assert found >= 195
    assert false <= 0.001 * n
    assert (offset["east"], offset["north"]) == pytest.approx(shift, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "turn"), [((8.0, 0.0), 0.0), ((2.0, -1.5), 0.0004)])
def test_a_third_wrong_and_a_rotated_field_leave_the_taken_ones_found(
    liechtenstein_without, make_features, imagery, shift, turn
):
    how = {"shift": shift, "turn": turn, "wrong": 0.3}
    report, found, _, _ = compared(liechtenstein_without, make_features, imagery, **how)
    assert found >= 190
    assert not any("apart" in each for each in report["warnings"])
