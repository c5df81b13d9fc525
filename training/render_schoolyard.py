"""Random choices -> plans of paved school yards: courts without edges of their own, among other games."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import shapely
from shapely.affinity import rotate, translate
from shapely.geometry import LineString, Point, Polygon, box

from training.render_canvas import Canvas
from training.render_courts import (
    LINE_COLOURS,
    BasketballSize,
    CourtStyle,
    basketball_size,
    court_style,
    draw_basketball,
    draw_slab,
    visible_on,
)
from training.render_lines import arc, ring, segment
from training.render_patch import FieldPlan, Pose, Sun
from training.render_props import draw_block, draw_fence, draw_lines, draw_people
from training.render_surfaces import choose_surface, jittered, paint_of

PAVINGS: Final = (("asphalt", 4.0), ("concrete", 1.0))
SCHOOLYARD: Final = "schoolyard"
"""How the variants of such plans begin."""
LARGEST_M: Final = 95.0
"""Longest side that rows of courts take; the yard around them is larger."""


def plan_schoolyard(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a yard with one to eight basketball courts in rows; only their lines tell them from it."""
    style = yard_style(sun=sun, rng=rng)
    size = basketball_size(rng=rng)
    courts = _rows_of_courts(size, rng=rng)
    taken = shapely.union_all([pose.place(_outline(size)) for pose in courts])
    left, top, right, bottom = taken.bounds
    west, north, east, south = (float(v) for v in rng.uniform(0.8, 18.0, 4))
    yard = box(left - west, top - north, right + east, bottom + south)
    games = _other_games(yard, taken.buffer(0.8), rng=rng)
    fenced = rng.random() < 0.4

    def draw(canvas: Canvas, pose: Pose) -> None:
        draw_slab(canvas, pose, yard, style, rng=rng)
        _draw_repairs(canvas, pose, yard, style, rng=rng)
        for there in courts:
            draw_basketball(canvas, pose.then(there.x_m, there.y_m, there.turn_deg), size, style, rng=rng)
        for lines in games:
            colour = jittered(LINE_COLOURS[int(rng.integers(len(LINE_COLOURS)))], rng=rng)
            colour = visible_on(style.inner.colour, colour)
            draw_lines(
                canvas, pose, lines, width_m=float(rng.uniform(0.05, 0.1)), colour=colour,
                opacity=float(rng.uniform(0.5, 1.0)), wear=float(rng.uniform(0.0, 0.6)), rng=rng,
            )  # fmt: skip
        _draw_ball_walls(canvas, pose, yard, taken, sun=sun, rng=rng)
        if fenced:
            draw_fence(canvas, pose.place(yard.exterior), sun=sun, rng=rng)
        draw_people(canvas, pose.place(yard), sun=sun, rng=rng, mean=3.0)

    return FieldPlan(
        variant=f"{SCHOOLYARD}-{len(courts)}x-{style.inner.kind}",
        extent=yard,
        outlines=tuple(("basketball_court", Polygon(each.place(_outline(size)).exterior)) for each in courts),
        draw=draw,
    )


def yard_style(*, sun: Sun, rng: np.random.Generator) -> CourtStyle:
    """Choose paving and lines: thin, and often years old, but to be seen."""
    style = court_style(sun=sun, rng=rng, kinds=PAVINGS)
    if sum(style.line) < sum(style.inner.colour):  # dark lines are bold already
        return style
    return replace(
        style,
        line_m=float(rng.uniform(0.05, 0.08)),
        line_opacity=float(rng.uniform(0.55, 1.0)),
        wear=float(rng.uniform(0.0, 0.45)),
    )


def _outline(size: BasketballSize) -> Polygon:
    return box(-size.length_m / 2, -size.width_m / 2, size.length_m / 2, size.width_m / 2)


def _rows_of_courts(size: BasketballSize, *, rng: np.random.Generator) -> list[Pose]:
    """Return the courts' places: side by side and end to end, as far as a yard is wide."""
    gaps_m = rng.uniform(0.0, 5.0, 2)
    step_x, step_y = size.length_m + float(gaps_m[0]), size.width_m + float(gaps_m[1])
    across = int(rng.integers(1, 1 + max(1, min(4, int(LARGEST_M / step_y)))))
    along = int(rng.choice([1, 2], p=[0.65, 0.35])) if 2 * step_x < LARGEST_M else 1
    places = [
        Pose(
            x_m=(col - (along - 1) / 2) * step_x, y_m=(row - (across - 1) / 2) * step_y, turn_deg=180.0 * (col % 2)
        )
        for row in range(across)
        for col in range(along)
    ]
    # Now and then there is a gap in the rows: other games are painted there.
    kept = [each for each in places if rng.random() < 0.85]
    return kept or places[:1]


def _other_games(yard: Polygon, taken: shapely.Geometry, *, rng: np.random.Generator) -> list[list[LineString]]:
    """Return the lines of games that are no court of ours, where no court is."""
    left, top, right, bottom = yard.bounds
    out = []
    for _ in range(int(rng.integers(0, 40))):
        make = GAMES[int(rng.integers(len(GAMES)))]
        lines = shapely.union_all(make(rng))
        lines = rotate(lines, float(rng.choice([0.0, 90.0, 45.0, rng.uniform(0, 90)], p=[0.4, 0.4, 0.1, 0.1])))
        lines = translate(lines, float(rng.uniform(left, right)), float(rng.uniform(top, bottom)))
        around = lines.envelope.buffer(0.5)
        if yard.contains(around) and not around.intersects(taken):
            out.append([part for part in shapely.get_parts(lines) if part.geom_type == "LineString"])
            taken = shapely.union(taken, around)
    return out


def _four_square(rng: np.random.Generator) -> list[LineString]:
    half = float(rng.uniform(1.2, 2.5))
    return [ring(-half, -half, half, half), segment(-half, 0, half, 0), segment(0, -half, 0, half)]


def _circles(rng: np.random.Generator) -> list[LineString]:
    radius = float(rng.uniform(1.5, 6.0))
    inner = [arc(0, 0, radius * float(rng.uniform(0.2, 0.7)), 0, 360)] if rng.random() < 0.4 else []
    return [arc(0, 0, radius, 0, 360), *inner]


def _tetherball(rng: np.random.Generator) -> list[LineString]:
    return [arc(0, 0, 3.0, 0, 360), segment(-3.0, 0, 3.0, 0)]


def _volleyball(rng: np.random.Generator) -> list[LineString]:
    return [ring(-9, -4.5, 9, 4.5), segment(0, -4.5, 0, 4.5), segment(-3, -4.5, -3, 4.5), segment(3, -4.5, 3, 4.5)]


def _hopscotch(rng: np.random.Generator) -> list[LineString]:
    step = float(rng.uniform(0.4, 0.6))
    return [ring(step * k, -step * (1 + k % 2) / 2, step * (k + 1), step * (1 + k % 2) / 2) for k in range(8)]


def _kickball(rng: np.random.Generator) -> list[LineString]:
    side = float(rng.uniform(9.0, 18.0)) / 2
    bases = [ring(x - 0.4, y - 0.4, x + 0.4, y + 0.4) for x in (-side, side) for y in (-side, side)]
    return [ring(-side, -side, side, side), *bases]


def _rows_to_line_up(rng: np.random.Generator) -> list[LineString]:
    count, long = int(rng.integers(3, 9)), float(rng.uniform(4.0, 12.0))
    return [segment(0, 1.2 * k, long, 1.2 * k) for k in range(count)]


GAMES: Final[tuple[Callable[[np.random.Generator], list[LineString]], ...]] = (
    _four_square, _four_square, _circles, _tetherball, _volleyball, _hopscotch, _kickball, _rows_to_line_up,
)  # fmt: skip
"""What else is painted on a yard, in its own metres."""


def _draw_repairs(
    canvas: Canvas, pose: Pose, yard: Polygon, style: CourtStyle, *, rng: np.random.Generator
) -> None:
    """Draw strips and patches of a newer or older paving, and stains."""
    left, top, right, bottom = yard.bounds
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(left, right), rng.uniform(top, bottom)
        long, wide = rng.uniform(3, 30), rng.uniform(1.5, 12)
        patch = box(x, y, x + long, y + wide) if rng.random() < 0.7 else Point(x, y).buffer(wide / 2)
        ground = choose_surface(style.inner.kind, rng=rng, colour=style.inner.colour)
        paint = paint_of(ground, gsd_m=canvas.gsd_m, rng=rng)
        canvas.fill(pose.place(patch.intersection(yard)), paint, opacity=float(rng.uniform(0.3, 0.9)), soft_m=0.15)


def _draw_ball_walls(
    canvas: Canvas, pose: Pose, yard: Polygon, taken: shapely.Geometry, *, sun: Sun, rng: np.random.Generator
) -> None:
    left, top, right, bottom = yard.bounds
    for _ in range(int(rng.integers(0, 3))):
        x, y = rng.uniform(left + 3, right - 3), rng.uniform(top + 1, bottom - 1)
        wall = box(x - 3.0, y - 0.15, x + 3.0, y + 0.15)
        if not wall.buffer(1.0).intersects(taken):
            light = float(rng.uniform(120, 215))
            draw_block(canvas, pose.place(wall), (light, light, light * 0.95), height_m=3.0, sun=sun)
