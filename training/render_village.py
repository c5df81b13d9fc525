"""Size, resolution and seed -> a rendered village: houses between tilled plots, bare clearings and trees.

Much of what mappers draw has neither streets nor lots, and a detector that only knows towns takes a ploughed plot
for a roof.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import shapely
from shapely.affinity import rotate
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry

from training.render_canvas import Canvas, Colour, ragged
from training.render_cars import draw_car
from training.render_grounds import blob, plan_blob, plan_lawn, plan_plot
from training.render_houses import HOUSES, centred
from training.render_lots import Ground
from training.render_patch import Pose, Sun
from training.render_props import draw_block
from training.render_roofs import House, RoofKind, Wing
from training.render_settlement import empty_ground, render_settlement, sheet_colour, strew_trees
from training.render_surfaces import choose_surface, jittered, paint_of
from training.render_town import Town

THATCH_COLOURS: Final[tuple[Colour, ...]] = ((128, 114, 92), (108, 96, 78), (146, 130, 104), (96, 88, 76))
GARDEN_WALL: Final[Colour] = (168.0, 160.0, 148.0)


def render_village(*, size_m: float, gsd_m: float, seed: int) -> Town:
    """Render a square of scattered houses between plots and trees; nothing in it exists anywhere.

    Size, resolution, seed and errors are those of `render_settlement`.
    """
    return render_settlement(_plan_village, size_m=size_m, gsd_m=gsd_m, seed=seed)


def _plan_village(canvas: Canvas, size_m: float, *, sun: Sun, rng: np.random.Generator) -> Ground:
    """Draw the ground, then plan plots, clusters of houses and trees."""
    placed = empty_ground(size_m)
    _draw_ground(canvas, size_m, rng=rng)
    path = _draw_paths(canvas, size_m, rng=rng)
    # The houses that a village is for come before its plots, which fill what is left.
    for _ in range(int(rng.integers(3, 11))):
        middle = rng.uniform(0.0, size_m, 2)
        turn = float(rng.uniform(0, 180))
        for _ in range(int(rng.integers(3, 14))):
            x, y = middle + rng.normal(0.0, float(rng.uniform(8.0, 30.0)), 2)
            bent = turn + float(rng.choice([0.0, 90.0])) + float(rng.normal(0, 6))
            pose = Pose(x_m=float(x), y_m=float(y), turn_deg=bent)
            house = village_house(rng=rng)
            shape = Polygon(pose.place(house.footprint()).exterior)
            if not shape.intersects(path):
                placed.put_house(house, pose, gap_m=float(rng.choice([0.1, 0.6, 1.5, 3.0])))
            if rng.random() < 0.7:
                yard = blob(float(x), float(y), float(rng.uniform(6, 16)), rng=rng, uneven=0.4)
                bare = choose_surface("dirt" if rng.random() < 0.7 else "soil", rng=rng)
                layer = ragged(canvas.cover(yard, soft_m=1.5), gsd_m=canvas.gsd_m, amount=1.0, rng=rng)
                canvas.put(
                    layer, paint_of(bare, gsd_m=canvas.gsd_m, rng=rng), opacity=float(rng.uniform(0.4, 0.95))
                )
    _strew_plans(placed, size_m, count=int(rng.integers(4, 26)), sun=sun, rng=rng)
    _strew_blocks(canvas, placed, size_m, sun=sun, rng=rng)
    strew_trees(placed, size_m, per_ha=float(rng.choice([8.0, 25.0, 60.0, 110.0])), rng=rng)
    return placed


def village_house(*, rng: np.random.Generator) -> House:
    """Return a house of sheet metal, thatch or tile, from a kitchen hut to a school."""
    pick = rng.random()
    if pick < 0.12:
        return HOUSES[str(rng.choice(["home", "terrace", "hall"], p=[0.6, 0.2, 0.2]))](rng=rng)
    if pick < 0.4:
        long = float(rng.uniform(2.6, 5.5))
    elif pick < 0.93:
        long = float(rng.uniform(5.5, 14.0))
    else:
        long = float(rng.uniform(16.0, 42.0))
    wide = min(long * float(rng.uniform(0.5, 1.0)), 13.0)
    wings = [centred(long, wide)]
    if rng.random() < 0.25 and long > 7.0:
        across, deep = long * float(rng.uniform(0.3, 0.6)), float(rng.uniform(1.5, 5.0))
        at = float(rng.uniform(-long / 2, long / 2 - across))
        wings.append(Wing(x0=at, y0=0.0, x1=at + across, y1=wide / 2 + deep))
    roof: RoofKind = "hip" if rng.random() < 0.3 else "gable" if rng.random() < 0.7 else "flat"
    thatch = roof != "flat" and long < 9.0 and rng.random() < 0.12
    colour = sheet_colour(rng=rng)
    if thatch:
        colour = jittered(THATCH_COLOURS[int(rng.integers(len(THATCH_COLOURS)))], rng=rng)
    return House(
        wings=tuple(wings),
        roof=roof,
        height_m=float(rng.uniform(2.2, 4.5)),
        slope=0.0 if roof == "flat" else float(rng.uniform(0.15, 0.9 if thatch else 0.5)),
        colour=colour,
    )


def _draw_ground(canvas: Canvas, size_m: float, *, rng: np.random.Generator) -> None:
    """Draw meadow with patches of earth, as dry or as green as anywhere."""
    whole = box(-1, -1, size_m + 1, size_m + 1)
    base = choose_surface(str(rng.choice(["grass", "soil", "dirt", "sand"], p=[0.55, 0.17, 0.13, 0.15])), rng=rng)
    base = replace(base, patchy=float(rng.uniform(0.0, 0.9)), rough=base.rough * float(rng.uniform(1.0, 2.2)))
    canvas.fill(whole, paint_of(base, gsd_m=canvas.gsd_m, rng=rng))
    for _ in range(int(rng.integers(3, 30))):
        x, y = (float(v) for v in rng.uniform(0, size_m, 2))
        spot = blob(x, y, float(rng.uniform(2, 25)), rng=rng, uneven=0.45)
        if rng.random() < 0.3:
            # Dug or filled ground has corners, and is as bright as roofs.
            spot = spot.simplify(float(rng.uniform(2, 8)))
        kind = str(rng.choice(["dirt", "soil", "grass", "sand", "concrete"], p=[0.32, 0.22, 0.3, 0.1, 0.06]))
        layer = ragged(canvas.cover(spot, soft_m=1.5), gsd_m=canvas.gsd_m, amount=1.0, rng=rng)
        paint = paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng)
        canvas.put(layer, paint, opacity=float(rng.uniform(0.3, 0.95)))


def _draw_paths(canvas: Canvas, size_m: float, *, rng: np.random.Generator) -> BaseGeometry:
    """Draw tracks of earth, now and then a paved road; return the ground they take."""
    taken = []
    for _ in range(int(rng.integers(1, 5))):
        turn = float(rng.uniform(0, 180))
        across = float(rng.uniform(-0.5, 0.5)) * size_m
        run = np.linspace(-size_m, size_m, 60)
        bend = float(rng.uniform(0, 14)) * np.sin(run / float(rng.uniform(18, 60)) + float(rng.uniform(0, 6)))
        line = rotate(LineString(np.column_stack([run, across + bend])), turn, origin=(0, 0))
        line = shapely.transform(line, lambda xy: xy + size_m / 2)
        wide = float(rng.uniform(1.2, 5.5))
        paved = wide > 4.0 and rng.random() < 0.5
        kind = str(rng.choice(["asphalt", "concrete"])) if paved else "dirt"
        paint = paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng)
        canvas.put(canvas.trace([line], width_m=wide, soft_m=0.2 if paved else 0.6), paint, opacity=0.92)
        taken.append(line.buffer(wide / 2 + 0.5))
    return shapely.union_all(taken)


def _strew_plans(placed: Ground, size_m: float, *, count: int, sun: Sun, rng: np.random.Generator) -> None:
    """Place tilled plots, bare patches and lawns: flat, rectangular, and no roofs."""
    turn = float(rng.uniform(0, 180))
    makers = (plan_plot, plan_plot, plan_plot, plan_blob, plan_lawn)
    for _ in range(count):
        plan = makers[int(rng.integers(len(makers)))](sun=sun, rng=rng)
        most_m2 = 3000.0 * float(rng.uniform(0.25, 0.8))
        for _ in range(6):
            x, y = (float(v) for v in rng.uniform(0, size_m, 2))
            pose = Pose(x_m=x, y_m=y, turn_deg=turn + float(rng.choice([0, 90])) + float(rng.normal(0, 4)))
            # Plots may lie over each other; only houses must stay in sight.
            shape = pose.place(plan.extent)
            clear = not shapely.intersects(np.array(placed.taken, dtype=object), shape).any()
            if clear and shape.area < most_m2:
                placed.plans.append((plan, pose))
                break


def _strew_blocks(canvas: Canvas, placed: Ground, size_m: float, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw heaps, tarpaulins, slabs, cars and walls that are no buildings."""
    for _ in range(int(rng.integers(2, 22))):
        x, y = (float(v) for v in rng.uniform(0, size_m, 2))
        pose = Pose(x_m=x, y_m=y, turn_deg=float(rng.uniform(0, 180)))
        long, wide = float(rng.uniform(0.6, 4.0)), float(rng.uniform(0.5, 2.2))
        shape = pose.place(box(-long / 2, -wide / 2, long / 2, wide / 2))
        if not placed.free(shape):
            continue
        pick = rng.random()
        if pick < 0.25:
            draw_car(canvas, pose, sun=sun, rng=rng)
        elif pick < 0.6:
            draw_block(canvas, shape, sheet_colour(rng=rng), height_m=float(rng.uniform(0.2, 1.2)), sun=sun)
        elif pick < 0.8:
            heap = blob(x, y, float(rng.uniform(1, 4)), rng=rng)
            canvas.fill(heap, paint_of(choose_surface("dirt", rng=rng), gsd_m=canvas.gsd_m, rng=rng), soft_m=0.4)
        else:
            west, north, east, south = (float(v) for v in rng.uniform(5, 14, 4))
            yard = pose.place(box(-west, -north, east, south))
            wall = canvas.trace([LineString(yard.exterior.coords)], width_m=0.25)
            canvas.put(wall, jittered(GARDEN_WALL, rng=rng), opacity=0.9)
