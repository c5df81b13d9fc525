"""Random choices -> plans of tennis and basketball courts: slab, colours, lines, nets, hoops."""

from dataclasses import dataclass, replace

import numpy as np
from shapely.affinity import translate
from shapely.geometry import LineString, Point, Polygon, box

from training.render_canvas import Canvas, Colour
from training.render_lines import TENNIS_M, Hoop, arc, hoop_lines, ring, segment, tennis_lines
from training.render_patch import FieldPlan, Pose, Sun
from training.render_props import (
    draw_bench,
    draw_block,
    draw_fence,
    draw_lamp,
    draw_lines,
    draw_net,
    draw_people,
    draw_wear,
)
from training.render_surfaces import COLOURS, Surface, choose_surface, jittered, paint_of

WHITE: Colour = (232.0, 232.0, 226.0)
LINE_COLOURS: tuple[Colour, ...] = (WHITE, WHITE, WHITE, WHITE, WHITE, (214.0, 204.0, 150.0), (222.0, 190.0, 90.0))
OTHER_LINES: tuple[Colour, ...] = (
    (222.0, 190.0, 80.0),
    (90.0, 130.0, 190.0),
    (190.0, 90.0, 80.0),
    (40.0, 44.0, 48.0),
)

LEAST_CONTRAST = 110.0
"""Distance in RGB (0..255) from which painted lines are seen from the air."""
DARK_LINE_M = 0.12
"""Least width of lines darker than their ground: a bright one outshines what it shares a pixel with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtStyle:
    """What the courts of one slab share."""

    inner: Surface
    """The playing surface."""
    outer: Surface
    """The run-off; equal to `inner` on plain slabs."""
    line: Colour
    line_m: float
    """Width of the painted lines in metres."""
    line_opacity: float
    wear: float
    """0 = fresh lines, 1 = nearly gone."""
    sun: Sun
    furniture: float
    """0..1: how much stands around."""


def court_style(*, sun: Sun, rng: np.random.Generator, kinds: tuple[tuple[str, float], ...]) -> CourtStyle:
    """Choose surface, colours and lines of a slab; `kinds` are surfaces with their shares."""
    names, shares = zip(*kinds, strict=True)
    kind = str(rng.choice(names, p=np.asarray(shares) / sum(shares)))
    inner = choose_surface(kind, rng=rng)
    outer = inner
    if kind == "acrylic" and rng.random() < 0.7:
        outer = choose_surface("acrylic", rng=rng)
    elif kind == "acrylic" and rng.random() < 0.2:
        outer = choose_surface("asphalt", rng=rng)
    pale = sum(inner.colour) > 450
    line = LINE_COLOURS[int(rng.integers(len(LINE_COLOURS)))]
    # White on pale concrete is painted by nobody: there lines are dark or coloured.
    line = visible_on(inner.colour, OTHER_LINES[int(rng.integers(1, 4))] if pale else line)
    style = CourtStyle(
        inner=inner,
        outer=outer,
        line=jittered(line, rng=rng, by=0.03),
        line_m=float(rng.uniform(0.05, 0.11)),
        line_opacity=float(rng.uniform(0.7, 1.0)),
        wear=float(rng.choice([0.0, rng.uniform(0.1, 0.4), rng.uniform(0.4, 0.6)], p=[0.65, 0.25, 0.1])),
        sun=sun,
        furniture=float(rng.uniform(0.0, 1.0)),
    )
    return style if sum(style.line) > sum(inner.colour) else with_bold_lines(style)


def with_bold_lines(style: CourtStyle) -> CourtStyle:
    """Return a style whose lines are wide and fresh enough to be seen although they are darker than the ground."""
    return replace(
        style,
        line_m=max(style.line_m, DARK_LINE_M),
        line_opacity=max(style.line_opacity, 0.9),
        wear=min(style.wear, 0.15),
    )


def visible_on(ground: Colour, line: Colour) -> Colour:
    """Return the colour of lines, or the most visible other one where nobody would see it on that ground.

    A court whose lines cannot be told from its ground is not to be recognised by anyone; calling it one teaches
    that every slab is a court.
    """

    def contrast(colour: Colour) -> float:
        return float(np.linalg.norm(np.subtract(colour, ground)))

    return line if contrast(line) >= LEAST_CONTRAST else max((line, *OTHER_LINES, WHITE), key=contrast)


def tennis_style(*, sun: Sun, rng: np.random.Generator) -> CourtStyle:
    """Choose what a tennis court is made of."""
    kinds = (("acrylic", 5.0), ("clay", 1.6), ("asphalt", 1.0), ("turf", 0.7), ("grass", 0.5), ("concrete", 0.4))
    return court_style(sun=sun, rng=rng, kinds=kinds)


def basketball_style(*, sun: Sun, rng: np.random.Generator) -> CourtStyle:
    """Choose what a basketball court is made of."""
    kinds = (("acrylic", 3.0), ("asphalt", 3.0), ("concrete", 2.0), ("dirt", 0.1))
    return court_style(sun=sun, rng=rng, kinds=kinds)


def draw_slab(canvas: Canvas, pose: Pose, slab: Polygon, style: CourtStyle, *, rng: np.random.Generator) -> None:
    """Draw the ground of one court or a battery: run-off colour, sometimes worn joints and stains."""
    canvas.fill(pose.place(slab), paint_of(style.outer, gsd_m=canvas.gsd_m, rng=rng), soft_m=0.12)
    if style.outer.kind in ("asphalt", "concrete", "acrylic") and rng.random() < 0.3:
        left, top, right, bottom = slab.bounds
        cracks = []
        for _ in range(int(rng.integers(1, 5))):
            x = np.linspace(left, right, 12)
            y = rng.uniform(top, bottom) + np.cumsum(rng.normal(0, (bottom - top) * 0.04, 12))
            cracks.append(LineString(np.column_stack([x, y])).intersection(slab))
        layer = canvas.trace([pose.place(crack) for crack in cracks], width_m=0.08)
        canvas.put(layer, (50.0, 48.0, 46.0), opacity=rng.uniform(0.1, 0.4))


def draw_tennis(canvas: Canvas, pose: Pose, style: CourtStyle, *, rng: np.random.Generator) -> None:
    """Draw one tennis court, slab not included."""
    half, wide = TENNIS_M[0] / 2.0, TENNIS_M[1] / 2.0
    gsd_m = canvas.gsd_m
    if style.outer != style.inner:
        more = 0.0 if rng.random() < 0.7 else rng.uniform(0.2, 1.2)
        paint = paint_of(style.inner, gsd_m=gsd_m, rng=rng)
        canvas.fill(pose.place(box(-half - more, -wide - more, half + more, wide + more)), paint)
    if style.inner.kind in ("grass", "clay", "dirt", "turf") and rng.random() < 0.7:
        light = rng.uniform(1.08, 1.3)
        red, green, blue = (min(c * light, 235.0) for c in style.inner.colour)
        bare = (red, green, blue) if style.inner.kind != "grass" else COLOURS["dirt"][0]
        for side in (-1.0, 1.0):
            spot = Point(side * half, 0).buffer(2.2)
            draw_wear(canvas, pose.place(spot), bare, amount=float(rng.uniform(0.2, 0.6)), rng=rng)
    if rng.random() < 0.15:
        other = OTHER_LINES[int(rng.integers(len(OTHER_LINES)))]
        extra = [ring(x - 6.7, -3.05, x + 6.7, 3.05) for x in ((0.0,) if rng.random() < 0.5 else (-5.5, 5.5))]
        draw_lines(canvas, pose, extra, width_m=0.05, colour=other, opacity=0.7, wear=0.2, rng=rng)
    draw_lines(
        canvas, pose, tennis_lines(), width_m=style.line_m, colour=style.line, opacity=style.line_opacity,
        wear=style.wear, rng=rng,
    )  # fmt: skip
    if rng.random() < 0.9:
        draw_net(canvas, pose.place(segment(0, -wide - 0.9, 0, wide + 0.9)), sun=style.sun, rng=rng)
    if rng.random() < 0.6 * style.furniture:
        draw_bench(canvas, pose, 0.0, wide + rng.uniform(1.2, 2.2), sun=style.sun, rng=rng)
    near = pose.place(box(-half - 3, -wide - 1, half + 3, wide + 1))
    draw_people(canvas, near, sun=style.sun, rng=rng, mean=1.2)


def plan_tennis(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a single tennis court."""
    style = tennis_style(sun=sun, rng=rng)
    half, wide = TENNIS_M[0] / 2.0, TENNIS_M[1] / 2.0
    back, side = rng.uniform(3.5, 7.0), rng.uniform(1.8, 4.5)
    slab = box(-half - back, -wide - side, half + back, wide + side)
    fenced, lamps = rng.random() < 0.75, int(rng.choice([0, 2, 4], p=[0.5, 0.25, 0.25]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        draw_slab(canvas, pose, slab, style, rng=rng)
        draw_tennis(canvas, pose, style, rng=rng)
        if fenced:
            draw_fence(canvas, pose.place(slab.exterior), sun=sun, rng=rng)
        draw_lamps(canvas, pose, slab, count=lamps, sun=sun, rng=rng)

    outline = box(-half, -wide, half, wide)
    return FieldPlan(
        variant=f"tennis-{style.inner.kind}", extent=slab, outlines=(("tennis_court", outline),), draw=draw
    )


def draw_lamps(
    canvas: Canvas, pose: Pose, slab: Polygon, *, count: int, sun: Sun, rng: np.random.Generator
) -> None:
    """Draw lamp posts along the two long sides of a slab."""
    left, top, right, bottom = slab.bounds
    for index in range(count):
        x = left + (right - left) * (0.25 + 0.5 * (index // 2))
        spot = pose.place(Point(x, top if index % 2 else bottom))
        draw_lamp(canvas, spot.x, spot.y, sun=sun, rng=rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketballSize:
    """One basketball court, whole or half; metres."""

    length_m: float
    width_m: float
    half: bool
    """Only one basket; `length_m` is then the half court's."""
    hoop: Hoop


def basketball_size(*, rng: np.random.Generator) -> BasketballSize:
    """Choose FIBA, NBA, high-school, schoolyard or half-court sizes."""
    whole = ((28.0, 15.0), (28.65, 15.24), (25.6, 15.24), (26.0, 14.0), (24.0, 13.0), (22.5, 12.5))
    length, width = whole[int(rng.choice(6, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.1]))]
    half = bool(rng.random() < 0.28)
    if half:
        length = length / 2.0 if rng.random() < 0.6 else float(rng.uniform(9.0, 14.0))
    old = rng.random() < 0.15
    hoop = Hoop(
        key_m=(5.8, 4.9) if rng.random() < 0.6 else (5.8, 3.66),
        key_end_m=6.0 if old else 4.9,
        three_m=float(rng.choice([0.0, 6.02, 6.25, 6.75, 7.24], p=[0.15, 0.2, 0.2, 0.3, 0.15])),
        side_m=0.9,
    )
    if hoop.key_m[1] < 4.0 and not old:
        hoop = Hoop(key_m=hoop.key_m, key_end_m=3.66, three_m=hoop.three_m, side_m=hoop.side_m)
    return BasketballSize(length_m=length, width_m=width, half=half, hoop=hoop)


def draw_basketball(
    canvas: Canvas, pose: Pose, size: BasketballSize, style: CourtStyle, *, rng: np.random.Generator
) -> None:
    """Draw one basketball court, slab not included."""
    half, wide = size.length_m / 2.0, size.width_m / 2.0
    gsd_m = canvas.gsd_m
    ends = (-1.0,) if size.half else (-1.0, 1.0)
    if style.outer != style.inner:
        paint = paint_of(style.inner, gsd_m=gsd_m, rng=rng)
        canvas.fill(pose.place(box(-half, -wide, half, wide)), paint)
    third = choose_surface("acrylic", rng=rng)
    painted_key = rng.random() < (0.55 if style.inner.kind == "acrylic" else 0.15)
    painted_arc = size.hoop.three_m > 0 and rng.random() < (0.25 if style.inner.kind == "acrylic" else 0.05)
    lines = [ring(-half, -wide, half, wide)]
    for side in ends:
        marks = hoop_lines(size.hoop, base_x=side * half, width_m=size.width_m, into=-side)
        court = box(-half, -wide, half, wide)
        marks = [line.intersection(court) for line in marks]
        if painted_arc and marks[-1].geom_type == "LineString":
            canvas.fill(pose.place(Polygon(marks[-1].coords)), paint_of(third, gsd_m=gsd_m, rng=rng))
        if painted_key:
            key = style.outer if painted_arc and style.outer != style.inner else third
            canvas.fill(pose.place(Polygon(marks[0].coords)), paint_of(key, gsd_m=gsd_m, rng=rng))
        lines += marks
    if not size.half:
        lines += [segment(0, -wide, 0, wide), arc(0, 0, 1.8, 0, 360)]
        if painted_key and rng.random() < 0.6:
            canvas.fill(pose.place(Point(0, 0).buffer(1.8)), paint_of(third, gsd_m=gsd_m, rng=rng))
    if rng.random() < 0.12:
        other = OTHER_LINES[int(rng.integers(len(OTHER_LINES)))]
        extra = [ring(-min(9.0, half), -min(4.5, wide), min(9.0, half), min(4.5, wide)), segment(0, -4.5, 0, 4.5)]
        draw_lines(canvas, pose, extra, width_m=0.05, colour=other, opacity=0.7, wear=0.3, rng=rng)
    draw_lines(
        canvas, pose, lines, width_m=style.line_m, colour=style.line, opacity=style.line_opacity,
        wear=style.wear, rng=rng,
    )  # fmt: skip
    for side in ends:
        board = box(side * (half - 1.2) - 0.12, -0.9, side * (half - 1.2) + 0.12, 0.9)
        x_m, y_m = style.sun.shift(3.2)
        canvas.shade(translate(pose.place(board.buffer(0.1)), x_m, y_m), strength=style.sun.strength)
        arm = pose.place(box(*sorted_box(side * (half + 0.6), -0.1, side * (half - 1.2), 0.1)))
        draw_block(canvas, arm, (60.0, 60.0, 62.0), height_m=2.5, sun=style.sun, opacity=0.8)
        canvas.fill(pose.place(board), (228.0, 228.0, 226.0), opacity=0.9)
    draw_people(canvas, pose.place(box(-half, -wide, half, wide)), sun=style.sun, rng=rng, mean=1.0)


def sorted_box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
    """Return the bounds in rising order."""
    return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def yard_around(court: Polygon, *, paved: bool, rng: np.random.Generator) -> Polygon:
    """Return the slab of a court; where it is paved like any yard, often a school's whole yard."""
    left, top, right, bottom = court.bounds
    most = 20.0 if paved and rng.random() < 0.45 else 3.2
    west, north, east, south = (float(v) for v in rng.uniform(0.5, most, 4))
    return box(left - west, top - north, right + east, bottom + south)


def plan_basketball(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a single basketball court, whole or half."""
    style = basketball_style(sun=sun, rng=rng)
    size = basketball_size(rng=rng)
    half, wide = size.length_m / 2.0, size.width_m / 2.0
    slab = yard_around(box(-half, -wide, half, wide), paved=style.inner.kind in ("asphalt", "concrete"), rng=rng)
    fenced, lamps = rng.random() < 0.35, int(rng.choice([0, 2, 4], p=[0.7, 0.2, 0.1]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        draw_slab(canvas, pose, slab, style, rng=rng)
        draw_basketball(canvas, pose, size, style, rng=rng)
        if fenced:
            draw_fence(canvas, pose.place(slab.exterior), sun=sun, rng=rng)
        draw_lamps(canvas, pose, slab, count=lamps, sun=sun, rng=rng)

    outline = box(-half, -wide, half, wide)
    return FieldPlan(
        variant=f"basketball-{'half-' if size.half else ''}{style.inner.kind}",
        extent=slab,
        outlines=(("basketball_court", outline),),
        draw=draw,
    )
