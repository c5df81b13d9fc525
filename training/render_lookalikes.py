"""Random choices -> plans of things that are no sports field and look a little like one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import shapely
from shapely.affinity import rotate
from shapely.geometry import LineString, Point, Polygon, box

from groundplan.errors import DataError
from training.render_canvas import Canvas, ragged
from training.render_cars import draw_car_park
from training.render_courts import WHITE
from training.render_lines import arc, ring, segment
from training.render_patch import FieldPatch, FieldPlan, Pose, Sun, any_sun, draw_plan
from training.render_props import draw_block, draw_fence, draw_lines, draw_people, draw_wear
from training.render_roofs import House, Wing, choose_colour, draw_house, draw_house_shadow
from training.render_surfaces import COLOURS, choose_surface, jittered, paint_of


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


def plan_pool(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a pool in its deck, from a garden's to a swimming stadium's with lanes."""
    public = rng.random() < 0.35
    water = rectangle(7, 14, rng=rng, slim=0.4)
    if public:
        long, wide = rng.uniform(22, 50), rng.uniform(10, 22)
        water = box(-long / 2, -wide / 2, long / 2, wide / 2)
    if not public and rng.random() < 0.5:
        water = blob(0, 0, float(rng.uniform(3, 6)), rng=rng)
    deck = box(*water.buffer(float(rng.uniform(1.5, 6.0))).bounds)

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        canvas.fill(pose.place(deck), paint_of(choose_surface("concrete", rng=rng), gsd_m=gsd_m, rng=rng))
        canvas.fill(pose.place(water.buffer(0.4)), WHITE, opacity=0.7)
        canvas.fill(pose.place(water), paint_of(choose_surface("water", rng=rng), gsd_m=gsd_m, rng=rng))
        if public:
            left, top, right, bottom = water.bounds
            lanes = [segment(left, y, right, y) for y in np.arange(top + 2.5, bottom - 1, 2.5)]
            draw_lines(canvas, pose, lanes, width_m=0.15, colour=(60, 90, 130), opacity=0.6, wear=0, rng=rng)
        draw_people(canvas, pose.place(deck), sun=sun, rng=rng, mean=3)

    return plain("pool", deck, draw)


def plan_parking(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a car park with painted bays, some with cars."""
    area = rectangle(22, 75, rng=rng)

    def draw(canvas: Canvas, pose: Pose) -> None:
        kind = "asphalt" if rng.random() < 0.8 else "concrete"
        canvas.fill(pose.place(area), paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng))
        draw_car_park(canvas, pose, area, sun=sun, rng=rng)

    return plain("parking", area, draw)


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


def plan_slab(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a tarpaulin or an empty slab in the colours of courts, without court lines."""
    area = rectangle(8, 36, rng=rng)
    kind = str(rng.choice(["acrylic", "concrete", "asphalt", "clay", "track"], p=[0.4, 0.2, 0.2, 0.1, 0.1]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        canvas.fill(pose.place(area), paint_of(choose_surface(kind, rng=rng), gsd_m=gsd_m, rng=rng))
        if rng.random() < 0.4:
            inner = area.buffer(-float(rng.uniform(1.0, 3.0)), join_style="mitre")
            canvas.fill(pose.place(inner), paint_of(choose_surface(kind, rng=rng), gsd_m=gsd_m, rng=rng))
        if rng.random() < 0.3:
            draw_fence(canvas, pose.place(area.exterior), sun=sun, rng=rng)
        for _ in range(int(rng.integers(0, 5))):
            x, y = rng.uniform(-4, 4, 2)
            light = rng.uniform(60, 220)
            item = pose.place(box(x, y, x + rng.uniform(1, 3), y + rng.uniform(1, 3)))
            draw_block(canvas, item, (light, light * 0.95, light * 0.9), height_m=1.0, sun=sun)

    return plain(f"slab-{kind}", area, draw)


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


def plan_solar(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan rows of solar panels."""
    area = rectangle(14, 60, rng=rng)

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        base = choose_surface(str(rng.choice(["grass", "soil", "concrete"])), rng=rng)
        canvas.fill(pose.place(area), paint_of(base, gsd_m=gsd_m, rng=rng))
        left, top, right, bottom = area.bounds
        panel = jittered((44, 54, 84) if rng.random() < 0.6 else (36, 38, 46), rng=rng)
        deep, step = float(rng.uniform(1.8, 4.0)), float(rng.uniform(1.3, 2.2))
        for y in np.arange(top + 1, bottom - deep, deep * step):
            row = box(left + 1, y, right - 1, y + deep)
            draw_block(canvas, pose.place(row), panel, height_m=1.2, sun=sun)
            seams = [segment(x, y, x, y + deep) for x in np.arange(left + 1, right - 1, 2.0)]
            seams.append(segment(left + 1, y + deep / 2, right - 1, y + deep / 2))
            draw_lines(canvas, pose, seams, width_m=0.06, colour=(190, 195, 200), opacity=0.5, wear=0, rng=rng)

    return plain("solar", area, draw)


def plan_roof(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a large flat roof with joints, painted lines or a court's colour; it has a building's outline."""
    area = rectangle(16, 60, rng=rng, slim=0.35)
    colour = choose_colour("flat", rng=rng)
    if rng.random() < 0.35:
        colour = choose_surface("acrylic", rng=rng).colour
    wing = Wing(x0=area.bounds[0], y0=area.bounds[1], x1=area.bounds[2], y1=area.bounds[3])
    house = House(wings=(wing,), roof="flat", height_m=float(rng.uniform(4, 12)), slope=0.0, colour=colour)

    def draw(canvas: Canvas, pose: Pose) -> None:
        draw_house_shadow(canvas, pose, house, sun=sun)
        draw_house(canvas, pose, house, sun=sun, rng=rng)
        step = float(rng.uniform(1.5, 8.0))
        seams = [segment(x, wing.y0, x, wing.y1) for x in np.arange(wing.x0 + step, wing.x1, step)]
        light = float(rng.choice([70.0, 225.0]))
        draw_lines(canvas, pose, seams, width_m=0.12, colour=(light, light, light), opacity=0.5, wear=0.2, rng=rng)

    return FieldPlan(variant="lookalike-roof", extent=area, outlines=(("building", area),), draw=draw)


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


def plan_playground(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a schoolyard with painted games that are no court, and play things on rubber."""
    area = rectangle(14, 40, rng=rng)

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        kind = str(rng.choice(["asphalt", "concrete", "sand", "acrylic"]))
        canvas.fill(pose.place(area), paint_of(choose_surface(kind, rng=rng), gsd_m=gsd_m, rng=rng))
        left, top, right, bottom = area.bounds
        for _ in range(int(rng.integers(3, 10))):
            x, y = rng.uniform(left + 3, right - 3), rng.uniform(top + 3, bottom - 3)
            size = float(rng.uniform(0.8, 3.0))
            colour = jittered(COLOURS["acrylic"][int(rng.integers(14))], rng=rng)
            pick = rng.random()
            if pick < 0.35:
                lines = [arc(x, y, size, 0, 360), segment(x - size, y, x + size, y)]
                draw_lines(canvas, pose, lines, width_m=0.1, colour=WHITE, opacity=0.8, wear=0.2, rng=rng)
            elif pick < 0.6:
                lines = [ring(x - size, y - size, x + size, y + size), segment(x, y - size, x, y + size)]
                lines.append(segment(x - size, y, x + size, y))
                draw_lines(
                    canvas, pose, lines, width_m=0.08, colour=(222, 190, 80), opacity=0.8, wear=0.2, rng=rng
                )
            elif pick < 0.8:
                canvas.fill(pose.place(blob(x, y, size, rng=rng)), colour)
            else:
                thing = pose.place(box(x - size, y - 1.0, x + size, y + 1.0))
                draw_block(canvas, thing, colour, height_m=2.0, sun=sun)
        draw_people(canvas, pose.place(area), sun=sun, rng=rng, mean=4)

    return plain("playground", area, draw)


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
            draw_lines(canvas, pose, [ring(-8, -4, 8, 4)], width_m=0.06, colour=(60, 90, 160), opacity=0.6, wear=0.3,
                       rng=rng)  # fmt: skip
            draw_lines(canvas, pose, [segment(0, -5, 0, 5)], width_m=0.12, colour=(40, 40, 44), opacity=0.7, wear=0,
                       rng=rng)  # fmt: skip

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


LOOKALIKES: Final[dict[str, Callable[..., FieldPlan]]] = {
    "pool": plan_pool,
    "parking": plan_parking,
    "lawn": plan_lawn,
    "slab": plan_slab,
    "plot": plan_plot,
    "solar": plan_solar,
    "roof": plan_roof,
    "roundabout": plan_roundabout,
    "playground": plan_playground,
    "blob": plan_blob,
    "bend": plan_bend,
}
"""Kinds of look-alikes; all are equally likely unless one is named."""


def plan_lookalike(*, rng: np.random.Generator, kind: str | None = None, sun: Sun | None = None) -> FieldPlan:
    """Plan something that is no sports field.

    Raises
    ------
    DataError
        The kind is not one of `LOOKALIKES`.
    """
    chosen = str(rng.choice(list(LOOKALIKES))) if kind is None else kind
    if chosen not in LOOKALIKES:
        raise DataError(f"look-alike {chosen!r} is not known; choose one of {', '.join(LOOKALIKES)}")
    return LOOKALIKES[chosen](sun=any_sun(rng) if sun is None else sun, rng=rng)


def draw_lookalike(
    *,
    gsd_m: float,
    rng: np.random.Generator,
    kind: str | None = None,
    heading_deg: float | None = None,
    sun: Sun | None = None,
) -> FieldPatch:
    """Draw a hard negative: a pool, car park, lawn, coloured slab, tilled plot and the like.

    Returns
    -------
    FieldPatch
        Without field outlines; kind ``roof`` has a building's outline, because it is one.

    Raises
    ------
    DataError
        The kind is not one of `LOOKALIKES`.
    """
    plan = plan_lookalike(rng=rng, kind=kind, sun=sun)
    heading = float(rng.uniform(0.0, 360.0)) if heading_deg is None else heading_deg
    return draw_plan(plan, gsd_m=gsd_m, heading_deg=heading)
