"""Rectangular wings -> a roof with lit and shaded planes, its shadow on the ground, and things standing on it."""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from training.render_canvas import Canvas, Colour
from training.render_patch import Pose, Sun
from training.render_props import draw_block
from training.render_surfaces import jittered
from training.render_texture import Floats, cloud, smooth_noise

RoofKind = Literal["flat", "gable", "hip"]

ROOF_COLOURS: Final[dict[str, tuple[Colour, ...]]] = {
    "pitched": (
        (120, 116, 112), (98, 94, 92), (140, 130, 118), (84, 80, 80), (150, 108, 84), (178, 112, 82),
        (164, 90, 70), (128, 104, 88), (104, 110, 116), (176, 164, 146), (110, 84, 72), (150, 150, 150),
        (92, 104, 120),
        (186, 128, 98), (126, 140, 136),
    ),
    "flat": (
        (212, 212, 208), (190, 190, 186), (168, 164, 158), (146, 142, 136), (224, 222, 216), (120, 118, 116),
        (178, 170, 156), (98, 98, 100), (200, 188, 170), (150, 160, 170),
    ),
}  # fmt: skip
"""Shingles, tiles and metal; membranes, gravel and concrete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wing:
    """One rectangular part of a building, in the building's own metres."""

    x0: float
    y0: float
    x1: float
    y1: float

    def shape(self) -> Polygon:
        """Return the rectangle."""
        return box(self.x0, self.y0, self.x1, self.y1)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A building to be drawn; its footprint is the union of its wings, eaves included."""

    wings: tuple[Wing, ...]
    roof: RoofKind
    height_m: float
    """Eaves above the ground."""
    slope: float
    """Rise per run of pitched roofs; 0 on flat ones."""
    colour: Colour
    courtyard: Polygon | None = None
    """A hole in the footprint; None = none."""
    parts: tuple["House", ...] = ()
    """Roofs of other heights and colours that are one building with it: on it, or against it."""

    def base(self) -> Polygon:
        """Return the outline without its parts, in the building's own metres."""
        whole = shapely.union_all([wing.shape() for wing in self.wings])
        return shapely.orient_polygons(whole if self.courtyard is None else whole.difference(self.courtyard))

    def footprint(self) -> Polygon:
        """Return the outline as seen from above, in the building's own metres."""
        if not self.parts:
            return self.base()
        return shapely.orient_polygons(
            shapely.union_all([self.base(), *(part.footprint() for part in self.parts)])
        )


def choose_colour(roof: RoofKind, *, rng: np.random.Generator) -> Colour:
    """Return a roof colour; a few have a strong one."""
    if rng.random() < 0.025:
        strong: tuple[Colour, ...] = ((60, 100, 150), (70, 120, 90), (160, 60, 50), (90, 130, 170))
        return jittered(strong[int(rng.integers(len(strong)))], rng=rng)
    palette = ROOF_COLOURS["flat" if roof == "flat" else "pitched"]
    return jittered(palette[int(rng.integers(len(palette)))], rng=rng, by=0.09)


def draw_house_shadow(canvas: Canvas, pose: Pose, house: House, *, sun: Sun) -> None:
    """Draw the shadow of a building; drawn for all buildings before any roof."""
    shadow = shapely.union_all([_shadow(pose, each, sun=sun) for each in (house, *house.parts)])
    canvas.shade(shadow, strength=sun.strength, soft_m=0.12)


def _shadow(pose: Pose, house: House, *, sun: Sun) -> BaseGeometry:
    """Return where the shadow of a roof falls, without those of its parts."""
    ground = pose.place(house.base())
    narrow = min(min(wing.x1 - wing.x0, wing.y1 - wing.y0) for wing in house.wings)
    x_m, y_m = sun.shift(house.height_m)
    shadow = swept_area(ground, (x_m, y_m))
    if house.slope > 0.0:
        top_x, top_y = sun.shift(house.height_m + 0.35 * narrow * house.slope)
        shadow = shadow.union(swept_area(ground.buffer(-0.25 * narrow), (top_x, top_y)))
    return shadow


def swept_area(ground: BaseGeometry, shift: tuple[float, float]) -> BaseGeometry:
    """Return the ground a flat thing covers on its way along a shift; inner courts fill up as they should."""
    pieces = [ground, translate(ground, *shift)]
    for part in shapely.get_parts(ground):
        for ring in (part.exterior, *part.interiors):
            xy = np.asarray(ring.coords)[:, :2]
            quads = np.stack([xy[:-1], xy[1:], xy[1:] + shift, xy[:-1] + shift], axis=1)
            pieces += list(shapely.orient_polygons(shapely.polygons(quads)))
    return shapely.union_all([piece for piece in pieces if piece.area > 1e-6])


def roof_heights(house: House, along: Floats, across: Floats) -> tuple[Floats, Floats, Floats]:
    """Return height above the eaves and its slopes along and across, for points in the building's own metres."""
    best = np.full(np.broadcast_shapes(along.shape, across.shape), -1.0, np.float32)
    rise_x, rise_y = np.zeros_like(best), np.zeros_like(best)
    for wing in house.wings:
        half_x, half_y = (wing.x1 - wing.x0) / 2.0, (wing.y1 - wing.y0) / 2.0
        dx, dy = along - (wing.x0 + wing.x1) / 2.0, across - (wing.y0 + wing.y1) / 2.0
        to_x, to_y = half_x - np.abs(dx), half_y - np.abs(dy)
        inside = (to_x >= -0.3) & (to_y >= -0.3)
        lengthwise = half_x >= half_y
        use_y = to_y <= to_x if house.roof == "hip" else np.full(best.shape, lengthwise)
        height = np.where(use_y, to_y, to_x) * house.slope
        higher = inside & (height > best)
        best = np.where(higher, height, best).astype(np.float32)
        rise_x = np.where(higher, np.where(use_y, 0.0, -np.sign(dx)) * house.slope, rise_x).astype(np.float32)
        rise_y = np.where(higher, np.where(use_y, -np.sign(dy), 0.0) * house.slope, rise_y).astype(np.float32)
    return best, rise_x, rise_y


def draw_house(canvas: Canvas, pose: Pose, house: House, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw the roofs of a building and what stands on them; the shadow on the ground is drawn apart."""
    lower: list[tuple[float, BaseGeometry]] = []
    for roof in sorted((replace(house, parts=()), *house.parts), key=lambda each: each.height_m):
        for height_m, below in lower:
            step = replace(roof, height_m=roof.height_m - height_m)
            canvas.shade(_shadow(pose, step, sun=sun).intersection(below), strength=sun.strength, soft_m=0.12)
        _draw_roof(canvas, pose, roof, sun=sun, rng=rng)
        seen = pose.place(roof.base())
        lower = [(height_m, below.difference(seen)) for height_m, below in lower]
        lower.append((roof.height_m, seen))


def _draw_roof(canvas: Canvas, pose: Pose, house: House, *, sun: Sun, rng: np.random.Generator) -> None:
    gsd_m = canvas.gsd_m
    ground = house.base()
    turn = np.deg2rad(pose.turn_deg)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    to_sun = np.deg2rad(sun.azimuth_deg + 180.0) - turn
    sun_x, sun_y, sun_z = float(np.cos(to_sun)) * sun.reach, float(np.sin(to_sun)) * sun.reach, 1.0
    level = np.sqrt(sun_x**2 + sun_y**2 + sun_z**2)
    course_m = float(rng.uniform(0.5, 1.2))
    rough = float(rng.uniform(0.5, 1.3))

    def paint(y_m: Floats, x_m: Floats) -> Floats:
        dx, dy = x_m - np.float32(pose.x_m), y_m - np.float32(pose.y_m)
        along, across = dx * cos + dy * sin, dy * cos - dx * sin
        shape = (along.shape[0], along.shape[1])
        light = np.ones(shape, np.float32)
        if house.slope > 0.0:
            _, rise_x, rise_y = roof_heights(house, along, across)
            normal = np.sqrt(rise_x**2 + rise_y**2 + 1.0)
            lit = np.clip((-rise_x * sun_x - rise_y * sun_y + sun_z) / (normal * level), 0.0, 1.0)
            # A level roof keeps its colour; a plane off the sun still gets light from the sky.
            light = np.minimum(0.42 + 0.55 * lit / (sun_z / level), 1.12).astype(np.float32)
            rows = np.sin((np.where(np.abs(rise_y) > 0, across, along)) * np.float32(2 * np.pi / course_m))
            light *= 1.0 + np.float32(0.02 * rough) * rows
        light *= 1.0 + np.float32(0.035 * rough) * cloud(shape, scales_px=(6.0 / gsd_m, 2.0 / gsd_m), rng=rng)
        light *= 1.0 + np.float32(0.02 * rough) * smooth_noise(shape, scale_px=1.0, rng=rng)
        return np.asarray(np.asarray(house.colour, np.float32) * light[..., None], np.float32)

    canvas.fill(pose.place(ground), paint)
    if house.slope == 0.0:
        draw_flat_things(canvas, pose, house, ground, sun=sun, rng=rng)
    elif rng.random() < 0.4:
        draw_skylights(canvas, pose, house, rng=rng)


def draw_flat_things(
    canvas: Canvas, pose: Pose, house: House, ground: Polygon, *, sun: Sun, rng: np.random.Generator
) -> None:
    """Draw parapet, air conditioners and skylights of a flat roof."""
    bright = min(1.0, rng.uniform(0.75, 1.35))
    rim = ground.difference(ground.buffer(-0.45, join_style="mitre"))
    red, green, blue = (min(c * bright + 20.0, 240.0) for c in house.colour)
    if rng.random() < 0.7:
        inner = ground.buffer(-0.45, join_style="mitre")
        placed = pose.place(inner)
        canvas.shade(placed.difference(translate(placed, *sun.shift(0.6))), strength=sun.strength * 0.7)
        canvas.fill(pose.place(rim), (red, green, blue))
    count = int(rng.poisson(min(10.0, ground.area / 180.0)))
    left, top, right, bottom = ground.bounds
    safe = ground.buffer(-1.6)
    for _ in range(count):
        x, y = rng.uniform(left, right), rng.uniform(top, bottom)
        long, wide = rng.uniform(0.9, 3.0), rng.uniform(0.9, 2.2)
        unit = box(x - long / 2, y - wide / 2, x + long / 2, y + wide / 2)
        if safe.contains(unit):
            light = rng.uniform(120, 225)
            draw_block(canvas, pose.place(unit), (light, light, light), height_m=rng.uniform(0.6, 1.6), sun=sun)


def draw_skylights(canvas: Canvas, pose: Pose, house: House, *, rng: np.random.Generator) -> None:
    """Draw a few roof windows, vents or a chimney on a pitched roof."""
    wing = house.wings[0]
    if min(wing.x1 - wing.x0, wing.y1 - wing.y0) < 3.0:
        return  # no room beside the eaves
    for _ in range(int(rng.integers(1, 4))):
        x = rng.uniform(wing.x0 + 1.2, wing.x1 - 1.2)
        y = rng.uniform(wing.y0 + 1.0, wing.y1 - 1.0)
        size = rng.uniform(0.35, 0.6)
        light = float(rng.choice([45.0, 70.0, 200.0]))
        canvas.fill(
            pose.place(box(x - size, y - size * 0.8, x + size, y + size * 0.8)), (light, light, light * 1.05)
        )
