"""Random choices -> plans of soccer and American football fields: ground, stripes, lines, goals, wear."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from training.render_canvas import Canvas, Colour
from training.render_courts import WHITE, draw_lamps
from training.render_lines import FOOTBALL_M, YARD_M, arc, football_lines, segment, soccer_lines, yard_numbers
from training.render_patch import FieldPlan, Pose, Sun
from training.render_props import draw_bench, draw_fence, draw_lines, draw_people, draw_wear, swept
from training.render_surfaces import COLOURS, Surface, choose_surface, jittered, mown, paint_of

LAWN_SHARE: Final = 0.4
"""Of the pitches, those in a lawn that goes on beyond them."""
LAWN_M: Final = 38.0
"""How far such a lawn may reach on each side."""
PAVED_SHARE: Final = 0.2
"""Of the American football fields, those in a stadium's paving instead of grass."""
TEAM_COLOURS: Final[tuple[Colour, ...]] = (
    *COLOURS["acrylic"][4:12],
    (206.0, 186.0, 72.0),
    (218.0, 212.0, 196.0),
    (52.0, 54.0, 60.0),
    (40.0, 84.0, 56.0),
)
"""Of end zones, letters and emblems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PitchStyle:
    """What a grass or turf pitch looks like."""

    ground: Surface
    apron: Surface
    """Run-off; grass of its own on turf pitches."""
    line: Colour
    line_m: float
    line_opacity: float
    wear: float
    """0 = fresh lines, 1 = nearly gone."""
    trodden: float
    """0..1: how bare goal mouths and centre are."""
    sun: Sun


def pitch_style(*, sun: Sun, rng: np.random.Generator, dirt: float = 0.05) -> PitchStyle:
    """Choose grass (striped or not), artificial turf or dirt (with a share), and how well it is kept."""
    kind = str(rng.choice(["grass", "turf", "dirt"], p=[0.62, 0.38 - dirt, dirt]))
    ground = choose_surface(kind, rng=rng)
    kept = rng.random()
    if kind == "grass":
        # Stripes and fresh paint go with green, even grass.
        ground = replace(ground, patchy=ground.patchy * (1.2 - kept))
        if kept > 0.45:
            ground = mown(ground, stripe_deg=0.0, rng=rng)
    elif kind == "turf" and rng.random() < 0.35:
        ground = replace(ground, stripe_m=5 * YARD_M, stripe_depth=float(rng.uniform(0.03, 0.1)))
    apron = ground if rng.random() < 0.7 else choose_surface(kind if kind == "grass" else "turf", rng=rng)
    wear = 0.0 if kept > 0.35 else rng.uniform(0.1, 0.75)
    return PitchStyle(
        ground=ground,
        apron=replace(apron, stripe_depth=0.0) if rng.random() < 0.5 else apron,
        line=jittered(WHITE, rng=rng, by=0.03),
        line_m=float(rng.uniform(0.08, 0.15)),
        line_opacity=float(rng.uniform(0.75, 1.0)) if kind != "dirt" else float(rng.uniform(0.4, 0.8)),
        wear=float(wear if kind != "turf" else 0.0),
        trodden=float((1.0 - kept) * rng.uniform(0.3, 1.0)) if kind == "grass" else 0.0,
        sun=sun,
    )


def ground_paint(
    style: PitchStyle, pose: Pose, canvas: Canvas, *, rng: np.random.Generator, along: bool
) -> Surface:
    """Return the ground with its stripes turned to lie across (or along) the pitch at its pose."""
    turn = pose.turn_deg + (90.0 if along else 0.0)
    return replace(style.ground, stripe_deg=turn)


def draw_soccer(
    canvas: Canvas, pose: Pose, size_m: tuple[float, float], style: PitchStyle, *, rng: np.random.Generator
) -> None:
    """Draw one soccer pitch, run-off not included."""
    half, wide = size_m[0] / 2.0, size_m[1] / 2.0
    area = box(-half, -wide, half, wide)
    ground = ground_paint(style, pose, canvas, rng=rng, along=bool(rng.random() < 0.15))
    # The mown area reaches a little beyond the touch lines, so that no colour step gives the outline away.
    canvas.fill(pose.place(area.buffer(1.0, join_style="mitre")), paint_of(ground, gsd_m=canvas.gsd_m, rng=rng),
                soft_m=0.3)  # fmt: skip
    bare = jittered(COLOURS["dirt"][int(rng.integers(3))], rng=rng)
    if style.trodden > 0.1:
        spots = [Point(side * (half - 4.0), 0).buffer(5.0) for side in (-1, 1)] + [Point(0, 0).buffer(6.0)]
        for spot in spots:
            draw_wear(canvas, pose.place(spot), bare, amount=style.trodden * rng.uniform(0.4, 1.0), rng=rng)
    if style.ground.kind == "turf" and rng.random() < 0.3:
        other = football_lines()[:22]
        yellow: Colour = (220.0, 190.0, 70.0)
        kept = [line.intersection(area) for line in other]
        draw_lines(canvas, pose, kept, width_m=0.1, colour=yellow, opacity=0.6, wear=0.0, rng=rng)
    draw_lines(
        canvas, pose, soccer_lines(*size_m), width_m=style.line_m, colour=style.line, opacity=style.line_opacity,
        wear=style.wear, rng=rng,
    )  # fmt: skip
    if rng.random() < 0.85:
        for side in (-1.0, 1.0):
            draw_goal(canvas, pose, side * half, side, width_m=7.32 * min(1.0, size_m[0] / 90.0), style=style)
    draw_people(canvas, pose.place(area), sun=style.sun, rng=rng, mean=2.5 if rng.random() < 0.7 else 18.0)


def draw_goal(canvas: Canvas, pose: Pose, x: float, side: float, *, width_m: float, style: PitchStyle) -> None:
    """Draw a soccer goal: white frame, faint net, thin shadow."""
    wide = width_m / 2.0
    frame = LineString([(x, -wide), (x + side * 1.6, -wide), (x + side * 1.6, wide), (x, wide), (x, -wide)])
    bar = pose.place(LineString([(x, -wide), (x, wide)]))
    canvas.shade(swept(bar, style.sun.shift(2.4)), strength=style.sun.strength * 0.15)
    canvas.fill(pose.place(frame.convex_hull), (220.0, 220.0, 216.0), opacity=0.25)
    canvas.put(canvas.trace([pose.place(frame)], width_m=0.14), (236.0, 236.0, 232.0), opacity=0.85)


def soccer_size(*, rng: np.random.Generator) -> tuple[float, float]:
    """Choose full-size pitches mostly, youth pitches sometimes; length and width in metres."""
    if rng.random() < 0.7:
        return float(rng.uniform(90, 116)), float(rng.uniform(54, 74))
    length = float(rng.uniform(45, 85))
    return length, length * float(rng.uniform(0.58, 0.72))


def lawn_around(area: Polygon, *, low_m: float, high_m: float, rng: np.random.Generator) -> Polygon:
    """Return the grass that a pitch lies in: mostly its run-off, often a whole playing field of any form.

    Where the lawn ends with the run-off, a step of colour gives the pitch away; on school grounds and in parks
    only its lines do.
    """
    left, top, right, bottom = area.bounds
    far = LAWN_M if rng.random() < LAWN_SHARE else high_m
    west, north, east, south = (float(v) for v in rng.uniform(low_m, far, 4))
    lawn = box(left - west, top - north, right + east, bottom + south)
    if far > high_m and rng.random() < 0.5:
        corner = float(rng.uniform(0.3, 1.0)) * min(west, north, east, south)
        lawn = lawn.buffer(-corner).buffer(corner)
    return lawn


def plan_soccer(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a single soccer pitch."""
    style = pitch_style(sun=sun, rng=rng)
    size_m = soccer_size(rng=rng)
    half, wide = size_m[0] / 2.0, size_m[1] / 2.0
    apron = lawn_around(box(-half, -wide, half, wide), low_m=1.5, high_m=8.0, rng=rng)
    fenced, lamps = rng.random() < 0.3, int(rng.choice([0, 2, 4], p=[0.6, 0.15, 0.25]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        paint = paint_of(replace(style.apron, stripe_deg=pose.turn_deg), gsd_m=canvas.gsd_m, rng=rng)
        canvas.fill(pose.place(apron.buffer(-0.8)), paint, soft_m=0.5 if style.apron.kind == "turf" else 1.2)
        draw_soccer(canvas, pose, size_m, style, rng=rng)
        if fenced:
            draw_fence(canvas, pose.place(apron.exterior), sun=sun, rng=rng)
        for x in (-8.0, 8.0):
            if rng.random() < 0.3:
                draw_bench(canvas, pose, x, -wide - 1.4, sun=sun, rng=rng)
        draw_lamps(canvas, pose, apron, count=lamps, sun=sun, rng=rng)

    outline = box(-half, -wide, half, wide)
    return FieldPlan(
        variant=f"soccer-{style.ground.kind}", extent=apron, outlines=(("soccer_field", outline),), draw=draw
    )


def draw_football(canvas: Canvas, pose: Pose, style: PitchStyle, *, rng: np.random.Generator) -> None:
    """Draw one American football field, run-off not included."""
    half, wide = FOOTBALL_M[0] / 2.0, FOOTBALL_M[1] / 2.0
    gsd_m = canvas.gsd_m
    area = box(-half, -wide, half, wide)
    ground = ground_paint(style, pose, canvas, rng=rng, along=False)
    canvas.fill(pose.place(area.buffer(0.8, join_style="mitre")), paint_of(ground, gsd_m=gsd_m, rng=rng),
                soft_m=0.3)  # fmt: skip
    if rng.random() < 0.4:
        draw_bands(canvas, pose, rng=rng)
    team = jittered(TEAM_COLOURS[int(rng.integers(len(TEAM_COLOURS)))], rng=rng)
    letters = WHITE if rng.random() < 0.6 else TEAM_COLOURS[int(rng.integers(len(TEAM_COLOURS)))]
    tint = float(rng.uniform(0.5, 1.0)) if style.ground.kind == "turf" else float(rng.uniform(0.2, 0.95))
    painted, lettered = rng.random() < 0.6, rng.random() < 0.6
    for side in (-1.0, 1.0):
        x0, x1 = sorted((side * half, side * (half - 10 * YARD_M)))
        if painted:
            canvas.fill(pose.place(box(x0 + 0.2, -wide, x1 - 0.2, wide)), team, opacity=tint)
        if lettered:
            draw_letters(canvas, pose, (x0 + x1) / 2.0, wide, letters, opacity=tint, rng=rng)
    if rng.random() < 0.4:
        emblem = Point(0, 0).buffer(float(rng.uniform(3, 6)))
        if rng.random() < 0.5:
            emblem = emblem.difference(Point(0, 0).buffer(float(rng.uniform(1, 2.5))))
        canvas.fill(pose.place(emblem), team, opacity=tint * 0.8)
    if style.trodden > 0.1:
        bare = jittered(COLOURS["dirt"][int(rng.integers(3))], rng=rng)
        middle = box(-half * 0.7, -4.0, half * 0.7, 4.0)
        draw_wear(canvas, pose.place(middle), bare, amount=style.trodden * 0.7, rng=rng)
    if rng.random() < 0.25:
        colour: Colour = (90.0, 130.0, 180.0) if rng.random() < 0.5 else (214.0, 188.0, 80.0)
        soccer = soccer_lines(100.0, float(rng.uniform(55, 68)))
        draw_lines(canvas, pose, soccer, width_m=0.1, colour=colour, opacity=0.55, wear=0.1, rng=rng)
    # Border and yard lines, then the broad side line that coaches stand behind.
    border, *inner = football_lines()
    # Yard lines are a hand wide and often hardly seen where the border, as broad as a man is tall, shines.
    faint = float(rng.uniform(0.3, 1.0))
    for lines, share in (([border], 1.0), (inner, faint)):
        draw_lines(
            canvas, pose, lines, width_m=style.line_m, colour=style.line, opacity=share * style.line_opacity,
            wear=style.wear, rng=rng,
        )  # fmt: skip
    if rng.random() < 0.6:
        broad = rng.uniform(0.3, 1.8)
        edge = area.buffer(broad, join_style="mitre").difference(area)
        canvas.fill(pose.place(edge), style.line, opacity=style.line_opacity * (1.0 - 0.6 * style.wear))
    if rng.random() < 0.8:
        cells = MultiPolygon([box(*cell) for cell in yard_numbers(float(rng.uniform(0.36, 0.56)))])
        canvas.fill(pose.place(cells), style.line, opacity=0.8 * style.line_opacity * (1.0 - style.wear))
    for side in (-1.0, 1.0):
        draw_posts(canvas, pose, side * (half if rng.random() < 0.8 else half - 9.1), side, style=style, rng=rng)
    draw_people(canvas, pose.place(area), sun=style.sun, rng=rng, mean=2.0 if rng.random() < 0.7 else 25.0)


def draw_bands(canvas: Canvas, pose: Pose, *, rng: np.random.Generator) -> None:
    """Darken every other band between yard lines, as stadiums mow or lay them: 5 or 10 yards wide."""
    step = (5 if rng.random() < 0.6 else 10) * YARD_M
    half, wide = FOOTBALL_M[0] / 2.0, FOOTBALL_M[1] / 2.0
    strength = float(rng.uniform(0.05, 0.25))
    start = -half + float(rng.integers(2)) * step
    for x0 in np.arange(start, half - 0.1, 2.0 * step):
        canvas.shade(pose.place(box(float(x0), -wide, min(float(x0) + step, half), wide)), strength=strength)


def draw_letters(
    canvas: Canvas, pose: Pose, x: float, wide: float, colour: Colour, *, opacity: float, rng: np.random.Generator
) -> None:
    """Draw something like a team's name across an end zone: strokes in cells, read by nobody."""
    count = int(rng.integers(4, 10))
    step = 2.0 * wide * 0.8 / count
    tall, broad = float(rng.uniform(1.6, 3.4)), float(rng.uniform(0.5, 1.5))
    strokes = []
    for index in range(count):
        y = -wide * 0.8 + (index + 0.5) * step
        corners = [(x + dx, y + dy * step) for dx in (-tall, 0.0, tall) for dy in (-0.3, 0.3)]
        for _ in range(4):
            (x0, y0), (x1, y1) = (corners[int(rng.integers(6))] for _ in range(2))
            if (x0, y0) != (x1, y1):
                strokes.append(segment(x0, y0, x1, y1))
    layer = canvas.trace([pose.place(stroke) for stroke in strokes], width_m=broad)
    canvas.put(layer, colour, opacity=opacity * 0.9)


def draw_posts(
    canvas: Canvas, pose: Pose, x: float, side: float, *, style: PitchStyle, rng: np.random.Generator
) -> None:
    """Draw goal posts: a yellow or white cross bar with two long thin shadows."""
    ends = [pose.place(Point(x, y)) for y in (-2.8, 2.8)]
    reach = style.sun.shift(9.0)
    lines = [LineString([end, (end.x + reach[0], end.y + reach[1])]) for end in ends]
    canvas.put(canvas.trace(lines, width_m=0.12), (10.0, 12.0, 18.0), opacity=style.sun.strength * 0.8)
    colour = (226.0, 200.0, 70.0) if rng.random() < 0.6 else WHITE
    foot = pose.place(segment(x, 0, x + side * 1.5, 0))
    canvas.put(canvas.trace([LineString(ends), foot], width_m=0.2), colour, opacity=0.9)


def plan_football(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a single American football field."""
    style = pitch_style(sun=sun, rng=rng, dirt=0.0)
    half, wide = FOOTBALL_M[0] / 2.0, FOOTBALL_M[1] / 2.0
    apron = lawn_around(box(-half, -wide, half, wide), low_m=2.0, high_m=9.0, rng=rng)
    lamps = int(rng.choice([0, 4], p=[0.6, 0.4]))
    if rng.random() < PAVED_SHARE:
        paved = str(rng.choice(["asphalt", "concrete", "acrylic", "track"]))
        style = replace(style, apron=choose_surface(paved, rng=rng))

    def draw(canvas: Canvas, pose: Pose) -> None:
        paint = paint_of(replace(style.apron, stripe_deg=pose.turn_deg), gsd_m=canvas.gsd_m, rng=rng)
        canvas.fill(pose.place(apron.buffer(-0.8)), paint, soft_m=0.5 if style.apron.kind == "turf" else 1.2)
        draw_football(canvas, pose, style, rng=rng)
        for x in np.arange(-20.0, 21.0, 8.0):
            for y in (-wide - 2.2, wide + 2.2):
                if rng.random() < 0.35:
                    draw_bench(canvas, pose, float(x), y, sun=sun, rng=rng)
        draw_lamps(canvas, pose, apron, count=lamps, sun=sun, rng=rng)

    outline = box(-half, -wide, half, wide)
    return FieldPlan(
        variant=f"football-{style.ground.kind}",
        extent=apron,
        outlines=(("american_football_field", outline),),
        draw=draw,
    )


def centre_arcs() -> list[LineString]:
    """Return the rings of a lacrosse or hockey pitch, painted on shared turf."""
    return [arc(0.0, 0.0, 9.0, 0, 360), arc(0.0, 0.0, 3.0, 0, 360)]
