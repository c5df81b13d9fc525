"""Label and count -> a plan of courts side by side on one slab, or of pitches and diamonds sharing a ground."""

from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry import Polygon, box

from groundplan.errors import DataError
from training.render_canvas import Canvas
from training.render_courts import (
    basketball_size,
    basketball_style,
    draw_basketball,
    draw_lamps,
    draw_slab,
    draw_tennis,
    tennis_style,
)
from training.render_diamond import plan_diamond, shifted_plan
from training.render_lines import FOOTBALL_M, TENNIS_M, segment
from training.render_patch import FieldPlan, Pose, Sun
from training.render_pitches import draw_football, draw_soccer, lawn_around, pitch_style, soccer_size
from training.render_props import draw_fence
from training.render_schoolyard import plan_schoolyard
from training.render_surfaces import choose_surface, paint_of

SCHOOLYARDS = 0.4
"""Share of the batteries of basketball courts that are school yards."""


def plan_battery(label: str, *, count: int | None, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan several fields of one label.

    Raises
    ------
    DataError
        Tracks and buildings do not come in batteries.
    """
    if label == "basketball_court" and count is None and rng.random() < SCHOOLYARDS:
        return plan_schoolyard(sun=sun, rng=rng)
    if label in ("tennis_court", "basketball_court"):
        number = int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.1, 0.3, 0.2, 0.2, 0.1, 0.1])) if count is None else count
        return plan_slab(label, number, sun=sun, rng=rng)
    if label in ("soccer_field", "american_football_field"):
        return plan_pitch_row(label, int(rng.integers(2, 4)) if count is None else count, sun=sun, rng=rng)
    if label == "baseball_diamond":
        return plan_clover(int(rng.integers(2, 5)) if count is None else count, sun=sun, rng=rng)
    raise DataError(f"label {label!r} does not come in batteries; choose a court, a pitch or baseball_diamond")


def plan_slab(label: str, number: int, *, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan tennis or basketball courts whose long sides face each other, all of one style."""
    if label == "tennis_court":
        style = tennis_style(sun=sun, rng=rng)
        half, wide = TENNIS_M[0] / 2.0, TENNIS_M[1] / 2.0
        back, side, gap = rng.uniform(4, 7), rng.uniform(2.5, 4.5), rng.uniform(2.0, 7.0)
    else:
        style = basketball_style(sun=sun, rng=rng)
        size = basketball_size(rng=rng)
        half, wide = size.length_m / 2.0, size.width_m / 2.0
        back, side, gap = rng.uniform(0.8, 3.0), rng.uniform(0.8, 3.0), rng.uniform(0.6, 5.0)
    step = 2.0 * wide + gap
    places = [(k - (number - 1) / 2.0) * step for k in range(number)]
    slab = box(-half - back, places[0] - wide - side, half + back, places[-1] + wide + side)
    shared = rng.random() < 0.7
    fences = [segment(-half - back, y + step / 2, half + back, y + step / 2) for y in places[:-1]]
    fenced, divided = rng.random() < 0.75, rng.random() < 0.3

    def draw(canvas: Canvas, pose: Pose) -> None:
        draw_slab(canvas, pose, slab, style, rng=rng)
        if not shared:
            # Strips between the courts that belong to none: grass or paving of another kind.
            between = choose_surface(str(rng.choice(["grass", "concrete", "asphalt"])), rng=rng)
            for y in places[:-1]:
                strip = box(-half - back, y + wide + gap * 0.35, half + back, y + wide + gap * 0.65)
                canvas.fill(pose.place(strip), paint_of(between, gsd_m=canvas.gsd_m, rng=rng))
        for y in places:
            there = pose.then(0.0, y, 180.0 if rng.random() < 0.5 else 0.0)
            if label == "tennis_court":
                draw_tennis(canvas, there, style, rng=rng)
            else:
                draw_basketball(canvas, there, size, style, rng=rng)
        if fenced:
            draw_fence(canvas, pose.place(slab.exterior), sun=sun, rng=rng)
        if divided:
            draw_fence(canvas, pose.place(shapely.union_all(fences)), sun=sun, rng=rng)
        draw_lamps(canvas, pose, slab, count=int(rng.choice([0, 2, 4])), sun=sun, rng=rng)

    outlines = tuple((label, box(-half, y - wide, half, y + wide)) for y in places)
    return FieldPlan(variant=f"{number}x-{label}-{style.inner.kind}", extent=slab, outlines=outlines, draw=draw)


def plan_pitch_row(label: str, number: int, *, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan soccer or American football fields side by side on one lawn."""
    style = pitch_style(sun=sun, rng=rng)
    size_m = soccer_size(rng=rng) if label == "soccer_field" else FOOTBALL_M
    half, wide = size_m[0] / 2.0, size_m[1] / 2.0
    step = 2.0 * wide + rng.uniform(3.0, 12.0)
    places = [(k - (number - 1) / 2.0) * step for k in range(number)]
    rows = box(-half, places[0] - wide, half, places[-1] + wide)
    ground = lawn_around(rows, low_m=2.0, high_m=7.0, rng=rng)

    def draw(canvas: Canvas, pose: Pose) -> None:
        apron = replace(style.apron, stripe_deg=pose.turn_deg)
        canvas.fill(pose.place(ground.buffer(-0.8)), paint_of(apron, gsd_m=canvas.gsd_m, rng=rng), soft_m=1.0)
        for y in places:
            if label == "soccer_field":
                draw_soccer(canvas, pose.then(0.0, y), size_m, style, rng=rng)
            else:
                draw_football(canvas, pose.then(0.0, y), style, rng=rng)

    outlines = tuple((label, box(-half, y - wide, half, y + wide)) for y in places)
    return FieldPlan(variant=f"{number}x-{label}", extent=ground, outlines=outlines, draw=draw)


def plan_clover(number: int, *, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan diamonds whose home plates face a common middle, as in softball complexes."""
    plans = []
    dirt, lawn = choose_surface("dirt", rng=rng), choose_surface("grass", rng=rng)
    for k in range(number):
        plan = plan_diamond(sun=sun, rng=rng, dirt=dirt, grass=lawn)
        left, _, right, _ = plan.extent.bounds
        reach = max(-left, right, plan.extent.bounds[3], -plan.extent.bounds[1])
        distance = (1.0 if number == 1 else 1.48) * reach + 2.0
        turn = 90.0 * k + float(rng.uniform(-4, 4))
        angle = np.deg2rad(turn)
        plans.append(
            shifted_plan(plan, float(np.cos(angle) * distance), float(np.sin(angle) * distance), turn_deg=turn)
        )
    hull = shapely.convex_hull(shapely.union_all([plan.extent for plan in plans]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        canvas.fill(pose.place(hull), paint_of(lawn, gsd_m=canvas.gsd_m, rng=rng), soft_m=1.0)
        for plan in plans:
            plan.draw(canvas, pose)

    outlines = tuple(outline for plan in plans for outline in plan.outlines)
    return FieldPlan(variant=f"{number}x-diamond", extent=Polygon(hull.exterior), outlines=outlines, draw=draw)
