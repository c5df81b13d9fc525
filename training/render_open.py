"""Size, resolution and seed -> rendered open ground with few houses: desert, yards, aprons, dug earth, freeways.

Where a town ends a detector that only knows towns goes on finding roofs.
"""

import numpy as np
from shapely.geometry import Point, box

from training.render_canvas import Canvas, ragged
from training.render_grounds import blob
from training.render_houses import HOUSES
from training.render_lookalikes import plan_lookalike
from training.render_lots import Ground
from training.render_patch import Pose, Sun
from training.render_pavements import PAVEMENTS, plan_freeway
from training.render_settlement import empty_ground, render_settlement, strew_trees
from training.render_surfaces import choose_surface, paint_of
from training.render_town import Town
from training.render_village import village_house


def render_open(*, size_m: float, gsd_m: float, seed: int) -> Town:
    """Render a square of open ground; nothing in it exists anywhere.

    Size, resolution, seed and errors are those of `render_settlement`.
    """
    return render_settlement(_plan_open, size_m=size_m, gsd_m=gsd_m, seed=seed)


def _plan_open(canvas: Canvas, size_m: float, *, sun: Sun, rng: np.random.Generator) -> Ground:
    """Draw the ground, then plan a freeway now and then, large grounds, a few houses and trees."""
    placed = empty_ground(size_m)
    _draw_ground(canvas, size_m, rng=rng)
    turn = float(rng.uniform(0, 180))
    if rng.random() < 0.3:
        at = rng.uniform(0.2, 0.8, 2) * size_m
        pose = Pose(x_m=float(at[0]), y_m=float(at[1]), turn_deg=turn)
        road = plan_freeway(sun=sun, rng=rng, length_m=3.0 * size_m)
        # It runs through the picture, so it is not asked whether it fits inside.
        placed.plans.append((road, pose))
        placed.taken.append(pose.place(road.extent))
    for _ in range(int(rng.choice([0, 2, 6, 14], p=[0.35, 0.3, 0.2, 0.15]))):
        town = rng.random() < 0.5
        house = HOUSES[str(rng.choice(["home", "hall", "shed"]))](rng=rng) if town else village_house(rng=rng)
        placed.put_house(house, _anywhere(size_m, turn, rng=rng), gap_m=float(rng.uniform(0.5, 4.0)))
    kinds = [kind for kind in PAVEMENTS if kind != "freeway"]
    few = rng.choice(kinds, size=int(rng.integers(1, 4)))
    for _ in range(int(rng.integers(4, 30))):
        if rng.random() < 0.7:
            plan = PAVEMENTS[str(rng.choice(few))](sun=sun, rng=rng)
        else:
            plan = plan_lookalike(
                rng=rng, kind=str(rng.choice(["pool", "parking", "slab", "plot", "solar"])), sun=sun
            )
        for _ in range(6):
            if placed.add_plan(plan, _anywhere(size_m, turn, rng=rng), gap_m=float(rng.choice([0.5, 3.0, 10.0]))):
                break
    strew_trees(placed, size_m, per_ha=float(rng.choice([0.0, 0.0, 3.0, 15.0])), rng=rng)
    return placed


def _draw_ground(canvas: Canvas, size_m: float, *, rng: np.random.Generator) -> None:
    """Draw bare ground with large patches of another, and the wheel tracks that cross it."""
    kinds = ["sand", "dirt", "soil", "grass", "concrete", "pond"]
    base, other = rng.choice(kinds, size=2, p=[0.35, 0.25, 0.12, 0.18, 0.06, 0.04])
    gsd_m = canvas.gsd_m
    whole = box(-1, -1, size_m + 1, size_m + 1)
    canvas.fill(whole, paint_of(choose_surface(str(base), rng=rng), gsd_m=gsd_m, rng=rng))
    for _ in range(int(rng.integers(0, 9))):
        x, y = (float(v) for v in rng.uniform(0, size_m, 2))
        patch = blob(x, y, float(rng.uniform(4, 0.3 * size_m)), rng=rng, uneven=0.5)
        layer = ragged(canvas.cover(patch, soft_m=2.0), gsd_m=gsd_m, amount=1.0, rng=rng)
        paint = paint_of(choose_surface(str(other), rng=rng), gsd_m=gsd_m, rng=rng)
        canvas.put(layer, paint, opacity=float(rng.uniform(0.3, 0.95)))
    for _ in range(int(rng.integers(0, 5))):
        ends = rng.uniform(-0.1, 1.1, (3, 2)) * size_m
        track = Point(ends[0]).union(Point(ends[1])).convex_hull
        width_m = float(rng.uniform(1.5, 7.0))
        colour = choose_surface(str(rng.choice(["dirt", "sand", "asphalt"])), rng=rng).colour
        canvas.put(
            canvas.trace([track], width_m=width_m, soft_m=0.5), colour, opacity=float(rng.uniform(0.3, 0.9))
        )


def _anywhere(size_m: float, turn_deg: float, *, rng: np.random.Generator) -> Pose:
    x, y = (float(v) for v in rng.uniform(0, size_m, 2))
    bent = (
        float(rng.choice([0.0, 90.0])) + float(rng.normal(0, 4))
        if rng.random() < 0.8
        else float(rng.uniform(0, 180))
    )
    return Pose(x_m=x, y_m=y, turn_deg=turn_deg + bent)
