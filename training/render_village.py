"""Size, resolution and seed -> a rendered village or dense quarter, with each building's outline.

Towns have streets and lots. Much of what mappers draw has neither: single houses of sheet metal between tilled
plots, bare clearings and trees, or quarters in which roof touches roof. A detector that only knows towns takes a
ploughed plot for a roof and a row of houses for one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import shapely
from shapely.affinity import rotate
from shapely.geometry import LineString, Point, Polygon, box

from groundplan.errors import DataError
from training.render_canvas import Canvas, Colour, ragged
from training.render_cars import draw_car
from training.render_grounds import blob, plan_blob, plan_lawn, plan_plot
from training.render_houses import HOUSES, centred
from training.render_patch import FieldPlan, Pose, Sun, any_sun
from training.render_props import draw_block
from training.render_roofs import House, RoofKind, Wing, choose_colour, draw_house, draw_house_shadow
from training.render_surfaces import choose_surface, jittered, paint_of
from training.render_town import Town, TownObject, finished, north_up
from training.render_trees import draw_tree

SHEET_COLOURS: Final[tuple[Colour, ...]] = (
    (232, 234, 236), (214, 216, 218), (190, 194, 198), (166, 170, 174), (142, 146, 150), (206, 210, 220),
    (150, 112, 92), (128, 88, 70), (112, 82, 70), (160, 128, 108), (122, 104, 94), (164, 74, 64),
    (142, 60, 56), (72, 118, 160), (96, 150, 190), (70, 170, 206), (78, 116, 92), (104, 96, 84),
)  # fmt: skip
"""Galvanised, weathered, rusty and painted sheet metal, 0..255."""
THATCH_COLOURS: Final[tuple[Colour, ...]] = ((128, 114, 92), (108, 96, 78), (146, 130, 104), (96, 88, 76))
GARDEN_WALL: Final[Colour] = (168.0, 160.0, 148.0)
EDGE_M: Final = 2.0
"""Nothing is placed nearer to the picture's border."""
MIN_SIZE_M: Final = 60.0


@dataclass(slots=True, kw_only=True)
class Placed:
    """What stands where; grows while a picture is planned."""

    area: Polygon
    taken: list[Polygon] = field(default_factory=list)
    houses: list[tuple[House, Pose]] = field(default_factory=list)
    plans: list[tuple[FieldPlan, Pose]] = field(default_factory=list)
    trees: list[tuple[float, float, float]] = field(default_factory=list)
    """x, y, crown radius, metres."""

    def free(self, shape: Polygon) -> bool:
        """Return whether a shape lies inside and touches nothing."""
        if not self.area.contains(shape):
            return False
        return not self.taken or not bool(shapely.intersects(np.array(self.taken, dtype=object), shape).any())

    def add_house(self, house: House, pose: Pose, *, gap_m: float) -> bool:
        """Place a building when there is room for it and a gap about it."""
        shape = Polygon(pose.place(house.footprint()).exterior)
        if not self.free(shape.buffer(gap_m, join_style="mitre")):
            return False
        self.houses.append((house, pose))
        self.taken.append(shape)
        return True


def render_village(*, size_m: float, gsd_m: float, seed: int) -> Town:
    """Render a square of scattered houses between plots and trees; nothing in it exists anywhere.

    Raises
    ------
    DataError
        The size is below 60 m or the resolution is not between 0.1 and 2 m.
    """
    return _rendered(_plan_village, size_m=size_m, gsd_m=gsd_m, seed=seed)


def render_quarter(*, size_m: float, gsd_m: float, seed: int) -> Town:
    """Render a square of a quarter in which roof touches roof; nothing in it exists anywhere.

    Raises
    ------
    DataError
        The size is below 60 m or the resolution is not between 0.1 and 2 m.
    """
    return _rendered(_plan_quarter, size_m=size_m, gsd_m=gsd_m, seed=seed)


def _rendered(plan: Callable[..., Placed], *, size_m: float, gsd_m: float, seed: int) -> Town:
    if size_m < MIN_SIZE_M or not 0.1 <= gsd_m <= 2.0:
        raise DataError(f"size_m={size_m} gsd_m={gsd_m}; needs {MIN_SIZE_M:g} m or more at 0.1 to 2 m per pixel")
    rng = np.random.default_rng(seed)
    sun = any_sun(rng)
    size_px = round(size_m / gsd_m)
    canvas = Canvas(size_px, size_px, gsd_m=gsd_m)
    placed = plan(canvas, size_m, sun=sun, rng=rng)
    for each, pose in placed.plans:
        each.draw(canvas, pose)
    # The lowest first: what is higher throws its shadow on the roofs beside it.
    for house, pose in sorted(placed.houses, key=lambda item: item[0].height_m):
        draw_house_shadow(canvas, pose, house, sun=sun)
        draw_house(canvas, pose, house, sun=sun, rng=rng)
        _weather(canvas, pose, house, rng=rng)
    for x_m, y_m, radius_m in placed.trees:
        draw_tree(canvas, x_m, y_m, radius_m, sun=sun, rng=rng)
    height_m = size_px * gsd_m
    objects = tuple(
        TownObject(label="building", outline=north_up(pose.place(house.footprint()), height_m), group=number)
        for number, (house, pose) in enumerate(placed.houses)
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


def _plan_village(canvas: Canvas, size_m: float, *, sun: Sun, rng: np.random.Generator) -> Placed:
    """Draw the ground, then plan plots, clusters of houses and trees."""
    placed = Placed(area=box(EDGE_M, EDGE_M, size_m - EDGE_M, size_m - EDGE_M))
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
            if path is None or not shape.intersects(path):
                placed.add_house(house, pose, gap_m=float(rng.choice([0.1, 0.6, 1.5, 3.0])))
            if rng.random() < 0.7:
                yard = blob(float(x), float(y), float(rng.uniform(6, 16)), rng=rng, uneven=0.4)
                bare = choose_surface("dirt" if rng.random() < 0.7 else "soil", rng=rng)
                layer = ragged(canvas.cover(yard, soft_m=1.5), gsd_m=canvas.gsd_m, amount=1.0, rng=rng)
                canvas.put(
                    layer, paint_of(bare, gsd_m=canvas.gsd_m, rng=rng), opacity=float(rng.uniform(0.4, 0.95))
                )
    _strew_plans(placed, size_m, count=int(rng.integers(4, 26)), sun=sun, rng=rng)
    _strew_blocks(canvas, placed, size_m, sun=sun, rng=rng)
    _strew_trees(placed, size_m, per_ha=float(rng.choice([8.0, 25.0, 60.0, 110.0])), rng=rng)
    return placed


def _plan_quarter(canvas: Canvas, size_m: float, *, sun: Sun, rng: np.random.Generator) -> Placed:
    """Draw the ground, then fill parcels of a turned square with houses that touch or nearly do."""
    placed = Placed(area=box(EDGE_M, EDGE_M, size_m - EDGE_M, size_m - EDGE_M))
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
            placed.add_house(house, pose, gap_m=0.0)
    _strew_trees(placed, size_m, per_ha=float(rng.choice([0.0, 4.0, 15.0, 40.0])), rng=rng)
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
            colour = _sheet_colour(rng=rng)
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
    colour = _sheet_colour(rng=rng)
    if thatch:
        colour = jittered(THATCH_COLOURS[int(rng.integers(len(THATCH_COLOURS)))], rng=rng)
    return House(
        wings=tuple(wings),
        roof=roof,
        height_m=float(rng.uniform(2.2, 4.5)),
        slope=0.0 if roof == "flat" else float(rng.uniform(0.15, 0.9 if thatch else 0.5)),
        colour=colour,
    )


def _sheet_colour(*, rng: np.random.Generator) -> Colour:
    return jittered(SHEET_COLOURS[int(rng.integers(len(SHEET_COLOURS)))], rng=rng, by=0.06)


def _weather(canvas: Canvas, pose: Pose, house: House, *, rng: np.random.Generator) -> None:
    """Lay sheets of another age on a roof, and things against the wind: tyres, stones, a tank."""
    if rng.random() < 0.45:
        return
    ground = house.footprint()
    left, top, right, bottom = ground.bounds
    for _ in range(int(rng.integers(1, 6))):
        x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
        long, wide = float(rng.uniform(0.8, 5.0)), float(rng.uniform(0.8, 3.0))
        sheet = box(x, y, x + long, y + wide).intersection(ground)
        if not sheet.is_empty:
            canvas.fill(pose.place(sheet), _sheet_colour(rng=rng), opacity=float(rng.uniform(0.15, 0.7)))


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


def _draw_paths(canvas: Canvas, size_m: float, *, rng: np.random.Generator) -> Polygon | None:
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
    return shapely.union_all(taken) if taken else None


def _strew_plans(placed: Placed, size_m: float, *, count: int, sun: Sun, rng: np.random.Generator) -> None:
    """Place tilled plots, bare patches and lawns: flat, rectangular, and no roofs."""
    turn = float(rng.uniform(0, 180))
    makers = (plan_plot, plan_plot, plan_plot, plan_blob, plan_lawn)
    for _ in range(count):
        plan = makers[int(rng.integers(len(makers)))](sun=sun, rng=rng)
        shrink = float(rng.uniform(0.25, 0.8))
        for _ in range(6):
            x, y = (float(v) for v in rng.uniform(0, size_m, 2))
            pose = Pose(x_m=x, y_m=y, turn_deg=turn + float(rng.choice([0, 90])) + float(rng.normal(0, 4)))
            # Plots may lie over each other; only houses must stay in sight.
            shape = pose.place(plan.extent)
            clear = not placed.taken or not shapely.intersects(np.array(placed.taken, dtype=object), shape).any()
            if clear and shape.area < shrink * 3000.0:
                placed.plans.append((plan, pose))
                break


def _strew_blocks(canvas: Canvas, placed: Placed, size_m: float, *, sun: Sun, rng: np.random.Generator) -> None:
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
            draw_block(canvas, shape, _sheet_colour(rng=rng), height_m=float(rng.uniform(0.2, 1.2)), sun=sun)
        elif pick < 0.8:
            heap = blob(x, y, float(rng.uniform(1, 4)), rng=rng)
            canvas.fill(heap, paint_of(choose_surface("dirt", rng=rng), gsd_m=canvas.gsd_m, rng=rng), soft_m=0.4)
        else:
            west, north, east, south = (float(v) for v in rng.uniform(5, 14, 4))
            yard = pose.place(box(-west, -north, east, south))
            wall = canvas.trace([LineString(yard.exterior.coords)], width_m=0.25)
            canvas.put(wall, jittered(GARDEN_WALL, rng=rng), opacity=0.9)


def _draw_yard(
    canvas: Canvas, pose: Pose, long: float, wide: float, placed: Placed, *, rng: np.random.Generator
) -> None:
    """Draw a parcel without a house: a garden, a slab or bare earth."""
    kind = str(rng.choice(["grass", "soil", "dirt", "concrete"], p=[0.45, 0.2, 0.2, 0.15]))
    shape = pose.place(box(-long / 2, -wide / 2, long / 2, wide / 2))
    canvas.fill(shape, paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng), soft_m=0.3)
    for _ in range(int(rng.integers(0, 5)) if kind == "grass" else 0):
        spot = pose.place(Point(rng.uniform(-long / 2, long / 2), rng.uniform(-wide / 2, wide / 2)))
        placed.trees.append((spot.x, spot.y, float(rng.uniform(0.8, 2.6))))


def _strew_trees(placed: Placed, size_m: float, *, per_ha: float, rng: np.random.Generator) -> None:
    """Place trees in loose woods; a crown may reach over a roof's edge and never hides half of one."""
    count = int(rng.poisson(per_ha * size_m * size_m / 1e4))
    woods = rng.uniform(0, size_m, (int(rng.integers(1, 6)), 2))
    wild = rng.random(count) < 0.5
    spots = rng.uniform(0, size_m, (count, 2))
    near = woods[rng.integers(len(woods), size=count)] + rng.normal(0, 0.12 * size_m, (count, 2))
    spots[wild] = near[wild]
    radii = rng.uniform(0.8, 4.8, count)
    keep = np.ones(count, bool)
    if placed.taken and count:
        hit, _ = shapely.STRtree(placed.taken).query(
            shapely.points(spots), predicate="dwithin", distance=0.6 * radii
        )
        keep[hit] = False
    placed.trees += [(float(x), float(y), float(r)) for (x, y), r in zip(spots[keep], radii[keep], strict=True)]
