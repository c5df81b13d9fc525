"""Random choices -> plans of lawns, tilled plots, ponds, sand, path bends and roundabouts."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import shapely
from shapely.affinity import rotate
from shapely.geometry import LineString, Point, Polygon, box

from training.render_canvas import Canvas, ragged
from training.render_courts import WHITE
from training.render_lines import arc, ring, segment
from training.render_patch import FieldPlan, Pose, Sun
from training.render_props import draw_fence, draw_lines, draw_wear
from training.render_surfaces import COLOURS, choose_surface, paint_of


def blob(x: float, y: float, radius_m: float, *, rng: np.random.Generator, uneven: float = 0.18) -> Polygon:
    """Return a rounded shape without corners, as ponds and bunkers have."""
    angle = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    reach = np.ones(48)
    for wave in (2, 3, 4):
        reach += uneven / wave * rng.normal() * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    reach = np.clip(reach, 0.4, 2.0) * radius_m
    return Polygon(np.column_stack([x + reach * np.cos(angle), y + reach * np.sin(angle)])).buffer(0)


def rectangle(low: float, high: float, *, rng: np.random.Generator, slim: float = 0.45) -> Polygon:
    """Return a centred rectangle with its longer side between `low` and `high` metres."""
    long = float(rng.uniform(low, high))
    wide = long * float(rng.uniform(slim, 1.0))
    return box(-long / 2, -wide / 2, long / 2, wide / 2)


def plain(kind: str, extent: Polygon, draw: Callable[[Canvas, Pose], None]) -> FieldPlan:
    """Return a plan without outlines."""
    return FieldPlan(variant=f"lookalike-{kind}", extent=extent, outlines=(), draw=draw)


def plan_lawn(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a lawn, meadow or sports ground without any line, now and then mown in stripes."""
    area = rectangle(15, 100, rng=rng)
    kind = "grass" if rng.random() < 0.85 else "turf"

    def draw(canvas: Canvas, pose: Pose) -> None:
        ground = choose_surface(kind, rng=rng)
        if rng.random() < 0.4:
            ground = replace(ground, stripe_m=3.0, stripe_depth=0.08, stripe_deg=pose.turn_deg)
        canvas.fill(pose.place(area), paint_of(ground, gsd_m=canvas.gsd_m, rng=rng), soft_m=0.4)
        if rng.random() < 0.5:
            path = LineString([(area.bounds[0], 0), (0, rng.uniform(-8, 8)), (area.bounds[2], rng.uniform(-8, 8))])
            canvas.put(canvas.trace([pose.place(path)], width_m=1.8, soft_m=0.3), COLOURS["dirt"][5], opacity=0.8)
        if rng.random() < 0.4:
            bare = Point(rng.uniform(-5, 5), rng.uniform(-5, 5)).buffer(rng.uniform(2, 7))
            draw_wear(canvas, pose.place(bare), COLOURS["dirt"][0], amount=0.6, rng=rng)

    return plain("lawn", area, draw)


def plan_plot(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a tilled plot, orchard rows or a dirt arena."""
    area = rectangle(18, 80, rng=rng, slim=0.4)
    kind = str(rng.choice(["soil", "arena", "orchard"]))
    if kind == "arena" and rng.random() < 0.5:
        area = Polygon(area.buffer(-4).buffer(10).exterior)

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        ground = choose_surface("dirt" if kind == "arena" else "soil", rng=rng)
        if kind == "soil":
            depth = float(rng.uniform(0.08, 0.3))
            ground = replace(
                ground, stripe_m=float(rng.uniform(0.6, 2.0)), stripe_depth=depth, stripe_deg=pose.turn_deg
            )
        layer = ragged(canvas.cover(pose.place(area), soft_m=0.4), gsd_m=gsd_m, amount=0.6, rng=rng)
        canvas.put(layer, paint_of(ground, gsd_m=gsd_m, rng=rng))
        left, top, right, bottom = area.bounds
        if kind == "arena":
            draw_fence(canvas, pose.place(area.exterior), sun=sun, rng=rng)
        if kind == "orchard":
            step = float(rng.uniform(2.5, 5.0))
            rows = [segment(left + 1, y, right - 1, y) for y in np.arange(top + 2, bottom - 1, step)]
            canvas.put(
                canvas.trace([pose.place(r) for r in rows], width_m=1.4, soft_m=0.3), (62, 80, 48), opacity=0.9
            )

    return plain(f"plot-{kind}", area, draw)


def plan_blob(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a pond, a sand bunker, a bare patch of earth, or a beach-volleyball court's sand."""
    kind = str(rng.choice(["pond", "sand", "dirt", "volleyball"]))
    area = blob(0, 0, float(rng.uniform(4, 24)), rng=rng, uneven=0.3)
    if kind == "volleyball":
        area = box(-11, -7, 11, 7)

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        surface = choose_surface("sand" if kind == "volleyball" else kind, rng=rng)
        rim = canvas.cover(pose.place(area.buffer(1.0)), soft_m=0.8)
        canvas.put(rim, COLOURS["grass"][int(rng.integers(8))], opacity=0.5)
        layer = ragged(canvas.cover(pose.place(area), soft_m=0.4), gsd_m=gsd_m, amount=0.5, rng=rng)
        canvas.put(layer, paint_of(surface, gsd_m=gsd_m, rng=rng))
        if kind == "volleyball":
            border, net = [ring(-8, -4, 8, 4)], [segment(0, -5, 0, 5)]
            draw_lines(canvas, pose, border, width_m=0.06, colour=(60, 90, 160), opacity=0.6, wear=0.3, rng=rng)
            draw_lines(canvas, pose, net, width_m=0.12, colour=(40, 40, 44), opacity=0.7, wear=0, rng=rng)

    return plain(f"blob-{kind}", area, draw)


def plan_bend(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a path's bend or loop in the colours of a running track, without its lanes' geometry."""
    radius = float(rng.uniform(12, 45))
    sweep = float(rng.uniform(90, 250))
    line = arc(0, 0, radius, 0, sweep)
    start, stop = np.asarray(line.coords[0]), np.asarray(line.coords[-1])
    tail = np.array([-np.sin(np.deg2rad(sweep)), np.cos(np.deg2rad(sweep))]) * rng.uniform(5, 50)
    line = LineString([start - (0.0, rng.uniform(5, 50)), *line.coords, stop + tail])
    area = line.buffer(float(rng.uniform(1.2, 5.0)))

    def draw(canvas: Canvas, pose: Pose) -> None:
        kind = str(rng.choice(["track", "asphalt", "dirt", "concrete"]))
        canvas.fill(pose.place(area), paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng))
        if rng.random() < 0.5:
            draw_lines(canvas, pose, [line], width_m=0.12, colour=WHITE, opacity=0.7, wear=0.2, rng=rng)

    return plain("bend", Polygon(shapely.convex_hull(area).exterior), draw)


def plan_roundabout(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a roundabout or a turning loop: a paved ring with green inside."""
    inner = float(rng.uniform(5, 24))
    long = float(rng.choice([0.0, rng.uniform(5, 40)]))
    core = LineString([(-long / 2, 0), (long / 2, 0)]).buffer(inner) if long else Point(0, 0).buffer(inner)
    outer = core.buffer(float(rng.uniform(4, 9)))
    arms = [rotate(box(0, -4, inner + 22 + long / 2, 4), a, origin=(0, 0)) for a in rng.uniform(0, 360, 3)]
    area = shapely.union_all([outer, *arms]) if rng.random() < 0.7 else outer

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        canvas.fill(pose.place(area), paint_of(choose_surface("asphalt", rng=rng), gsd_m=gsd_m, rng=rng))
        marks = [LineString(core.buffer(0.5).exterior.coords)]
        draw_lines(canvas, pose, marks, width_m=0.15, colour=WHITE, opacity=0.7, wear=0.3, rng=rng)
        canvas.fill(pose.place(core), paint_of(choose_surface("grass", rng=rng), gsd_m=gsd_m, rng=rng))

    return plain("roundabout", Polygon(shapely.convex_hull(area).exterior), draw)
