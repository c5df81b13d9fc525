"""Size and random generator -> where everything in a town stands, before a pixel is drawn."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from shapely.geometry import LineString, box

from training.render_battery import plan_battery
from training.render_fields import plan_field
from training.render_layout import Layout, plan_layout
from training.render_lots import Ground, fill_block, line_with_trees, main_turn, place_anywhere, strew_trees
from training.render_patch import FieldPlan, Pose, Sun

EDGE_M: Final = 3.0
"""Nothing stands nearer to the picture's border, so that no truth is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A town before it is drawn, in canvas metres: x to the right, y downwards."""

    sun: Sun
    layout: Layout
    grounds: tuple[Ground, ...]
    """One per block of the layout, in its order."""

    @property
    def sports(self) -> tuple[Ground, ...]:
        """The grounds of the sports parks."""
        blocks = zip(self.grounds, self.layout.blocks, strict=True)
        return tuple(ground for ground, block in blocks if block.use == "sports")


def plan_site(size_m: float, *, rng: np.random.Generator) -> Site:
    """Plan a town: streets, blocks, buildings, then fields, then the trees that are left room."""
    sun = Sun(
        azimuth_deg=float(rng.uniform(200, 340)),
        reach=float(rng.uniform(0.5, 1.1)),
        strength=float(rng.uniform(0.42, 0.6)),
    )
    layout = plan_layout(size_m, rng=rng)
    inside = box(EDGE_M, EDGE_M, size_m - EDGE_M, size_m - EDGE_M)
    grounds = tuple(fill_block(block, inside, sun=sun, rng=rng) for block in layout.blocks)
    site = Site(sun=sun, layout=layout, grounds=grounds)
    place_fields(list(grounds), list(site.sports), sun=sun, rng=rng)
    return site


def place_fields(grounds: list[Ground], sports: list[Ground], *, sun: Sun, rng: np.random.Generator) -> None:
    """Place every label on the sports grounds, the largest first, and single courts in the blocks around."""
    wanted = [("running_track", 0), ("soccer_field", 0), ("american_football_field", 0), ("baseball_diamond", 0),
              ("tennis_court", 4), ("basketball_court", 2), ("baseball_diamond", 0), ("tennis_court", 3),
              ("soccer_field", 0), ("basketball_court", 1), ("tennis_court", 1)]  # fmt: skip
    for label, count in wanted:
        for attempt in range(24):
            plan = choose_plan(label, count, sun=sun, rng=rng)
            ground = sports[attempt % len(sports)] if sports else grounds[int(rng.integers(len(grounds)))]
            if ground.area.is_empty:
                continue
            if place_anywhere(ground, plan, main_turn(ground.area), rng=rng, tries=25, gap_m=1.5):
                break
    for ground in sports:
        if ground.area.is_empty:
            continue
        for kind in ("hall", "shed"):
            for _ in range(40):
                left, top, right, bottom = ground.area.bounds
                pose = ground_pose(rng.uniform(left, right), rng.uniform(top, bottom), main_turn(ground.area))
                if ground.add_house(kind, pose, rng=rng, gap_m=4.0) is not None:
                    break
        line_with_trees(ground, LineString(ground.area.buffer(-4.0).exterior.coords), rng=rng)
        strew_trees(ground, rng=rng, per_m2=0.0006, low_m=1.8, high_m=5.0)
    others = [ground for ground in grounds if not any(ground is one for one in sports) and ground.area.area > 3000]
    for label in ("basketball_court", "tennis_court", "basketball_court", "tennis_court"):
        for _ in range(8):
            if not others:
                break
            ground = others[int(rng.integers(len(others)))]
            if place_anywhere(
                ground, plan_field(label, rng=rng, sun=sun), main_turn(ground.area), rng=rng, tries=25
            ):
                break
    for ground in grounds:
        ground.settle_trees()


def ground_pose(x_m: float, y_m: float, turn_deg: float) -> Pose:
    """Return a pose from numbers of any float kind."""
    return Pose(x_m=float(x_m), y_m=float(y_m), turn_deg=turn_deg)


def choose_plan(label: str, count: int, *, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Return a single field (count 0) or a battery."""
    if count:
        return plan_battery(label, count=count, sun=sun, rng=rng)
    return plan_field(label, rng=rng, sun=sun)
