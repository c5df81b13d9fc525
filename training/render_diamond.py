"""Random choices -> plans of baseball and softball diamonds: infield dirt, grass, mound, outfield, backstop."""

import math
from dataclasses import replace

import numpy as np
import shapely
from shapely.affinity import rotate, translate
from shapely.geometry import LineString, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from training.render_canvas import Canvas, ragged
from training.render_courts import WHITE
from training.render_lines import segment
from training.render_patch import FieldPlan, Pose, Sun
from training.render_props import draw_block, draw_fence, draw_lines, draw_people, draw_wear
from training.render_surfaces import Surface, choose_surface, jittered, paint_of

SIZES_M = (
    (27.43, 18.44, 28.96),
    (27.43, 18.44, 28.96),
    (18.29, 13.11, 18.29),
    (18.29, 14.02, 15.24),
    (24.38, 16.46, 24.38),
)
"""Base path, pitcher, radius of the grass line about the pitcher: 90 ft, softball, Little League, 80 ft.

Sources: Official Baseball Rules 2.01; Little League and ASA/USA Softball field layouts.
"""  # fmt: skip


def wedge(base_m: float, pitch_m: float, arc_m: float, *, margin_m: float) -> Polygon:
    """Return the infield: between the foul lines and the grass line, home plate at (0, 0), second base on +x.

    Parameters
    ----------
    margin_m : float
        Dirt beyond the foul lines.
    """
    far = 3.0 * base_m
    quarter = Polygon([(0, 0), (far, -far), (far, far)])
    disc = Point(pitch_m, 0).buffer(arc_m, quad_segs=32)
    middle = quarter.intersection(disc)
    if margin_m > 0.0:
        # Beyond the foul lines only: the grass line itself must stay where it is.
        middle = middle.buffer(margin_m, join_style="round").intersection(disc.union(Point(0, 0).buffer(6.0)))
    home = Point(0, 0).buffer(4.0 if base_m > 20 else 3.0)
    whole = shapely.union_all([middle, home])
    return Polygon(whole.exterior)


def grass_square(base_m: float) -> Polygon:
    """Return the grass between the base paths, corners rounded around the bases."""
    path = 0.9 if base_m > 20 else 0.7
    square = rotate(box(0, 0, base_m, base_m), -45, origin=(0, 0))
    square = square.buffer(-path, join_style="mitre")
    corners = [Point(0, 0).buffer(3.96 if base_m > 20 else 2.8)]
    corners += [Point(x, y).buffer(3.4) for x, y in base_places(base_m)]
    return square.difference(shapely.union_all(corners))


def base_places(base_m: float) -> list[tuple[float, float]]:
    """Return first, second and third base."""
    reach = base_m / math.sqrt(2.0)
    return [(reach, reach), (2.0 * reach, 0.0), (reach, -reach)]


def plan_diamond(
    *, sun: Sun, rng: np.random.Generator, dirt: Surface | None = None, grass: Surface | None = None
) -> FieldPlan:
    """Plan one diamond; its outline is the infield, with the grass inside it.

    Parameters
    ----------
    dirt, grass : Surface, optional
        What neighbouring diamonds share; None = any.
    """
    size = SIZES_M[int(rng.integers(len(SIZES_M)))]
    base_m, pitch_m, arc_m = size
    if rng.random() < 0.35:
        arc_m *= float(rng.uniform(0.88, 1.12))
    kind = str(rng.choice(["grass", "skinned", "bare-paths"], p=[0.45, 0.45, 0.1]))
    margin = float(rng.choice([0.0, rng.uniform(0.8, 4.0)], p=[0.25, 0.75]))
    infield = wedge(base_m, pitch_m, arc_m, margin_m=margin)
    fence_m = float(rng.uniform(55, 115)) if base_m > 20 else float(rng.uniform(45, 70))
    reach = str(rng.choice(["infield", "near", "whole"], p=[0.3, 0.3, 0.4]))
    foul = infield.buffer(float(rng.uniform(3, 12)), quad_segs=6)
    quarter = Polygon([(0, 0), (500, -500), (500, 500)])
    outfield = Point(0, 0).buffer(fence_m, quad_segs=24).intersection(quarter)
    extent = {
        "infield": infield.buffer(0.6),
        "near": foul,
        "whole": Polygon(outfield.buffer(rng.uniform(3, 9)).union(foul).exterior),
    }[reach]
    grass = choose_surface("grass", rng=rng) if grass is None else grass
    if dirt is None:
        dirt = choose_surface("dirt", rng=rng)
    if rng.random() < 0.12:
        dirt = choose_surface("clay", rng=rng, colour=(150, 80, 60))
    uneven = float(rng.uniform(0.0, 1.0))

    def draw(canvas: Canvas, pose: Pose) -> None:
        gsd_m = canvas.gsd_m

        def dirty(shape: BaseGeometry, soft_m: float = 0.5) -> None:
            layer = ragged(canvas.cover(pose.place(shape), soft_m=soft_m), gsd_m=gsd_m, amount=uneven, rng=rng)
            canvas.put(layer, paint_of(dirt, gsd_m=gsd_m, rng=rng))

        if reach != "infield":
            canvas.fill(pose.place(extent.buffer(-1.0)), paint_of(grass, gsd_m=gsd_m, rng=rng), soft_m=0.8)
            if reach == "whole" and rng.random() < 0.4:
                track = outfield.difference(outfield.buffer(-float(rng.uniform(2.5, 5.0))))
                dirty(track.difference(infield.buffer(3.0)))
        dirty(infield)
        if kind != "skinned":
            lawn = grass if rng.random() < 0.8 else choose_surface("grass", rng=rng)
            inner = grass_square(base_m)
            if kind == "bare-paths":
                reach_m = base_m / math.sqrt(2.0)
                inner = inner.union(box(reach_m * 0.9, -reach_m * 0.55, reach_m * 1.1, reach_m * 0.55))
            if reach == "infield":
                lawn = replace(lawn, patchy=lawn.patchy * 0.5)
            layer = ragged(canvas.cover(pose.place(inner), soft_m=0.35), gsd_m=gsd_m, amount=uneven, rng=rng)
            canvas.put(layer, paint_of(lawn, gsd_m=gsd_m, rng=rng))
            if rng.random() < 0.85:
                dirty(Point(pitch_m, 0).buffer(2.7 if base_m > 20 else 1.9), soft_m=0.3)
            if rng.random() < 0.2:
                dirty(box(0, -0.7, pitch_m, 0.7), soft_m=0.3)
        draw_infield_marks(canvas, pose, base_m, pitch_m, fence_m if reach == "whole" else arc_m, rng=rng)
        light = rng.uniform(0.85, 1.15)
        for spot in (Point(0, 0).buffer(2.0), *(Point(x, y).buffer(2.2) for x, y in base_places(base_m))):
            shade = jittered((dirt.colour[0] * light, dirt.colour[1] * light, dirt.colour[2] * light), rng=rng)
            draw_wear(canvas, pose.place(spot), shade, amount=float(rng.uniform(0.1, 0.5)), rng=rng)
        draw_surroundings(canvas, pose, base_m, sun=sun, rng=rng)
        if reach == "whole" and rng.random() < 0.6:
            draw_fence(canvas, pose.place(outfield.exterior), sun=sun, rng=rng)
        draw_people(canvas, pose.place(infield), sun=sun, rng=rng, mean=1.5)

    outline = shapely.simplify(infield, 0.05)
    centre = infield.centroid
    return shifted_plan(
        FieldPlan(
            variant=f"diamond-{kind}-{reach}", extent=extent, outlines=(("baseball_diamond", outline),), draw=draw
        ),
        -centre.x,
        -centre.y,
    )


def shifted_plan(plan: FieldPlan, x_m: float, y_m: float, turn_deg: float = 0.0) -> FieldPlan:
    """Return the plan moved (and turned about its own zero) in its own metres."""
    pose = Pose(x_m=x_m, y_m=y_m, turn_deg=turn_deg)
    return FieldPlan(
        variant=plan.variant,
        extent=pose.place(plan.extent),
        outlines=tuple((label, pose.place(outline)) for label, outline in plan.outlines),
        draw=lambda canvas, where: plan.draw(canvas, where.then(x_m, y_m, turn_deg)),
    )


def draw_infield_marks(
    canvas: Canvas, pose: Pose, base_m: float, pitch_m: float, reach_m: float, *, rng: np.random.Generator
) -> None:
    """Draw foul lines, bases, plate, rubber and batter's boxes, as far as they were chalked."""
    end = reach_m / math.sqrt(2.0)
    if rng.random() < 0.75:
        wear = float(rng.uniform(0.0, 0.8))
        lines: list[LineString] = [segment(0, 0, end, sign * end) for sign in (-1, 1)]
        draw_lines(canvas, pose, lines, width_m=0.1, colour=WHITE, opacity=0.9, wear=wear, rng=rng)
        boxes = [rotate(box(-0.9, y, 0.9, y + 1.2), 0) for y in (-1.5, 0.35)]
        outlines = [LineString(item.exterior.coords) for item in boxes]
        draw_lines(canvas, pose, outlines, width_m=0.1, colour=WHITE, opacity=0.7, wear=wear, rng=rng)
    spots = [*base_places(base_m), (0.0, 0.0), (pitch_m, 0.0)]
    for x, y in spots:
        canvas.fill(pose.place(box(x - 0.25, y - 0.25, x + 0.25, y + 0.25)), WHITE, opacity=0.85)


def draw_surroundings(canvas: Canvas, pose: Pose, base_m: float, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw the backstop behind the plate and dugouts beside the foul lines."""
    back = float(rng.uniform(5.0, 12.0))
    if rng.random() < 0.8:
        stop = LineString(
            [(back * 0.1, -back), (-back * 0.8, -back * 0.5), (-back * 0.8, back * 0.5), (back * 0.1, back)]
        )
        draw_fence(canvas, pose.place(stop), sun=sun, rng=rng)
    for sign in (-1, 1):
        if rng.random() < 0.5:
            roof = rotate(box(-4.5, -1.2, 4.5, 1.2), sign * 45, origin=(0, 0))
            along, off = base_m * 0.55, rng.uniform(5.0, 8.0)
            roof = translate(
                roof, (along + off) / math.sqrt(2) - off * 0.7, sign * ((along + off) / math.sqrt(2) + off * 0.7)
            )
            light = rng.uniform(90, 215)
            draw_block(canvas, pose.place(roof), (light, light, light), height_m=2.4, sun=sun)
