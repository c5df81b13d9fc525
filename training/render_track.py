"""Random choices -> plans of running tracks, with what lies inside them."""

from dataclasses import replace

import numpy as np
from shapely.geometry import LineString, Point, Polygon, box

from training.render_canvas import Canvas
from training.render_courts import WHITE, draw_lamps
from training.render_lines import FOOTBALL_M, segment
from training.render_patch import FieldPlan, Pose, Sun
from training.render_pitches import draw_football, draw_soccer, pitch_style
from training.render_props import draw_fence, draw_lines
from training.render_surfaces import choose_surface, jittered, paint_of

LANE_M = 1.22
"""Width of a lane. Source: World Athletics Track Facilities Manual, 2.2."""

STANDARD_M = (84.39, 36.5)
"""Length of the straights and radius of the kerb of the standard 400 m track (same source)."""


def oval(straight_m: float, radius_m: float) -> Polygon:
    """Return the ground inside a line of two straights and two half circles."""
    half = straight_m / 2.0
    return Polygon(LineString([(-half, 0), (half, 0)]).buffer(radius_m, quad_segs=24).exterior)


def track_size(*, rng: np.random.Generator) -> tuple[float, float, int]:
    """Choose straight, kerb radius (metres) and lanes; most are 400 m, some shorter."""
    if rng.random() < 0.72:
        lanes = int(rng.choice([6, 8, 8, 9]))
        if rng.random() < 0.6:
            return (*STANDARD_M, lanes)
        radius = float(rng.uniform(29.0, 44.0))
        return (400.0 - 2.0 * np.pi * (radius + 0.3)) / 2.0, radius, lanes
    length, radius = float(rng.uniform(200, 333)), float(rng.uniform(17, 30))
    radius = min(radius, length / 7.5)
    return (length - 2.0 * np.pi * radius) / 2.0, radius, int(rng.integers(4, 7))


def plan_track(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a running track: the ring is its outline; a pitch inside has an outline of its own."""
    straight, radius, lanes = track_size(rng=rng)
    outer_r = radius + lanes * LANE_M + float(rng.choice([0.0, rng.uniform(0.3, 1.2)]))
    inner, outer = oval(straight, radius), oval(straight, outer_r)
    surface = choose_surface("track", rng=rng)
    cinder = sum(surface.colour) / 3.0 > 125 and surface.colour[0] - surface.colour[1] < 45
    pitch = pitch_style(sun=sun, rng=rng, dirt=0.0)
    inside = str(rng.choice(["soccer", "football", "grass"], p=[0.4, 0.35, 0.25]))
    if straight < 75 or (inside == "football" and not fits(FOOTBALL_M, inner)):
        inside = "soccer" if straight > 45 and rng.random() < 0.6 else "grass"
    soccer_m = largest_pitch(straight, radius, rng=rng) if inside == "soccer" else (0.0, 0.0)
    if inside == "soccer" and soccer_m[0] < 40.0:
        inside = "grass"
    d_zone = rng.random() < 0.35 and not cinder
    margin = float(rng.uniform(0.6, 4.0) if rng.random() < 0.65 else rng.uniform(4.0, 25.0))
    extent = outer.buffer(margin, join_style="round" if margin < 4.0 or rng.random() < 0.5 else "mitre")
    if margin > 8.0 and rng.random() < 0.5:
        extent = box(*extent.bounds)

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        apron = replace(pitch.apron, stripe_m=0.0)
        canvas.fill(pose.place(extent.buffer(-0.8)), paint_of(apron, gsd_m=gsd_m, rng=rng), soft_m=1.0)
        lawn = replace(pitch.ground, stripe_m=0.0) if inside == "grass" else pitch.ground
        lawn = replace(lawn, stripe_deg=pose.turn_deg)
        canvas.fill(pose.place(outer), paint_of(lawn, gsd_m=gsd_m, rng=rng))
        if d_zone:
            start = {"football": FOOTBALL_M[0], "soccer": soccer_m[0]}.get(inside, straight) / 2.0 + 1.5
            for side in (-1.0, 1.0):
                zone = inner.intersection(box(*sorted_x(side * start, side * 200.0), 100.0))
                canvas.fill(pose.place(zone), paint_of(surface, gsd_m=gsd_m, rng=rng))
        if inside == "soccer":
            draw_soccer(canvas, pose, soccer_m, pitch, rng=rng)
        elif inside == "football":
            draw_football(canvas, pose, pitch, rng=rng)
        if rng.random() < 0.4:
            draw_pit(canvas, pose, straight, radius, sun=sun, rng=rng)
        ring = outer.difference(inner)
        if rng.random() < 0.25:
            tail = float(rng.uniform(5, 25))
            end = straight / 2.0 + tail
            chute = box(-end if rng.random() < 0.5 else 0.0, -outer_r, end, -radius).difference(inner)
            canvas.fill(pose.place(chute.intersection(extent)), paint_of(surface, gsd_m=gsd_m, rng=rng))
        canvas.fill(pose.place(ring), paint_of(surface, gsd_m=gsd_m, rng=rng))
        if rng.random() < 0.9:
            marks = [oval(straight, radius + k * LANE_M).exterior for k in range(lanes + 1)]
            lines = [LineString(mark.coords) for mark in marks]
            faint = rng.uniform(0.15, 0.5) if cinder else rng.uniform(0.55, 1.0)
            wear = rng.uniform(0.3, 0.8) if cinder else rng.choice([0.0, rng.uniform(0.1, 0.6)])
            draw_lines(canvas, pose, lines, width_m=0.06, colour=WHITE, opacity=faint, wear=float(wear), rng=rng)
            across = start_lines(straight, radius, lanes, rng=rng)
            draw_lines(canvas, pose, across, width_m=0.08, colour=WHITE, opacity=faint, wear=0.0, rng=rng)
        if rng.random() < 0.3:
            draw_fence(canvas, pose.place(extent.buffer(-0.5).exterior), sun=sun, rng=rng)
        lamps = int(rng.choice([0, 4], p=[0.6, 0.4]))
        draw_lamps(canvas, pose, box(*extent.bounds), count=lamps, sun=sun, rng=rng)

    outlines: list[tuple[str, Polygon]] = [("running_track", outer.difference(inner))]
    if inside == "soccer":
        half, wide = soccer_m[0] / 2.0, soccer_m[1] / 2.0
        outlines.append(("soccer_field", box(-half, -wide, half, wide)))
    if inside == "football":
        outlines.append(
            ("american_football_field", box(*(-v / 2.0 for v in FOOTBALL_M), *(v / 2.0 for v in FOOTBALL_M)))
        )
    return FieldPlan(
        variant=f"track-{lanes}-lanes-{inside}",
        extent=Polygon(extent.exterior),
        outlines=tuple(outlines),
        draw=draw,
    )


def sorted_x(x0: float, x1: float) -> tuple[float, float, float]:
    """Return left, a far top, and right: the first three bounds of a vertical strip."""
    return (min(x0, x1), -100.0, max(x0, x1))


def fits(size_m: tuple[float, float], inner: Polygon) -> bool:
    """Return whether a centred rectangle lies inside the kerb."""
    half, wide = size_m[0] / 2.0, size_m[1] / 2.0
    return bool(inner.contains(box(-half, -wide, half, wide)))


def largest_pitch(straight_m: float, radius_m: float, *, rng: np.random.Generator) -> tuple[float, float]:
    """Choose a soccer pitch that leaves a metre to the kerb."""
    wide = radius_m * float(rng.uniform(0.80, 0.93))
    length = straight_m / 2.0 + float(np.sqrt((radius_m - 1.0) ** 2 - wide**2)) - 0.5
    return 2.0 * length, 2.0 * wide


def start_lines(straight_m: float, radius_m: float, lanes: int, *, rng: np.random.Generator) -> list[LineString]:
    """Return the finish line and a few staggered marks across single lanes."""
    half, outer_r = straight_m / 2.0, radius_m + lanes * LANE_M
    lines = [segment(half, -outer_r, half, -radius_m)]
    for lane in range(lanes):
        y = -(radius_m + lane * LANE_M)
        for shift in rng.uniform(-half, half * 0.8, 2):
            lines.append(segment(shift + 2.0 * lane, y, shift + 2.0 * lane, y - LANE_M))
        y2 = radius_m + lane * LANE_M
        lines.append(segment(half - 20 - 3.5 * lane, y2, half - 20 - 3.5 * lane, y2 + LANE_M))
    return lines


def draw_pit(
    canvas: Canvas, pose: Pose, straight: float, radius: float, *, sun: Sun, rng: np.random.Generator
) -> None:
    """Draw a long-jump runway with its sand pit inside the bend or beside the straight."""
    y = radius - rng.uniform(2.5, 4.0)
    x = rng.uniform(-straight / 3, straight / 6)
    runway = choose_surface("track", rng=rng)
    canvas.fill(pose.place(box(x - 30.0, y - 0.6, x, y + 0.6)), paint_of(runway, gsd_m=canvas.gsd_m, rng=rng))
    canvas.fill(pose.place(box(x, y - 1.4, x + 8.5, y + 1.4)), jittered((212, 198, 166), rng=rng))
    if rng.random() < 0.3:
        circle = Point(straight / 2 + radius * 0.5, -radius * 0.3).buffer(1.3)
        canvas.fill(pose.place(circle), (186.0, 182.0, 174.0))
