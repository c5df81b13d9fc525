"""Courts are drawn so that a mapper would know them: their lines show."""

import numpy as np
import pytest
from shapely.geometry import LineString

from training.render_canvas import Canvas
from training.render_courts import (
    LEAST_CONTRAST,
    LINE_COLOURS,
    OTHER_LINES,
    WHITE,
    basketball_style,
    tennis_style,
    visible_on,
)
from training.render_patch import Pose, any_sun
from training.render_props import draw_lines
from training.render_surfaces import COLOURS

LEAST_GREY = 8.0
"""Levels by which the middle of a line has to stand out from its ground in imagery of 0.3 m."""


def test_lines_of_courts_are_seen_on_every_ground() -> None:
    grounds = [colour for kind in ("acrylic", "asphalt", "concrete", "clay", "grass") for colour in COLOURS[kind]]
    for ground in grounds:
        for wish in (*LINE_COLOURS, *OTHER_LINES):
            line = visible_on(ground, wish)
            assert np.linalg.norm(np.subtract(line, ground)) >= LEAST_CONTRAST, (ground, wish)


def test_a_line_that_is_seen_keeps_its_colour() -> None:
    assert visible_on((98.0, 98.0, 100.0), WHITE) == WHITE


@pytest.mark.parametrize("style_of", [basketball_style, tennis_style])
def test_lines_darker_than_their_ground_show_in_pixels_several_times_as_wide(style_of) -> None:
    shown = []
    for seed in range(160):
        rng = np.random.default_rng([3, seed])
        style = style_of(sun=any_sun(rng), rng=rng)
        if sum(style.line) > sum(style.inner.colour):
            continue
        canvas = Canvas(40, 200, gsd_m=0.3)
        canvas.rgb[:], canvas.alpha[:] = style.inner.colour, 1.0
        before = canvas.rgb.copy()
        draw_lines(
            canvas,
            Pose(x_m=30.0, y_m=6.0, turn_deg=0.0),
            [LineString([(-27.0, 0.0), (27.0, 0.0)])],
            width_m=style.line_m,
            colour=style.line,
            opacity=style.line_opacity,
            wear=style.wear,
            rng=rng,
        )
        across = np.abs(canvas.rgb - before).mean(axis=2).max(axis=0)[15:185]
        shown.append(float(np.median(across)))
    assert min(shown) >= LEAST_GREY, sorted(shown)[:5]
