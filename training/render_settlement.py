"""A plan without streets -> its picture, with each building's outline; for villages, quarters and open ground."""

from collections.abc import Callable
from typing import Final

import numpy as np
import shapely
from shapely.geometry import box

from groundplan.errors import DataError
from training.render_canvas import Canvas, Colour
from training.render_lots import Ground
from training.render_patch import Pose, any_sun
from training.render_roofs import House, draw_house, draw_house_shadow
from training.render_surfaces import jittered
from training.render_town import Town, TownObject, finished, north_up
from training.render_trees import draw_tree

SHEET_COLOURS: Final[tuple[Colour, ...]] = (
    (232, 234, 236), (214, 216, 218), (190, 194, 198), (166, 170, 174), (142, 146, 150), (206, 210, 220),
    (150, 112, 92), (128, 88, 70), (112, 82, 70), (160, 128, 108), (122, 104, 94), (164, 74, 64),
    (142, 60, 56), (72, 118, 160), (96, 150, 190), (70, 170, 206), (78, 116, 92), (104, 96, 84),
)  # fmt: skip
"""Galvanised, weathered, rusty and painted sheet metal, 0..255."""
EDGE_M: Final = 2.0
"""Nothing is placed nearer to the picture's border."""
MIN_SIZE_M: Final = 60.0


def empty_ground(size_m: float) -> Ground:
    """Return a square on which nothing stands yet."""
    return Ground(area=box(EDGE_M, EDGE_M, size_m - EDGE_M, size_m - EDGE_M))


def render_settlement(plan: Callable[..., Ground], *, size_m: float, gsd_m: float, seed: int) -> Town:
    """Draw a square without streets; nothing in it exists anywhere.

    Parameters
    ----------
    plan : callable
        Canvas, size in metres, sun and random generator -> a Ground; draws what lies below everything.
    size_m : float
        Side of the square, at least 60.
    gsd_m : float
        Metres per pixel, 0.1 to 2.
    seed : int
        Equal seeds give equal pixels.

    Returns
    -------
    Town
        Its objects are buildings, and it has neither roads nor parks.

    Raises
    ------
    DataError
        Size or resolution is out of range.
    """
    if size_m < MIN_SIZE_M or not 0.1 <= gsd_m <= 2.0:
        raise DataError(f"size_m={size_m} gsd_m={gsd_m}; needs {MIN_SIZE_M:g} m or more at 0.1 to 2 m per pixel")
    rng = np.random.default_rng(seed)
    sun = any_sun(rng)
    size_px = round(size_m / gsd_m)
    canvas = Canvas(size_px, size_px, gsd_m=gsd_m)
    ground = plan(canvas, size_m, sun=sun, rng=rng)
    for each, pose in ground.plans:
        each.draw(canvas, pose)
    # The lowest first: what is higher throws its shadow on the roofs beside it.
    for house, pose in sorted(ground.houses, key=lambda item: item[0].height_m):
        draw_house_shadow(canvas, pose, house, sun=sun)
        draw_house(canvas, pose, house, sun=sun, rng=rng)
        weather(canvas, pose, house, rng=rng)
    for x_m, y_m, radius_m in ground.trees:
        draw_tree(canvas, x_m, y_m, radius_m, sun=sun, rng=rng)
    height_m = size_px * gsd_m
    objects = tuple(
        TownObject(label="building", outline=north_up(pose.place(house.footprint()), height_m), group=number)
        for number, (house, pose) in enumerate(ground.houses)
    )
    return Town(
        image=finished(canvas, rng=rng),
        gsd_m=gsd_m,
        size_m=height_m,
        objects=objects,
        roads=(),
        parks=(),
        seed=seed,
    )


def sheet_colour(*, rng: np.random.Generator) -> Colour:
    """Return a colour of sheet metal, 0..255."""
    return jittered(SHEET_COLOURS[int(rng.integers(len(SHEET_COLOURS)))], rng=rng, by=0.06)


def weather(canvas: Canvas, pose: Pose, house: House, *, rng: np.random.Generator) -> None:
    """Lay sheets of another age on a part of the roofs."""
    if rng.random() < 0.45:
        return
    roof = house.footprint()
    left, top, right, bottom = roof.bounds
    for _ in range(int(rng.integers(1, 6))):
        x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
        long, wide = float(rng.uniform(0.8, 5.0)), float(rng.uniform(0.8, 3.0))
        sheet = box(x, y, x + long, y + wide).intersection(roof)
        if not sheet.is_empty:
            canvas.fill(pose.place(sheet), sheet_colour(rng=rng), opacity=float(rng.uniform(0.15, 0.7)))


def strew_trees(ground: Ground, size_m: float, *, per_ha: float, rng: np.random.Generator) -> None:
    """Place trees in loose woods; a crown may reach over a roof's edge and never hides half of one."""
    count = int(rng.poisson(per_ha * size_m * size_m / 1e4))
    woods = rng.uniform(0, size_m, (int(rng.integers(1, 6)), 2))
    wild = rng.random(count) < 0.5
    spots = rng.uniform(0, size_m, (count, 2))
    near = woods[rng.integers(len(woods), size=count)] + rng.normal(0, 0.12 * size_m, (count, 2))
    spots[wild] = near[wild]
    radii = rng.uniform(0.8, 4.8, count)
    keep = np.ones(count, bool)
    if ground.taken and count:
        hit, _ = shapely.STRtree(ground.taken).query(
            shapely.points(spots), predicate="dwithin", distance=0.6 * radii
        )
        keep[hit] = False
    ground.trees += [(float(x), float(y), float(r)) for (x, y), r in zip(spots[keep], radii[keep], strict=True)]
