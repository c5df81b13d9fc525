"""Random choices -> plans of hard and dug ground that a detector takes for roofs, at full size."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
from shapely.affinity import translate
from shapely.geometry import LineString, Point, Polygon, box

from training.render_canvas import Canvas, Colour, ragged
from training.render_cars import draw_car
from training.render_courts import WHITE
from training.render_grounds import blob, plain, rectangle
from training.render_lines import segment
from training.render_patch import FieldPlan, Pose, Sun
from training.render_props import draw_block, draw_lines, draw_people
from training.render_surfaces import COLOURS, choose_surface, jittered, paint_of
from training.render_trees import draw_tree

YELLOW: Final[Colour] = (216.0, 188.0, 84.0)
"""Of guide lines, 0..255."""

LOADS_M: Final = ((12.2, 2.44), (6.1, 2.44), (13.6, 2.6), (16.2, 2.6), (9.0, 2.5))
"""Length and width of containers (ISO 668), trailers and lorries."""

LOAD_COLOURS: Final[tuple[Colour, ...]] = (
    (228, 230, 230), (236, 236, 232), (206, 208, 206), (150, 60, 52), (172, 92, 62), (58, 92, 140), (70, 118, 104),
    (196, 160, 70), (120, 122, 126), (84, 88, 94),
)  # fmt: skip
"""Most trailers are white, most containers rust red or blue; 0..255."""

LANE_M: Final = 3.6
"""Width of a lane of a motorway."""


def plan_apron(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan an apron or an industrial yard of concrete slabs: joints, slabs of other ages, stains, guide lines."""
    area = rectangle(30, 170, rng=rng, slim=0.25)
    slab_m, mended = float(rng.uniform(3.5, 9.0)), float(rng.choice([0.02, 0.1, 0.35]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        canvas.fill(pose.place(area), paint_of(choose_surface("concrete", rng=rng), gsd_m=gsd_m, rng=rng))
        left, top, right, bottom = area.bounds
        xs, ys = np.arange(left, right, slab_m), np.arange(top, bottom, slab_m)
        for x in xs:
            for y in ys:
                if rng.random() < mended:
                    slab = box(x, y, min(x + slab_m, right), min(y + slab_m, bottom))
                    kind = "asphalt" if rng.random() < 0.15 else "concrete"
                    tone = jittered(COLOURS[kind][int(rng.integers(4))], rng=rng)
                    canvas.fill(pose.place(slab), tone, opacity=float(rng.uniform(0.2, 0.8)))
        joints = [segment(x, top, x, bottom) for x in xs] + [segment(left, y, right, y) for y in ys]
        draw_lines(canvas, pose, joints, width_m=0.1, colour=(96, 94, 90), opacity=0.45, wear=0.3, rng=rng)
        for _ in range(int(rng.integers(0, 12))):
            x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
            stain = blob(x, y, float(rng.uniform(0.6, 4.0)), rng=rng, uneven=0.4).intersection(area)
            canvas.fill(pose.place(stain), (58, 56, 54), opacity=float(rng.uniform(0.1, 0.4)), soft_m=0.5)
        if rng.random() < 0.6:
            y = float(rng.uniform(top, bottom))
            guide = LineString([(left, y), (0, y), (float(rng.uniform(0, right)), bottom)])
            draw_lines(canvas, pose, [guide], width_m=0.25, colour=YELLOW, opacity=0.8, wear=0.3, rng=rng)

    return plain("apron", area, draw)


def plan_plaza(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a paved square in two stones, with beds, trees in rows and people."""
    area = rectangle(18, 90, rng=rng, slim=0.4)
    step_m, checked = float(rng.uniform(2.5, 11.0)), rng.random() < 0.5

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        kinds = [str(rng.choice(["concrete", "clay", "asphalt", "sand"], p=[0.55, 0.2, 0.15, 0.1])) for _ in "ab"]
        canvas.fill(pose.place(area), paint_of(choose_surface(kinds[0], rng=rng), gsd_m=gsd_m, rng=rng))
        left, top, right, bottom = area.bounds
        other, opacity = choose_surface(kinds[1], rng=rng).colour, float(rng.uniform(0.2, 0.9))
        for i, x in enumerate(np.arange(left, right, step_m)):
            for j, y in enumerate(np.arange(top, bottom, step_m) if checked else (top,)):
                if (i + j) % 2:
                    high = min(y + step_m, bottom) if checked else bottom
                    canvas.fill(pose.place(box(x, y, min(x + step_m, right), high)), other, opacity=opacity)
        for _ in range(int(rng.integers(0, 7))):
            x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
            bed = (
                blob(x, y, float(rng.uniform(1.5, 6)), rng=rng) if rng.random() < 0.4 else box(x, y, x + 6, y + 3)
            )
            green = choose_surface("grass", rng=rng)
            canvas.fill(pose.place(bed.intersection(area)), paint_of(green, gsd_m=gsd_m, rng=rng))
        if rng.random() < 0.6:
            y, gap_m = float(rng.uniform(top + 2, bottom - 2)), float(rng.uniform(5, 12))
            for x in np.arange(left + 2, right - 1, gap_m):
                spot = pose.place(Point(x, y))
                draw_tree(canvas, spot.x, spot.y, float(rng.uniform(1.0, 2.6)), sun=sun, rng=rng)
        draw_people(canvas, pose.place(area), sun=sun, rng=rng, mean=8)

    return plain("plaza", area, draw)


def plan_yard(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan a yard with rows of lorries, trailers, containers or stacks of goods."""
    area = rectangle(22, 120, rng=rng, slim=0.3)
    long, wide = LOADS_M[int(rng.integers(len(LOADS_M)))]
    full, gap_m = float(rng.uniform(0.2, 0.95)), float(rng.choice([0.25, 1.0, 2.5]))
    few = [LOAD_COLOURS[k] for k in rng.integers(len(LOAD_COLOURS), size=int(rng.integers(1, 6)))]

    def draw(canvas: Canvas, pose: Pose) -> None:
        kind = str(rng.choice(["asphalt", "concrete", "dirt", "sand"], p=[0.4, 0.3, 0.2, 0.1]))
        canvas.fill(pose.place(area), paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng))
        left, top, right, bottom = area.bounds
        y = top + 1.5
        while y + long < bottom - 1.0:
            for x in np.arange(left + 1.0, right - wide - 1.0, wide + gap_m):
                if rng.random() < full:
                    off = float(rng.normal(0, 0.3))
                    load = box(x, y + off, x + wide, y + off + long)
                    colour = jittered(few[int(rng.integers(len(few)))], rng=rng, by=0.05)
                    height_m = 2.6 * int(rng.integers(1, 3)) if gap_m < 0.5 else 3.6
                    draw_block(canvas, pose.place(load), colour, height_m=height_m, sun=sun)
            y += long + float(rng.choice([0.5, 6.0, 14.0]))

    return plain("yard", area, draw)


def plan_walls(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan walls that carry no roof: foundations, ruins, pens, or a walled plot."""
    area = rectangle(9, 50, rng=rng, slim=0.4)
    thick_m, height_m = float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.3, 2.6))

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        kind = str(rng.choice(["dirt", "sand", "soil", "grass", "concrete"]))
        canvas.fill(
            pose.place(area.buffer(1.0)), paint_of(choose_surface(kind, rng=rng), gsd_m=gsd_m, rng=rng), soft_m=0.6
        )
        left, top, right, bottom = area.bounds
        off_m = min(2.0, (bottom - top) / 3)  # the narrowest grounds are 3.6 m wide
        runs = _sides(area)
        for _ in range(int(rng.integers(0, 7))):
            if rng.random() < 0.5:
                x = float(rng.uniform(left + off_m, right - off_m))
                runs.append(segment(x, top, x, float(rng.uniform(0, bottom))))
            else:
                y = float(rng.uniform(top + off_m, bottom - off_m))
                runs.append(segment(left, y, float(rng.uniform(0, right)), y))
        light = float(rng.uniform(110, 225))
        colour = jittered((light, light * 0.96, light * 0.9), rng=rng, by=0.05)
        for run in runs:
            # A gateway, or a stretch that has fallen.
            start, stop = sorted(float(v) for v in rng.uniform(0, 1, 2))
            whole = rng.random() < 0.6
            pieces = [(0.0, 1.0)] if whole else [(0.0, start), (stop, 1.0)]
            for low, high in pieces:
                ends = [run.interpolate(share, normalized=True) for share in (low, high)]
                if ends[0].distance(ends[1]) > 0.5:
                    wall = LineString(ends).buffer(thick_m / 2, cap_style="square")
                    draw_block(canvas, pose.place(wall), colour, height_m=height_m, sun=sun)

    return plain("walls", area, draw)


def plan_pits(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan dug ground: pits with a shaded side, heaps with a lit one, tracks between them."""
    area = rectangle(20, 100, rng=rng, slim=0.5)
    kind = str(rng.choice(["sand", "dirt", "soil", "concrete"], p=[0.35, 0.35, 0.2, 0.1]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        ground = choose_surface(kind, rng=rng)
        layer = ragged(canvas.cover(pose.place(area), soft_m=1.5), gsd_m=gsd_m, amount=1.0, rng=rng)
        canvas.put(layer, paint_of(ground, gsd_m=gsd_m, rng=rng))
        left, top, right, bottom = area.bounds
        for _ in range(int(rng.integers(2, 14))):
            x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
            size = float(rng.uniform(1.5, 12.0))
            shape = blob(x, y, size, rng=rng, uneven=0.35)
            if rng.random() < 0.4:
                # An excavator's pit has straight sides.
                shape = box(x - size, y - 0.6 * size, x + size, y + 0.6 * size)
            shape = pose.place(shape.intersection(area))
            if shape.is_empty:
                continue
            colour = jittered(ground.colour, rng=rng, by=0.12)
            x_m, y_m = sun.shift(float(rng.uniform(0.5, 3.5)))
            if rng.random() < 0.5:
                canvas.fill(shape, colour, opacity=0.7, soft_m=0.3)
                canvas.shade(shape.difference(translate(shape, x_m, y_m)), strength=sun.strength, soft_m=0.3)
            else:
                canvas.shade(translate(shape, x_m, y_m).difference(shape), strength=sun.strength, soft_m=0.4)
                canvas.fill(shape, colour, opacity=0.8, soft_m=0.4)
                lit = shape.difference(translate(shape, x_m, y_m))
                canvas.fill(lit, WHITE, opacity=float(rng.uniform(0.05, 0.3)), soft_m=0.5)
        track = LineString(
            [(left, float(rng.uniform(top, bottom))), (0, 0), (right, float(rng.uniform(top, bottom)))]
        )
        ruts = [pose.place(track.parallel_offset(d)) for d in (-0.9, 0.9)]
        canvas.put(canvas.trace(ruts, width_m=0.5, soft_m=0.2), jittered(ground.colour, rng=rng), opacity=0.5)

    return plain("pits", area, draw)


def plan_terraces(*, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Plan terraced slopes: bent bands of soil and crops, each with a lit or a shaded edge."""
    area = rectangle(30, 140, rng=rng, slim=0.5)
    step_m, waves = float(rng.uniform(3.0, 12.0)), int(rng.integers(1, 4))

    def draw(canvas: Canvas, pose: Pose) -> None:
        left, top, right, bottom = area.bounds
        xs = np.linspace(left, right, 40)
        bend = float(rng.uniform(0, 0.4)) * step_m * np.sin(xs * waves * 2 * np.pi / (right - left))
        bend += float(rng.uniform(-0.15, 0.15)) * xs
        kinds = ["soil", "grass", "dirt"]
        weights = rng.dirichlet([1.0, 1.0, 0.6])
        shaded = rng.random() < 0.6
        for y in np.arange(top - 0.3 * (right - left), bottom + 0.3 * (right - left), step_m):
            edge, far = np.column_stack([xs, y + bend]), np.column_stack([xs, y + step_m + bend])
            band = Polygon(np.vstack([edge, far[::-1]])).buffer(0).intersection(area)
            if band.is_empty:
                continue
            surface = choose_surface(str(rng.choice(kinds, p=weights)), rng=rng)
            canvas.fill(pose.place(band), paint_of(surface, gsd_m=canvas.gsd_m, rng=rng))
            step = pose.place(LineString(edge).intersection(area))
            tone: Colour = (44, 42, 36) if shaded else (214, 202, 176)
            canvas.put(
                canvas.trace([step], width_m=float(rng.uniform(0.3, 1.2)), soft_m=0.15),
                tone,
                opacity=float(rng.uniform(0.3, 0.8)),
            )

    return plain("terraces", area, draw)


def plan_freeway(*, sun: Sun, rng: np.random.Generator, length_m: float = 160.0) -> FieldPlan:
    """Plan a piece of a road with several lanes each way: markings, shoulders, a median, cars and lorries."""
    lanes, shoulder_m = int(rng.integers(2, 6)), float(rng.uniform(0.5, 3.0))
    median_m, verge_m = float(rng.choice([0.6, 3.0, 10.0])), float(rng.uniform(1, 10))
    paved = lanes * LANE_M + 2 * shoulder_m
    half = median_m / 2 + paved
    area = box(-length_m / 2, -half - verge_m, length_m / 2, half + verge_m)
    kind = "concrete" if rng.random() < 0.4 else "asphalt"
    busy = float(rng.choice([0.1, 0.4, 0.8]))

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m
        verge = choose_surface(str(rng.choice(["grass", "dirt", "concrete"])), rng=rng)
        canvas.fill(pose.place(area), paint_of(verge, gsd_m=gsd_m, rng=rng), soft_m=0.5)
        surface = choose_surface(kind, rng=rng)
        end = length_m / 2
        for side in (-1, 1):
            low, high = sorted((side * median_m / 2, side * half))
            canvas.fill(pose.place(box(-end, low, end, high)), paint_of(surface, gsd_m=gsd_m, rng=rng))
            inner = side * (median_m / 2 + shoulder_m)
            edges = [segment(-end, y, end, y) for y in (inner, inner + side * lanes * LANE_M)]
            draw_lines(canvas, pose, edges, width_m=0.15, colour=WHITE, opacity=0.8, wear=0.2, rng=rng)
            starts = np.arange(-end, end, 12.0)
            dashes = [
                segment(x, inner + side * k * LANE_M, x + 3.0, inner + side * k * LANE_M)
                for k in range(1, lanes)
                for x in starts
            ]
            draw_lines(canvas, pose, dashes, width_m=0.12, colour=WHITE, opacity=0.8, wear=0.2, rng=rng)
            for k in range(lanes):
                y = inner + side * (k + 0.5) * LANE_M
                for x in np.arange(-end + 10, end - 10, 22.0):
                    if rng.random() < busy:
                        where = pose.then(float(x + rng.uniform(-5, 5)), y, 0.0 if side > 0 else 180.0)
                        _draw_vehicle(canvas, where, sun=sun, rng=rng)
        if median_m < 1.0:
            barrier = box(-end, -0.3, end, 0.3)
            draw_block(canvas, pose.place(barrier), (186, 184, 178), height_m=0.9, sun=sun)

    return plain("freeway", area, draw)


def _draw_vehicle(canvas: Canvas, pose: Pose, *, sun: Sun, rng: np.random.Generator) -> None:
    if rng.random() < 0.8:
        draw_car(canvas, pose, sun=sun, rng=rng)
        return
    long, wide = LOADS_M[int(rng.integers(2, 5))]
    trailer, cab = box(-long / 2, -wide / 2, long / 2 - 2.6, wide / 2), box(long / 2 - 2.2, -1.2, long / 2, 1.2)
    colour = jittered(LOAD_COLOURS[int(rng.integers(3))], rng=rng, by=0.05)
    draw_block(canvas, pose.place(trailer), colour, height_m=3.8, sun=sun)
    draw_block(canvas, pose.place(cab), jittered((150, 150, 150), rng=rng, by=0.3), height_m=3.0, sun=sun)


def _sides(area: Polygon) -> list[LineString]:
    return [LineString(pair) for pair in pairwise(area.exterior.coords)]


PAVEMENTS: Final[dict[str, Callable[..., FieldPlan]]] = {
    "apron": plan_apron,
    "plaza": plan_plaza,
    "yard": plan_yard,
    "walls": plan_walls,
    "pits": plan_pits,
    "terraces": plan_terraces,
    "freeway": plan_freeway,
}
"""Kinds of ground; nothing on them is a building or a field."""
