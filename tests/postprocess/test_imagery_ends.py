"""Where imagery ends inside a tile."""

import numpy as np
import pytest
import shapely

from groundplan.records import Detections
from postprocess.imagery_ends import LEAST_GAP_PX, imagery_ends

SIDE = 128
BOX = (40, 40, 80, 70)


def ends(valid, *boxes, grid=None, border_px=2.0):
    boxes = boxes or (BOX,)
    masks = tuple(np.ones((y1 - y0, x1 - x0) if grid is None else grid, np.float32) for x0, y0, x1, y1 in boxes)
    found = Detections(
        boxes=np.array(boxes, np.float32),
        labels=np.ones(len(boxes), np.int64),
        scores=np.ones(len(boxes), np.float32),
        masks=masks,
    )
    outlines = np.array([shapely.box(*box) for box in boxes], dtype=object)
    return list(imagery_ends(outlines, found, valid, border_px=border_px))


def everything():
    return np.ones((SIDE, SIDE), bool)


@pytest.mark.parametrize(
    ("gap", "side"),
    [
        (np.s_[:40, :], "n"),
        (np.s_[:, 80:], "e"),
        (np.s_[70:, :], "s"),
        (np.s_[:, :40], "w"),
        (np.s_[:, 82:], ""),
        (np.s_[:, 81:], "e"),
        (np.s_[:20, :], ""),
    ],
)
def test_an_end_counts_on_its_own_side_and_within_the_border(gap, side):
    valid = everything()
    valid[gap] = False
    # With hard grids a cell is a pixel: the border of 2 px and half a cell reach 1.4 px with this number.
    assert ends(valid, border_px=0.9) == [side]


def test_a_corner_of_the_imagery_ends_two_sides():
    valid = everything()
    valid[70:], valid[:, 80:] = False, False
    assert ends(valid) == ["es"]


def test_a_turned_end_is_met_on_both_of_its_sides():
    rows, cols = np.indices((SIDE, SIDE))
    assert ends(cols + rows < 140) == ["es"]
    assert ends(cols + rows < 160) == [""]


def test_a_gap_inside_counts_and_a_speck_does_not():
    valid = everything()
    valid[50:60, 80:95] = False
    assert "e" in ends(valid)[0]  # at its corners it lies beside the wall, too
    valid = everything()
    valid[50 : 50 + LEAST_GAP_PX - 1, 80:95] = False
    assert ends(valid) == [""]


def test_a_narrow_end_at_the_tiles_border_counts():
    valid = everything()
    valid[:, SIDE - 1 :] = False
    assert ends(valid, (90, 40, SIDE - 1, 70)) == ["e"]
    assert ends(everything(), (90, 40, SIDE, 70)) == [""]


def test_outlines_of_coarse_grids_end_half_a_cell_before_their_boxes():
    valid = everything()
    valid[:, 84:] = False
    assert ends(valid, grid=(4, 4)) == ["e"]
    assert ends(valid, grid=(28, 28)) == [""]


def test_each_outline_has_its_own_sides():
    valid = everything()
    valid[:, 80:] = False
    assert ends(valid, (10, 10, 30, 30), BOX, (60, 90, 80, 110)) == ["", "e", "e"]
    nothing = Detections(
        boxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64), scores=np.zeros(0, np.float32), masks=()
    )
    assert len(imagery_ends(np.array([], dtype=object), nothing, valid, border_px=2)) == 0
