"""Block and use -> things placed on it without touching each other: houses, drives, fields, look-alikes, trees."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon, box

from training.render_houses import HOUSES
from training.render_layout import Block
from training.render_lookalikes import plan_lookalike
from training.render_patch import FieldPlan, Pose, Sun
from training.render_roofs import House


@dataclass(slots=True, kw_only=True)
class Ground:
    """What stands where on one block; grows while the block is filled."""

    area: Polygon
    """Where things may stand, canvas metres."""
    taken: list[Polygon] = field(default_factory=list)
    houses: list[tuple[House, Pose]] = field(default_factory=list)
    plans: list[tuple[FieldPlan, Pose]] = field(default_factory=list)
    lots: list[Polygon] = field(default_factory=list)
    drives: list[tuple[Polygon, Pose]] = field(default_factory=list)
    trees: list[tuple[float, float, float]] = field(default_factory=list)
    """x, y, crown radius; wishes until `settle_trees` has thinned them."""

    def free(self, shape: Polygon) -> bool:
        """Return whether a shape lies on the block and touches nothing."""
        if not self.area.contains(shape):
            return False
        return not self.taken or not bool(shapely.intersects(np.array(self.taken, dtype=object), shape).any())

    def add_house(self, kind: str, pose: Pose, *, rng: np.random.Generator, gap_m: float = 1.2) -> House | None:
        """Place a new building of a kind when there is room for it."""
        house = HOUSES[kind](rng=rng)
        return house if self.put_house(house, pose, gap_m=gap_m) else None

    def put_house(self, house: House, pose: Pose, *, gap_m: float) -> bool:
        """Place a building when there is room for it and a gap about it, in metres."""
        shape = Polygon(pose.place(house.footprint()).exterior)
        if not self.free(shape.buffer(gap_m, join_style="mitre")):
            return False
        self.houses.append((house, pose))
        self.taken.append(shape)
        return True

    def add_plan(self, plan: FieldPlan, pose: Pose, *, gap_m: float = 2.5) -> bool:
        """Place a field or a look-alike when there is room for it."""
        shape = pose.place(plan.extent)
        if not self.free(shape.buffer(gap_m)):
            return False
        self.plans.append((plan, pose))
        self.taken.append(shape)
        return True

    def settle_trees(self) -> None:
        """Keep trees that stand on the block and whose crowns hide no field and little of a roof."""
        if not self.trees:
            return
        spots = shapely.points([tree[:2] for tree in self.trees])
        radii = np.array([tree[2] for tree in self.trees])
        keep = shapely.contains(self.area, spots)
        roofs = [Polygon(pose.place(house.footprint()).exterior) for house, pose in self.houses]
        grounds = [pose.place(plan.extent) for plan, pose in self.plans]
        for shapes, share in ((roofs, 0.65), (grounds, 1.0)):
            if shapes:
                hit, _ = shapely.STRtree(shapes).query(spots, predicate="dwithin", distance=share * radii)
                keep[hit] = False
        self.trees[:] = [tree for tree, kept in zip(self.trees, keep, strict=True) if kept]


def edges_of(area: Polygon) -> list[tuple[Pose, float]]:
    """Return the sides of a block as poses at their starts (x along the side, y into the block) and lengths."""
    ring = shapely.simplify(shapely.orient_polygons(Polygon(area.exterior), exterior_cw=False), 1.5)
    xy = np.asarray(ring.exterior.coords)
    sides = []
    for (x0, y0), (x1, y1) in pairwise(xy):
        turn = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
        sides.append((Pose(x_m=x0, y_m=y0, turn_deg=turn), float(np.hypot(x1 - x0, y1 - y0))))
    return sides


def main_turn(area: Polygon) -> float:
    """Return the direction of a block's longest side, degrees."""
    return max(edges_of(area), key=lambda side: side[1])[0].turn_deg


def fill_street(ground: Ground, kind: str, *, rng: np.random.Generator) -> None:
    """Line the sides of a block with buildings that face the street, with drives, lots and gardens."""
    setback = float(rng.uniform(4.0, 9.0))
    for side, length in edges_of(ground.area):
        at = float(rng.uniform(1.0, 6.0))
        while at < length - 8.0:
            front = float(rng.uniform(15, 24)) if kind == "home" else float(rng.uniform(36, 62))
            house = None
            for _ in range(4 if at + front < length + 6 else 0):
                aside, back = float(rng.uniform(-2, 2)), setback + float(rng.uniform(4.5, 9.0))
                middle = side.then(at + front / 2 + aside, back, float(rng.normal(0, 0.8)))
                house = ground.add_house(kind, middle, rng=rng)
                if house is not None:
                    break
            if house is not None:
                deep = float(rng.uniform(26, 36))
                lot = side.then(at + front / 2, deep / 2).place(box(-front / 2, -deep / 2, front / 2, deep / 2))
                ground.lots.append(lot.intersection(ground.area))
                if kind == "home":
                    fill_lot(ground, side, at, front, setback, house, middle, rng=rng)
            at += front + (0.0 if kind == "home" else float(rng.uniform(4, 9)))


def fill_lot(
    ground: Ground,
    side: Pose,
    at: float,
    front: float,
    setback: float,
    house: House,
    pose: Pose,
    *,
    rng: np.random.Generator,
) -> None:
    """Give a house its drive, perhaps a shed or a pool behind it, and trees."""
    left, top, right, bottom = house.footprint().bounds
    x = right - 2.2 if rng.random() < 0.5 else left + 2.2
    reach = setback + 6.5
    drive = pose.place(box(x - 1.7, top - reach, x + 1.7, 0.0)).difference(pose.place(house.footprint()))
    parts = [part for part in shapely.get_parts(drive) if part.geom_type == "Polygon"]
    if parts:
        ground.drives.append((max(parts, key=lambda part: part.area), pose.then(x, top - 3.2, 90.0)))
    if rng.random() < 0.4:
        back = pose.then(
            float(rng.uniform(-5, 5)), bottom + float(rng.uniform(6, 12)), float(rng.choice([0.0, 90.0]))
        )
        ground.add_house("shed", back, rng=rng)
    elif rng.random() < 0.18:
        sun = Sun(azimuth_deg=0.0, reach=1.0, strength=0.4)
        pool = plan_lookalike(rng=rng, kind="pool", sun=sun)
        if max(pool.extent.bounds) < 11:
            ground.add_plan(
                pool, pose.then(float(rng.uniform(-3, 3)), bottom + float(rng.uniform(9, 13))), gap_m=0.8
            )
    for _ in range(int(rng.poisson(3.6))):
        spot = side.then(at + float(rng.uniform(0, front)), float(rng.uniform(1.0, 32.0)))
        ground.trees.append((spot.x_m, spot.y_m, crown_radius(rng)))


def fill_large(ground: Ground, kind: str, *, rng: np.random.Generator, sun: Sun, number: int) -> None:
    """Place large buildings with car parks between them."""
    turn = main_turn(ground.area)
    left, top, right, bottom = ground.area.bounds
    for _ in range(number * 40):
        if len(ground.houses) >= number:
            break
        pose = Pose(
            x_m=float(rng.uniform(left, right)),
            y_m=float(rng.uniform(top, bottom)),
            turn_deg=turn + float(rng.choice([0, 90, 180, 270])),
        )
        ground.add_house(kind, pose, rng=rng, gap_m=6.0)
    for _ in range(3):
        place_anywhere(ground, plan_lookalike(rng=rng, kind="parking", sun=sun), turn, rng=rng, tries=30)


def place_anywhere(
    ground: Ground, plan: FieldPlan, turn_deg: float, *, rng: np.random.Generator, tries: int, gap_m: float = 2.5
) -> bool:
    """Try places and quarter turns at random until the plan fits."""
    left, top, right, bottom = ground.area.bounds
    for _ in range(tries):
        pose = Pose(
            x_m=float(rng.uniform(left, right)),
            y_m=float(rng.uniform(top, bottom)),
            turn_deg=turn_deg + float(rng.choice([0.0, 90.0])) + float(rng.normal(0, 2.0)),
        )
        if ground.add_plan(plan, pose, gap_m=gap_m):
            return True
    return False


def crown_radius(rng: np.random.Generator) -> float:
    """Return a crown's radius in metres: bushes, garden trees, now and then a great one."""
    return float(np.clip(rng.lognormal(1.05, 0.42), 0.9, 8.0))


def strew_trees(ground: Ground, *, rng: np.random.Generator, per_m2: float, low_m: float, high_m: float) -> None:
    """Place trees at random over a block."""
    left, top, right, bottom = ground.area.bounds
    count = int(rng.poisson((right - left) * (bottom - top) * per_m2))
    x, y = rng.uniform(left, right, count), rng.uniform(top, bottom, count)
    radius = rng.uniform(low_m, high_m, count) * rng.choice([0.6, 1.0, 1.45], count)
    ground.trees.extend(zip(x.tolist(), y.tolist(), radius.tolist(), strict=True))


def line_with_trees(ground: Ground, line: LineString, *, rng: np.random.Generator) -> None:
    """Place a row of trees along a line."""
    at = float(rng.uniform(0, 8))
    while at < line.length:
        spot = line.interpolate(at)
        ground.trees.append((spot.x, spot.y, crown_radius(rng)))
        at += float(rng.uniform(7, 18))


def fill_block(block: Block, picture: Polygon, *, sun: Sun, rng: np.random.Generator) -> Ground:
    """Place what a block of some use holds; sports blocks stay empty, their fields are placed by the town."""
    area = block.area.intersection(picture)
    parts = [part for part in shapely.get_parts(area) if part.geom_type == "Polygon"]
    ground = Ground(area=max(parts, key=lambda part: part.area) if parts else Polygon())
    if ground.area.is_empty or ground.area.area < 300:
        return ground
    turn = main_turn(ground.area)
    match block.use:
        case "homes":
            fill_street(ground, "home", rng=rng)
            strew_trees(ground, rng=rng, per_m2=0.0026, low_m=1.2, high_m=4.5)
        case "terraces":
            fill_street(ground, "terrace", rng=rng)
            strew_trees(ground, rng=rng, per_m2=0.003, low_m=1.2, high_m=4.0)
        case "apartments":
            fill_large(ground, "apartments", rng=rng, sun=sun, number=4)
            strew_trees(ground, rng=rng, per_m2=0.0035, low_m=2.0, high_m=5.0)
        case "shops" | "works":
            fill_large(ground, "hall", rng=rng, sun=sun, number=4)
            strew_trees(ground, rng=rng, per_m2=0.0004, low_m=1.5, high_m=3.5)
        case "plots":
            for _ in range(5):
                place_anywhere(ground, plan_lookalike(rng=rng, kind="plot", sun=sun), turn, rng=rng, tries=20)
            strew_trees(ground, rng=rng, per_m2=0.0006, low_m=2.0, high_m=5.0)
        case "green":
            for kind in ("blob", "lawn", "bend", "playground", "slab", "solar", "roundabout"):
                place_anywhere(ground, plan_lookalike(rng=rng, kind=kind, sun=sun), turn, rng=rng, tries=15)
            strew_trees(ground, rng=rng, per_m2=0.0055, low_m=2.0, high_m=6.0)
        case "sports":
            pass
    return ground
