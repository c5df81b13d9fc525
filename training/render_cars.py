"""Places -> cars with glass and a shadow, and paved places where they stand in painted bays."""

from typing import Final

import numpy as np
from shapely.affinity import translate
from shapely.geometry import Polygon, box

from training.render_canvas import Canvas, Colour
from training.render_courts import WHITE
from training.render_lines import segment
from training.render_patch import Pose, Sun
from training.render_props import draw_lines
from training.render_surfaces import jittered

PAINTS: Final[tuple[Colour, ...]] = (
    (225, 226, 226), (232, 232, 230), (190, 192, 194), (150, 153, 156), (60, 62, 66), (34, 35, 38), (90, 94, 100),
    (140, 40, 38), (50, 70, 110), (170, 160, 140), (70, 84, 74),
)  # fmt: skip
"""Car paint; whites, greys and blacks are most of any car park."""

BAY_M: Final = (2.6, 5.2)
"""Width and depth of one parking bay."""


def draw_car(canvas: Canvas, pose: Pose, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw one car whose length lies along the pose's x axis."""
    long, wide = float(rng.uniform(4.0, 5.3)), float(rng.uniform(1.7, 2.0))
    body = pose.place(box(-long / 2, -wide / 2, long / 2, wide / 2).buffer(-0.3).buffer(0.3, quad_segs=2))
    x_m, y_m = sun.shift(1.2)
    canvas.shade(translate(body, x_m, y_m).union(body).convex_hull, strength=sun.strength)
    paint = jittered(PAINTS[int(rng.integers(len(PAINTS)))], rng=rng, by=0.05)
    canvas.fill(body, paint)
    glass = (36.0, 40.0, 46.0)
    canvas.fill(pose.place(box(long * 0.12, -wide * 0.4, long * 0.24, wide * 0.4)), glass, opacity=0.85)
    canvas.fill(pose.place(box(-long * 0.42, -wide * 0.38, -long * 0.32, wide * 0.38)), glass, opacity=0.75)


def draw_bays(
    canvas: Canvas, pose: Pose, length_m: float, *, sun: Sun, rng: np.random.Generator, full: float, both: bool
) -> None:
    """Draw one row of bays along x (two rows back to back when `both`), some with cars.

    Parameters
    ----------
    full : float
        Share of bays with a car, 0..1.
    """
    count = int(length_m // BAY_M[0])
    left = -count * BAY_M[0] / 2.0
    sides = (-1.0, 1.0) if both else (1.0,)
    colour: Colour = WHITE if rng.random() < 0.75 else (216.0, 188.0, 84.0)
    lines = [segment(left + k * BAY_M[0], -BAY_M[1] if both else 0.0, left + k * BAY_M[0], BAY_M[1])
             for k in range(count + 1)]  # fmt: skip
    if both:
        lines.append(segment(left, 0.0, -left, 0.0))
    draw_lines(
        canvas, pose, lines, width_m=0.1, colour=colour, opacity=0.75, wear=float(rng.uniform(0, 0.6)), rng=rng
    )
    for k in range(count):
        for side in sides:
            if rng.random() < full:
                y = side * (BAY_M[1] / 2.0 + rng.normal(0, 0.25))
                turn = 90.0 + float(rng.normal(0, 1.5)) + (180.0 if rng.random() < 0.5 else 0.0)
                x = left + (k + 0.5) * BAY_M[0] + float(rng.normal(0, 0.12))
                draw_car(canvas, pose.then(x, y, turn), sun=sun, rng=rng)


def draw_car_park(canvas: Canvas, pose: Pose, area: Polygon, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw rows of bays over a rectangle in the pose's metres; the paving is drawn by the caller."""
    left, top, right, bottom = area.bounds
    full = float(rng.uniform(0.05, 0.95))
    middle, lane_m = (left + right) / 2.0, 6.4
    y = top + 0.6
    if y + BAY_M[1] < bottom:
        draw_bays(canvas, pose.then(middle, y), right - left - 2.0, sun=sun, rng=rng, full=full, both=False)
    y += 2.0 * BAY_M[1] + lane_m
    while y + BAY_M[1] < bottom:
        draw_bays(canvas, pose.then(middle, y), right - left - 8.0, sun=sun, rng=rng, full=full, both=True)
        y += 2.0 * BAY_M[1] + lane_m
