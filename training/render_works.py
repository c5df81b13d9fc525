"""Size, resolution and seed -> rendered malls, schools and works: roofs too large for a tile, among car parks.

One building there has roofs of many heights and colours; a detector that only knows houses finds each of them, and
the cars.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import shapely
from shapely.geometry import box

from training.render_canvas import Canvas
from training.render_cars import draw_car
from training.render_houses import HOUSES, centred
from training.render_lookalikes import plan_lookalike
from training.render_lots import Ground
from training.render_patch import Pose, Sun
from training.render_pavements import PAVEMENTS
from training.render_roofs import House, RoofKind, Wing, choose_colour
from training.render_settlement import empty_ground, render_settlement, strew_trees
from training.render_surfaces import choose_surface, paint_of
from training.render_town import Town


def render_works(*, size_m: float, gsd_m: float, seed: int) -> Town:
    """Render a square of large buildings and what lies about them; nothing in it exists anywhere.

    Size, resolution, seed and errors are those of `render_settlement`.
    """
    return render_settlement(_plan_works, size_m=size_m, gsd_m=gsd_m, seed=seed)


def _plan_works(canvas: Canvas, size_m: float, *, sun: Sun, rng: np.random.Generator) -> Ground:
    """Draw the ground, then plan large buildings, car parks, yards and cars between them, and a few trees."""
    placed = empty_ground(size_m)
    kind = str(rng.choice(["asphalt", "concrete", "grass", "dirt"], p=[0.35, 0.2, 0.35, 0.1]))
    whole = box(-1, -1, size_m + 1, size_m + 1)
    canvas.fill(whole, paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng))
    turn = float(rng.uniform(0, 180))
    for _ in range(int(rng.integers(2, 9))):
        house = WORKS[str(rng.choice(list(WORKS)))](rng=rng)
        gap_m = float(rng.choice([1.0, 6.0, 15.0]))
        for _ in range(12):
            if placed.put_house(house, _anywhere(size_m, turn, rng=rng), gap_m=gap_m):
                break
    for _ in range(int(rng.integers(0, 6))):
        small = HOUSES[str(rng.choice(["shed", "home", "hall"]))](rng=rng)
        placed.put_house(small, _anywhere(size_m, turn, rng=rng), gap_m=0.5)
    for _ in range(int(rng.integers(3, 22))):
        if rng.random() < 0.6:
            plan = plan_lookalike(rng=rng, kind=str(rng.choice(["parking", "parking", "slab", "solar"])), sun=sun)
        else:
            plan = PAVEMENTS[str(rng.choice(["apron", "plaza", "yard"]))](sun=sun, rng=rng)
        for _ in range(6):
            if placed.add_plan(plan, _anywhere(size_m, turn, rng=rng), gap_m=float(rng.choice([0.3, 2.0, 8.0]))):
                break
    _park_cars(canvas, placed, size_m, turn, sun=sun, rng=rng)
    strew_trees(placed, size_m, per_ha=float(rng.choice([0.0, 5.0, 20.0])), rng=rng)
    return placed


def _park_cars(
    canvas: Canvas, placed: Ground, size_m: float, turn: float, *, sun: Sun, rng: np.random.Generator
) -> None:
    """Draw rows of cars on open ground, side by side as they are parked without any lines."""
    shut = shapely.union_all(placed.taken) if placed.taken else shapely.Polygon()
    for _ in range(int(rng.integers(0, 10))):
        first = _anywhere(size_m, turn, rng=rng)
        along = np.deg2rad(first.turn_deg)
        for number in range(int(rng.integers(3, 25))):
            if rng.random() < 0.25:
                continue
            x = first.x_m + number * 2.7 * float(np.cos(along))
            y = first.y_m + number * 2.7 * float(np.sin(along))
            if shapely.distance(shut, shapely.Point(x, y)) > 3.5:
                draw_car(canvas, Pose(x_m=x, y_m=y, turn_deg=first.turn_deg + 90.0), sun=sun, rng=rng)


def _flat(wings: tuple[Wing, ...], *, low_m: float, high_m: float, rng: np.random.Generator) -> House:
    return House(
        wings=wings,
        roof="flat",
        height_m=float(rng.uniform(low_m, high_m)),
        slope=0.0,
        colour=choose_colour("flat", rng=rng),
    )


def store(*, rng: np.random.Generator) -> House:
    """Return a warehouse, a mall or a sports hall: a large roof, others against it and on it."""
    long = float(np.exp(rng.uniform(np.log(35.0), np.log(150.0))))
    wide = long * float(rng.uniform(0.35, 0.9))
    parts = []
    for _ in range(int(rng.integers(0, 5))):
        # Against a side: it reaches a metre under the main roof, so that they are one.
        across, deep = float(rng.uniform(0.1, 0.7)) * long, float(rng.uniform(4.0, 0.5 * wide))
        left = float(rng.uniform(-long / 2, long / 2 - across))
        top = -wide / 2 - deep + 1.0 if rng.random() < 0.5 else wide / 2 - 1.0
        parts.append(
            _flat((Wing(x0=left, y0=top, x1=left + across, y1=top + deep),), low_m=3.0, high_m=14.0, rng=rng)
        )
    for _ in range(int(rng.integers(0, 4))):
        across, deep = float(rng.uniform(0.1, 0.5)) * long, float(rng.uniform(0.1, 0.6)) * wide
        left, top = (
            float(rng.uniform(-long / 2, long / 2 - across)),
            float(rng.uniform(-wide / 2, wide / 2 - deep)),
        )
        parts.append(
            _flat((Wing(x0=left, y0=top, x1=left + across, y1=top + deep),), low_m=8.0, high_m=16.0, rng=rng)
        )
    pitched = rng.random() < 0.2
    roof: RoofKind = "gable" if pitched else "flat"
    return House(
        wings=(centred(long, wide),),
        roof=roof,
        height_m=float(rng.uniform(6.0, 12.0)),
        slope=float(rng.uniform(0.08, 0.25)) if pitched else 0.0,
        colour=choose_colour(roof, rng=rng),
        parts=tuple(parts),
    )


def school(*, rng: np.random.Generator) -> House:
    """Return a school, a hospital or offices: a spine with wings across it, each with a roof of its own."""
    long, wide = float(rng.uniform(35, 120)), float(rng.uniform(8, 20))
    own_colours = rng.random() < 0.5
    pitched = rng.random() < 0.35
    roof: RoofKind = "hip" if pitched else "flat"
    spine = House(
        wings=(centred(long, wide),),
        roof=roof,
        height_m=float(rng.uniform(4.0, 9.0)),
        slope=float(rng.uniform(0.2, 0.5)) if pitched else 0.0,
        colour=choose_colour(roof, rng=rng),
    )
    parts = []
    count = int(rng.integers(1, 6))
    for number in range(count):
        across, deep = float(rng.uniform(9, max(10.0, 0.8 * long / count))), float(rng.uniform(10, 38))
        left = -long / 2 + (number + float(rng.uniform(0.0, 0.3))) * long / count
        left = min(left, long / 2 - across)
        # Wings reach to the middle of a pitched spine, so that ridges meet.
        under = wide / 2 if pitched else 1.0
        top = -wide / 2 - deep + under if rng.random() < 0.5 else wide / 2 - under
        wing = Wing(x0=left, y0=top, x1=left + across, y1=top + deep)
        parts.append(
            House(
                wings=(wing,),
                roof=roof,
                height_m=float(rng.uniform(4.0, 12.0)),
                slope=spine.slope,
                colour=choose_colour(roof, rng=rng) if own_colours else spine.colour,
            )
        )
    return House(
        wings=spine.wings,
        roof=roof,
        height_m=spine.height_m,
        slope=spine.slope,
        colour=spine.colour,
        parts=tuple(parts),
    )


WORKS: Final[dict[str, Callable[..., House]]] = {
    "store": store,
    "school": school,
    "hall": HOUSES["hall"],
    "apartments": HOUSES["apartments"],
}
"""Kinds of large buildings."""


def _anywhere(size_m: float, turn_deg: float, *, rng: np.random.Generator) -> Pose:
    x, y = (float(v) for v in rng.uniform(0, size_m, 2))
    bent = float(rng.choice([0.0, 90.0])) if rng.random() < 0.85 else float(rng.uniform(0, 180))
    return Pose(x_m=x, y_m=y, turn_deg=turn_deg + bent)
