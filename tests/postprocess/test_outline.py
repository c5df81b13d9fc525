"""Outlines from grids: sub-pixel, exact at the tile's border, holes kept."""

import numpy as np
import pytest
import shapely
from affine import Affine
from shapely import affinity

from groundplan.errors import ConfigError
from groundplan.records import Detections
from postprocess.options import PolygonOptions
from postprocess.outline import outlines

PIXELS = Affine.identity()
RAW = PolygonOptions(gsd_m=1.0, simplify_m=0.0, min_hole_m2=4.0)


def detections(*found):
    return Detections(
        boxes=np.array([box for box, _ in found], dtype=np.float32).reshape(-1, 4),
        labels=np.ones(len(found), dtype=np.int64),
        scores=np.ones(len(found), dtype=np.float32),
        masks=tuple(np.asarray(grid, dtype=np.float32) for _, grid in found),
    )


def outline(box, grid, *, tile_px=64, options=RAW, transform=PIXELS):
    return outlines(detections((box, grid)), transform=transform, tile_px=tile_px, options=options)[0]


def iou(a, b):
    shared = a.intersection(b).area
    return shared / (a.area + b.area - shared)


def test_nothing_found_gives_an_empty_array():
    assert outlines(detections(), transform=PIXELS, tile_px=64).shape == (0,)


def test_a_grid_below_the_threshold_has_no_outline():
    assert outline((10, 10, 20, 20), np.full((28, 28), 0.4)) is None


def test_an_upright_square_keeps_its_sides_where_they_are():
    found = outline((10, 20, 34, 44), np.ones((24, 24)))
    assert found.bounds == pytest.approx((10, 20, 34, 44))
    assert found.area == pytest.approx(24 * 24, rel=0.003)  # only the corners are rounded


def test_a_linear_ramp_is_cut_at_its_half():
    ramp = np.tile((np.arange(28) + 0.5) / 28, (28, 1))  # 0.5 is reached in the middle of the box
    found = outline((10, 10, 38, 38), ramp)
    assert found.bounds[0] == pytest.approx(24.0)


def test_a_mask_at_the_tiles_border_ends_exactly_there_with_square_corners():
    for box in ((0, 10, 20, 30), (44, 10, 64, 30), (10, 0, 30, 20), (10, 44, 30, 64), (0, 0, 20, 20)):
        found = outline(box, np.ones((20, 20)))
        assert found.bounds == pytest.approx(box)
        edge = found.intersection(shapely.box(0, 0, 64, 64).boundary)
        assert edge.length == pytest.approx(40 if box == (0, 0, 20, 20) else 20, abs=1.0)


def test_a_hard_mask_one_pixel_from_the_border_does_not_reach_it():
    assert outline((1, 10, 21, 30), np.ones((20, 20))).bounds[0] == pytest.approx(1.0)


def test_a_soft_mask_one_pixel_from_the_border_is_continued_to_it():
    found = outline((1, 10, 41, 50), np.ones((28, 28)))
    assert found.bounds[0] == 0.0


def test_simplifying_leaves_the_cut_edge_straight_and_in_place():
    slanted = np.tril(np.ones((30, 30)))
    found = outline((0, 0, 30, 30), slanted, options=PolygonOptions(gsd_m=1.0, simplify_m=3.0))
    on_border = found.boundary.intersection(shapely.LineString([(0, 0), (0, 64)]))
    assert found.bounds[0] == 0.0
    assert on_border.length == pytest.approx(30, abs=3.5)


def test_a_courtyard_is_kept_and_a_pinhole_filled():
    grid = np.ones((30, 30))
    grid[10:20, 10:20] = 0
    grid[3, 3] = 0
    found = outline((5, 5, 35, 35), grid)
    assert len(found.interiors) == 1
    assert shapely.Polygon(found.interiors[0]).area == pytest.approx(100, abs=2)


def test_specks_vanish_but_pieces_at_the_border_stay():
    grid = np.zeros((40, 40))
    grid[5:35, 20:40] = 1
    grid[1:3, 10:12] = 1  # a speck
    grid[20:24, 0:3] = 1  # the end of something larger, at the border
    found = outline((0, 10, 40, 50), grid)
    assert found.geom_type == "MultiPolygon"
    assert sorted(round(piece.bounds[0]) for piece in found.geoms) == [0, 20]


def test_the_transform_places_pixels_on_the_ground():
    found = outline((10, 20, 34, 44), np.ones((24, 24)), transform=Affine(0.5, 0, 1000, 0, -0.5, 2000))
    assert found.bounds == pytest.approx((1005, 1978, 1017, 1990))


@pytest.mark.parametrize("angle_deg", [0, 17, 45, 71])
def test_painted_polygons_come_back(painted, angle_deg):
    true = affinity.rotate(shapely.box(30.3, 40.8, 80.3, 65.8), angle_deg)
    x0, y0, mask = painted.raster(true, 128, 128)
    box = (x0, y0, x0 + mask.shape[1], y0 + mask.shape[0])
    found = outline(box, mask, tile_px=128, options=PolygonOptions(gsd_m=1.0, simplify_m=0.27))
    again = painted.raster(found, 128, 128)
    full = [np.zeros((128, 128), dtype=bool) for _ in range(2)]
    for canvas, (left, top, piece) in zip(full, ((x0, y0, mask), again), strict=True):
        canvas[top : top + piece.shape[0], left : left + piece.shape[1]] = piece
    assert (full[0] & full[1]).sum() / (full[0] | full[1]).sum() >= 0.99
    assert found.area == pytest.approx(mask.sum(), rel=0.005)
    assert iou(found, true) >= 0.97


def test_a_network_grid_gives_the_shape_back(painted):
    true = affinity.rotate(shapely.box(200, 240, 322, 289), 30)
    x0, y0, mask = painted.raster(true, 512, 512)
    box = (x0, y0, x0 + mask.shape[1], y0 + mask.shape[0])
    assert iou(outline(box, painted.reduced(mask), tile_px=512), true) >= 0.97


@pytest.mark.parametrize(
    ("wrong", "needed"),
    [
        ({"gsd_m": 0.0}, "metres per pixel above 0"),
        ({"threshold": 1.0}, "between 0 and 1"),
        ({"simplify_m": -1.0}, "0 or more"),
        ({"min_area_m2": {"tenis_court": 1.0}}, "did you mean 'tennis_court'"),
    ],
)
def test_options_out_of_range_are_refused(wrong, needed):
    with pytest.raises(ConfigError, match=needed):
        PolygonOptions(**wrong)
