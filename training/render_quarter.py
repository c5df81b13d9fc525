"""Size, resolution and seed -> a rendered quarter in which roof touches roof, as in informal settlements.

A detector that only knows houses in gardens takes a row of them for one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from shapely.geometry import Point, Polygon, box

from training.render_canvas import Canvas
from training.render_cars import draw_car
from training.render_lots import Ground
from training.render_patch import Pose, Sun
from training.render_roofs import House, RoofKind, Wing, choose_colour
from training.render_settlement import empty_ground, render_settlement, sheet_colour, strew_trees
from training.render_surfaces import choose_surface, paint_of
from training.render_town import Town


def render_quarter(*, size_m: float, gsd_m: float, seed: int) -> Town:
    """Render a square of houses that touch or nearly do; nothing in it exists anywhere.

    Size, resolution, seed and errors are those of `render_settlement`.
    """
    return render_settlement(_plan_quarter, size_m=size_m, gsd_m=gsd_m, seed=seed)


def _plan_quarter(canvas: Canvas, size_m: float, *, sun: Sun, rng: np.random.Generator) -> Ground:
    """Draw the ground, then fill parcels of a turned square with houses that touch or nearly do."""
    placed = empty_ground(size_m)
    ground = choose_surface(str(rng.choice(["dirt", "concrete", "asphalt", "soil", "grass", "sand"])), rng=rng)
    canvas.fill(box(-1, -1, size_m + 1, size_m + 1), paint_of(ground, gsd_m=canvas.gsd_m, rng=rng))
    turn, style = float(rng.uniform(0, 180)), _QuarterStyle.chosen(rng=rng)
    about = Pose(x_m=size_m / 2, y_m=size_m / 2, turn_deg=turn)
    reach = 0.75 * size_m
    for parcel in _parcels(box(-reach, -reach, reach, reach), style, rng=rng):
        left, top, right, bottom = parcel.bounds
        pose = about.then((left + right) / 2, (top + bottom) / 2, float(rng.normal(0, style.crooked_deg)))
        if rng.random() < style.empty:
            _draw_yard(canvas, pose, right - left, bottom - top, placed, rng=rng)
            continue
        house = style.house(right - left, bottom - top, rng=rng)
        if house is not None:
            placed.put_house(house, pose, gap_m=0.0)
    strew_trees(placed, size_m, per_ha=float(rng.choice([0.0, 4.0, 15.0, 40.0])), rng=rng)
    for _ in range(int(rng.integers(0, 25))):
        pose = Pose(x_m=float(rng.uniform(0, size_m)), y_m=float(rng.uniform(0, size_m)), turn_deg=turn)
        if placed.free(pose.place(box(-2.5, -1.2, 2.5, 1.2))):
            draw_car(canvas, pose, sun=sun, rng=rng)
    return placed


@dataclass(frozen=True, slots=True, kw_only=True)
class _QuarterStyle:
    """What the houses of one quarter have in common."""

    parcel_m2: float
    """Below it no parcel is split."""
    lane_m: float
    empty: float
    """Share of parcels without a house."""
    flat: float
    """Share of flat roofs."""
    strong: float
    """Share of sheet-metal colours."""
    inset_m: float
    """How far houses may stay behind their parcels' sides."""
    crooked_deg: float
    height_m: tuple[float, float]

    @classmethod
    def chosen(cls, *, rng: np.random.Generator) -> "_QuarterStyle":
        return cls(
            parcel_m2=float(rng.choice([45.0, 90.0, 160.0, 400.0], p=[0.3, 0.35, 0.25, 0.1])),
            lane_m=float(rng.uniform(1.5, 7.0)),
            empty=float(rng.uniform(0.03, 0.3)),
            flat=float(rng.choice([0.1, 0.5, 0.95])),
            strong=float(rng.choice([0.1, 0.5, 0.9])),
            inset_m=float(rng.choice([0.15, 0.6, 1.6])),
            crooked_deg=float(rng.choice([0.0, 1.0, 3.0])),
            height_m=(2.5, float(rng.choice([3.5, 7.0, 14.0]))),
        )

    def house(self, long: float, wide: float, *, rng: np.random.Generator) -> House | None:
        """Return a house that fills a parcel of a size, or None where it is too small for one."""
        left, top, right, bottom = (float(v) for v in rng.uniform(0.0, self.inset_m, 4))
        x0, x1, y0, y1 = -long / 2 + left, long / 2 - right, -wide / 2 + top, wide / 2 - bottom
        if min(x1 - x0, y1 - y0) < 2.5:
            return None
        wings = [Wing(x0=x0, y0=y0, x1=x1, y1=y1)]
        if rng.random() < 0.2 and min(x1 - x0, y1 - y0) > 6.0:
            # An L: the yard takes a corner.
            x, y = (float(low + (high - low) * rng.uniform(0.4, 0.7)) for low, high in ((x0, x1), (y0, y1)))
            wings = [Wing(x0=x0, y0=y0, x1=x, y1=y1), Wing(x0=x0, y0=y0, x1=x1, y1=y)]
        roof: RoofKind = "flat" if rng.random() < self.flat else "gable" if rng.random() < 0.7 else "hip"
        colour = choose_colour(roof, rng=rng)
        if rng.random() < self.strong:
            colour = sheet_colour(rng=rng)
        return House(
            wings=tuple(wings),
            roof=roof,
            height_m=float(rng.uniform(*self.height_m)),
            slope=0.0 if roof == "flat" else float(rng.uniform(0.12, 0.5)),
            colour=colour,
        )


def _parcels(whole: Polygon, style: _QuarterStyle, *, rng: np.random.Generator) -> Iterator[Polygon]:
    """Yield rectangles of a recursive split: lanes between the large ones, next to nothing between the small."""
    stack = [whole]
    while stack:
        left, top, right, bottom = stack.pop().bounds
        long, wide = right - left, bottom - top
        area = long * wide
        if min(long, wide) < 2.5:
            continue
        if area < style.parcel_m2 * 2.2 * float(rng.uniform(0.6, 1.6)) and max(long, wide) < 3.5 * min(long, wide):
            yield box(left, top, right, bottom)
            continue
        gap = style.lane_m * float(rng.uniform(0.6, 1.6)) if area > 14.0 * style.parcel_m2 else 0.0
        share = float(rng.uniform(0.33, 0.67))
        if long >= wide:
            middle = left + share * long
            stack += [box(left, top, middle - gap / 2, bottom), box(middle + gap / 2, top, right, bottom)]
        else:
            middle = top + share * wide
            stack += [box(left, top, right, middle - gap / 2), box(left, middle + gap / 2, right, bottom)]


def _draw_yard(
    canvas: Canvas, pose: Pose, long: float, wide: float, placed: Ground, *, rng: np.random.Generator
) -> None:
    """Draw a parcel without a house: a garden, a slab or bare earth."""
    kind = str(rng.choice(["grass", "soil", "dirt", "concrete"], p=[0.45, 0.2, 0.2, 0.15]))
    shape = pose.place(box(-long / 2, -wide / 2, long / 2, wide / 2))
    canvas.fill(shape, paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng), soft_m=0.3)
    for _ in range(int(rng.integers(0, 5)) if kind == "grass" else 0):
        spot = pose.place(Point(rng.uniform(-long / 2, long / 2), rng.uniform(-wide / 2, wide / 2)))
        placed.trees.append((spot.x, spot.y, float(rng.uniform(0.8, 2.6))))
