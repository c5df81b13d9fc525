"""Size, resolution and seed -> a rendered town: its picture, and each building and field with its outline."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely.affinity import affine_transform
from shapely.geometry import LineString, Polygon, box

from groundplan.errors import DataError
from training.render_canvas import Canvas
from training.render_cars import draw_car
from training.render_layout import Layout
from training.render_lots import Ground
from training.render_patch import Sun
from training.render_roads import draw_roads, draw_traffic
from training.render_roofs import draw_house, draw_house_shadow
from training.render_sites import Site, plan_site
from training.render_surfaces import choose_surface, paint_of
from training.render_texture import cloud
from training.render_trees import draw_tree


@dataclass(frozen=True, slots=True, kw_only=True)
class TownObject:
    """One thing a detector should find."""

    label: str
    outline: Polygon
    """Local metres: x to the east, y to the north, origin in the picture's lower left corner."""
    group: int
    """Fields drawn as one facility share a number; every building has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TownRoad:
    """One street."""

    line: LineString
    """Local metres; reaches beyond the picture."""
    kind: str
    """``residential`` or ``secondary``."""
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A rendered town."""

    image: NDArray[np.uint8]
    """(3, H, W), north up."""
    gsd_m: float
    size_m: float
    objects: tuple[TownObject, ...]
    """Buildings and fields, fields first."""
    roads: tuple[TownRoad, ...]
    parks: tuple[Polygon, ...]
    """Sports grounds, local metres."""
    seed: int

    @property
    def truth(self) -> list[tuple[str, Polygon]]:
        """Labels and outlines in local metres."""
        return [(item.label, item.outline) for item in self.objects]


def render_town(*, size_m: float, gsd_m: float, seed: int) -> Town:
    """Render a square town; nothing in it exists anywhere.

    Parameters
    ----------
    size_m : float
        Side of the square, at least 120. Below about 600 the largest fields find no room and are left out.
    gsd_m : float
        Metres per pixel.
    seed : int
        Equal seeds give equal pixels.

    Raises
    ------
    DataError
        The size is below 120 m, the resolution not between 0.1 and 2 m, or the seed negative.
    """
    if size_m < 120.0 or not 0.1 <= gsd_m <= 2.0:
        raise DataError(f"size_m={size_m} gsd_m={gsd_m}; a town needs 120 m or more at 0.1 to 2 m per pixel")
    if seed < 0:
        raise DataError(f"seed={seed}; give 0 or more")
    rng = np.random.default_rng(seed)
    site = plan_site(size_m, rng=rng)
    size_px = round(size_m / gsd_m)
    canvas = Canvas(size_px, size_px, gsd_m=gsd_m)
    draw_town(canvas, site.layout, list(site.grounds), sun=site.sun, rng=rng)
    height_m = size_px * gsd_m
    return Town(
        image=finished(canvas, rng=rng),
        gsd_m=gsd_m,
        size_m=height_m,
        objects=objects_of(site, height_m),
        roads=tuple(
            TownRoad(line=north_up(road.line, height_m), kind=road.kind, name=road.name)
            for road in site.layout.roads
        ),
        parks=tuple(north_up(ground.area, height_m) for ground in site.sports if not ground.area.is_empty),
        seed=seed,
    )


def draw_town(
    canvas: Canvas, layout: Layout, grounds: list[Ground], *, sun: Sun, rng: np.random.Generator
) -> None:
    """Draw everything, from the ground up."""
    gsd_m = canvas.gsd_m
    meadow = choose_surface("grass", rng=rng)
    canvas.fill(box(-1, -1, layout.size_m + 1, layout.size_m + 1), paint_of(meadow, gsd_m=gsd_m, rng=rng))
    for ground, block in zip(grounds, layout.blocks, strict=True):
        kind = {"shops": "asphalt", "works": "concrete", "plots": "soil"}.get(block.use, "grass")
        if kind != "grass" or rng.random() < 0.5:
            canvas.fill(block.area, paint_of(choose_surface(kind, rng=rng), gsd_m=gsd_m, rng=rng), soft_m=0.3)
        for lot in ground.lots:
            lawn = choose_surface("grass" if rng.random() < 0.88 else "soil", rng=rng)
            canvas.fill(lot, paint_of(lawn, gsd_m=gsd_m, rng=rng), soft_m=0.2)
            if rng.random() < 0.5:
                edge = lot.exterior if lot.geom_type == "Polygon" else lot.convex_hull.exterior
                canvas.put(canvas.trace([edge], width_m=0.25), (92.0, 84.0, 74.0), opacity=0.5)
    draw_roads(canvas, layout, rng=rng)
    for ground in grounds:
        for drive, _ in ground.drives:
            kind = "concrete" if rng.random() < 0.7 else "asphalt"
            canvas.fill(drive, paint_of(choose_surface(kind, rng=rng), gsd_m=gsd_m, rng=rng))
        for plan, pose in ground.plans:
            plan.draw(canvas, pose)
    for ground in grounds:
        for house, pose in ground.houses:
            draw_house_shadow(canvas, pose, house, sun=sun)
    for ground in grounds:
        for house, pose in ground.houses:
            draw_house(canvas, pose, house, sun=sun, rng=rng)
        for _, pose in ground.drives:
            if rng.random() < 0.45:
                draw_car(canvas, pose, sun=sun, rng=rng)
    draw_traffic(canvas, layout, sun=sun, rng=rng)
    for ground in grounds:
        for x_m, y_m, radius_m in ground.trees:
            draw_tree(canvas, x_m, y_m, radius_m, sun=sun, rng=rng)


def finished(canvas: Canvas, *, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture as a camera gives it: a little blurred, hazy, grainy, unevenly lit; (3, H, W)."""
    shape = canvas.alpha.shape
    haze = np.float32(rng.uniform(4, 16))
    light = 1.0 + np.float32(0.02) * cloud(shape, scales_px=(600.0,), rng=rng)
    grain = np.float32(rng.uniform(1.0, 2.2)) * rng.standard_normal(shape, dtype=np.float32)
    sigma = float(rng.uniform(0.4, 0.55))
    out = np.empty((3, *shape), np.uint8)
    for band, tint in enumerate((0.98, 1.0, 1.04)):
        soft = ndimage.gaussian_filter(canvas.rgb[..., band], sigma)
        values = soft * light * np.float32(0.94) + haze * np.float32(tint) + grain
        out[band] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return out


def north_up(geometry: Any, size_m: float) -> Any:
    """Return canvas metres (y downwards) as local metres (y to the north)."""
    return affine_transform(geometry, [1.0, 0.0, 0.0, -1.0, 0.0, size_m])


def objects_of(site: Site, size_m: float) -> tuple[TownObject, ...]:
    """Return fields, then buildings, in the order in which they were placed."""
    fields, houses = [], []
    group = 0
    for ground in site.grounds:
        for plan, pose in ground.plans:
            group += 1
            fields += [
                TownObject(label=label, outline=north_up(pose.place(outline), size_m), group=group)
                for label, outline in plan.outlines
            ]
    for ground in site.grounds:
        for house, pose in ground.houses:
            group += 1
            outline = north_up(pose.place(house.footprint()), size_m)
            houses.append(TownObject(label="building", outline=outline, group=group))
    return tuple(fields + houses)
