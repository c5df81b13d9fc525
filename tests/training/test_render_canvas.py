"""The canvas: coverage equals area, thin lines get fainter, shadows darken what lies under them."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from training.render_canvas import Canvas


@settings(max_examples=30, deadline=None)
@given(
    x=st.floats(3, 6),
    y=st.floats(3, 6),
    long=st.floats(2, 9),
    wide=st.floats(2, 9),
    gsd_m=st.sampled_from([0.3, 0.6]),
)
def test_coverage_adds_up_to_the_area_of_the_polygon(
    x: float, y: float, long: float, wide: float, gsd_m: float
) -> None:
    shape = shapely.box(x, y, x + long, y + wide)
    layer = Canvas(60, 60, gsd_m=gsd_m).cover(shape)
    assert layer is not None
    # Pillow fills the pixels its border runs through: at most one cell of the fine grid.
    slack = shape.length * 1.0 * gsd_m / Canvas(1, 1, gsd_m=gsd_m).fine + 0.05
    assert layer.cover.sum() * gsd_m**2 == pytest.approx(shape.area, abs=slack)


def test_a_hole_stays_empty_and_what_lies_outside_is_nothing() -> None:
    canvas = Canvas(40, 40, gsd_m=0.5)
    ring = shapely.box(2, 2, 18, 18).difference(shapely.box(6, 6, 14, 14))
    canvas.fill(ring, (200.0, 100.0, 50.0))
    rgba = canvas.rgba()
    assert tuple(rgba[8, 8]) == (200, 100, 50, 255)
    assert rgba[20, 20, 3] == 0
    assert canvas.cover(shapely.box(100, 100, 110, 110)) is None
    assert canvas.cover(shapely.Polygon()) is None
    assert canvas.trace([], width_m=0.1) is None


def test_a_line_half_as_wide_covers_half_as_much() -> None:
    canvas = Canvas(60, 60, gsd_m=0.3)
    line = shapely.LineString([(2.0, 9.0), (16.0, 9.0)])
    layers = [canvas.trace([line], width_m=width) for width in (0.06, 0.03)]
    sums = [float(layer.cover.sum()) for layer in layers if layer is not None]
    assert sums[0] == pytest.approx(2.0 * sums[1], rel=1e-3)
    assert sums[0] * 0.09 == pytest.approx(14.0 * 0.06, rel=0.1)


def test_a_shadow_darkens_ground_and_falls_on_nothing_as_partial_black() -> None:
    canvas = Canvas(20, 20, gsd_m=1.0)
    canvas.fill(shapely.box(0, 0, 10, 20), (200.0, 200.0, 200.0))
    canvas.shade(shapely.box(0, 5, 20, 15), strength=0.5, soft_m=0.0)
    rgba = canvas.rgba().astype(int)
    assert rgba[10, 5, :3].max() < 115 and rgba[10, 5, 3] == 255
    assert rgba[10, 15, 3] == pytest.approx(128, abs=2) and rgba[10, 15, :3].max() < 30
    assert rgba[2, 5, 0] == 200
    assert np.all(rgba[2, 15] == 0)
