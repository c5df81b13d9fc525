"""Random choices -> plans of things that are no sports field and look a little like one."""

from collections.abc import Callable
from typing import Final

import numpy as np
from shapely.geometry import Point, box

from groundplan.errors import DataError
from training.render_canvas import Canvas
from training.render_cars import draw_car_park
from training.render_courts import WHITE
from training.render_grounds import (
    blob,
    plain,
    plan_bend,
    plan_blob,
    plan_lawn,
    plan_plot,
    plan_roundabout,
    rectangle,
)
from training.render_lines import arc, ring, segment
from training.render_patch import FieldPatch, FieldPlan, Pose, Sun, any_sun, draw_plan
from training.render_props import draw_block, draw_fence, draw_lines, draw_people
from training.render_roofs import House, Wing, choose_colour, draw_house, draw_house_shadow
from training.render_surfaces import COLOURS, choose_surface, jittered, paint_of


def plan_pool(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a pool in its deck, from a garden's to a swimming stadium's with lanes."""
    public = rng.random() < 0.35
    water = rectangle(7, 14, rng=rng, slim=0.4)
    if public:
        long, wide = rng.uniform(22, 50), rng.uniform(10, 22)
        water = box(-long / 2, -wide / 2, long / 2, wide / 2)
    if not public and rng.random() < 0.5:
        water = blob(0, 0, float(rng.uniform(3, 6)), rng=rng)
    left, top, right, bottom = water.bounds
    # A pool lies anywhere on its deck, and decks are as large as courts.
    west, north, east, south = (float(v) for v in rng.uniform(1.2, 6.0 if rng.random() < 0.5 else 14.0, 4))
    deck = box(left - west, top - north, right + east, bottom + south)
    paving = str(rng.choice(["concrete", "acrylic", "asphalt", "clay"], p=[0.7, 0.1, 0.1, 0.1]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        canvas.fill(pose.place(deck), paint_of(choose_surface(paving, rng=rng), gsd_m=gsd_m, rng=rng))
        for _ in range(int(rng.integers(0, 9))):
            # Loungers, tables and parasols in rows and heaps.
            x, y = (
                rng.uniform(deck.bounds[0] + 1, deck.bounds[2] - 1),
                rng.uniform(deck.bounds[1] + 1, deck.bounds[3] - 1),
            )
            light = float(rng.uniform(90, 235))
            seat = box(x - 0.35, y - 1.0, x + 0.35, y + 1.0) if rng.random() < 0.6 else Point(x, y).buffer(1.3)
            draw_block(canvas, pose.place(seat), jittered((light, light, light), rng=rng), height_m=0.6, sun=sun)
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
