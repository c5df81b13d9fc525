"""Detections of tiles as PARTS."""

import numpy as np
import pytest
from affine import Affine

from groundplan.errors import ConfigError, CRSError
from groundplan.records import Detections
from groundplan.schema import PARTS, check_parts
from postprocess.parts import parts_frame, tile_footprints

NORTH_UP = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)


def two_squares(second_level=1.0):
    return Detections(
        boxes=np.array([(0, 10, 20, 30), (30, 30, 60, 64)], dtype=np.float32),
        labels=np.array([1, 2]),
        scores=np.array([0.5, 0.75], dtype=np.float32),
        masks=(np.ones((20, 20), np.float32), np.full((28, 28), second_level, np.float32)),
    )


def nothing():
    return Detections(
        boxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64), scores=np.zeros(0, np.float32), masks=()
    )


def tile_parts(*tiles, transform=NORTH_UP, crs="EPSG:32632"):
    return parts_frame([tile_footprints(each, transform=transform, tile_px=64) for each in tiles], crs=crs)


def test_parts_carry_label_score_and_the_bounds_of_their_tile():
    parts = check_parts(tile_parts(two_squares()))
    assert list(parts["label"]) == ["building", "tennis_court"]
    assert list(parts["score"]) == [0.5, 0.75]
    bounds = parts[["tile_left", "tile_bottom", "tile_right", "tile_top"]].to_numpy()
    assert bounds[1] == pytest.approx([500_000, 5_000_000 - 19.2, 500_019.2, 5_000_000])
    assert parts.geometry[0].area == pytest.approx(400 * 0.09, rel=0.01)


def test_masks_that_never_reach_the_threshold_are_left_out():
    parts = tile_parts(two_squares(0.3))
    assert list(parts["label"]) == ["building"]


def test_parts_of_tiles_stand_in_their_order_and_tiles_without_any_leave_no_trace():
    parts = tile_parts(nothing(), two_squares(), nothing(), two_squares(0.3))
    assert list(parts["label"]) == ["building", "tennis_court", "building"]
    assert dict(parts.dtypes[list(PARTS)].astype(str)) == PARTS
    assert parts.crs == "EPSG:32632"


@pytest.mark.parametrize("tiles", [(), (nothing(),), (nothing(), nothing())])
def test_tiles_without_detections_give_an_empty_frame(tiles):
    parts = tile_parts(*tiles)
    assert len(parts) == 0
    assert set(PARTS) <= set(parts.columns)


def test_a_rotated_tile_is_refused():
    with pytest.raises(ConfigError, match="north-up"):
        tile_parts(two_squares(), transform=NORTH_UP @ Affine.rotation(10))


def test_degrees_are_refused():
    with pytest.raises(CRSError, match="not measured in metres"):
        tile_parts(two_squares(), crs="EPSG:4326")
