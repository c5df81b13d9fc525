"""A pitch's plan -> the same with spectator stands beside or all around it, and the shadows they throw."""

from dataclasses import replace
from typing import Final

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry

from training.render_canvas import Canvas, Colour
from training.render_patch import FieldPlan, Pose, Sun
from training.render_surfaces import COLOURS, choose_surface, jittered, paint_of

SEATS: Final[tuple[Colour, ...]] = (
    (176.0, 178.0, 178.0),
    (150.0, 150.0, 146.0),
    (198.0, 196.0, 190.0),
    (122.0, 118.0, 112.0),
    (96.0, 110.0, 140.0),
    (140.0, 74.0, 70.0),
    (78.0, 104.0, 84.0),
)
"""Aluminium, concrete, and seats in a team's colours."""
ROW_M: Final = 0.9
"""Depth of one row of seats."""


def with_stands(plan: FieldPlan, *, sun: Sun, rng: np.random.Generator) -> FieldPlan:
    """Return the plan with a stand along one or both long sides, or a bowl that may be open at one end.

    The truth stays as it is: shadows that fall on a field leave it the field it is.
    """
    kind = str(rng.choice(["one", "two", "bowl", "horseshoe"], p=[0.3, 0.25, 0.3, 0.15]))
    gap_m = float(rng.uniform(1.0, 6.0))
    deep_m = float(rng.uniform(4.0, 14.0) if kind in ("one", "two") else rng.uniform(12.0, 55.0))
    inner = Polygon(plan.extent.exterior).buffer(gap_m)
    if kind in ("bowl", "horseshoe") and rng.random() < 0.6:
        inner = _rounded(inner, roundness=float(rng.uniform(2.0, 5.0)))
    left, top, right, bottom = inner.bounds
    if kind in ("one", "two"):
        long = (right - left) * float(rng.uniform(0.25, 0.95)) / 2.0
        shift = float(rng.uniform(-0.3, 0.3)) * ((right - left) / 2.0 - long)
        stands = [box(shift - long, bottom, shift + long, bottom + deep_m)]
        if kind == "two":
            short = long * float(rng.uniform(0.4, 1.0))
            stands.append(box(shift - short, top - deep_m * float(rng.uniform(0.4, 1.0)), shift + short, top))
    else:
        ring = inner.buffer(deep_m).difference(inner)
        if kind == "horseshoe":
            side = 1.0 if rng.random() < 0.5 else -1.0
            far = max(right, bottom) * 4.0
            ring = ring.difference(_end(inner, side, far))
        stands = [part for part in shapely.get_parts(ring) if part.geom_type == "Polygon"]
    paved = Polygon(shapely.union_all([inner, *stands]).buffer(float(rng.uniform(0.5, 4.0))).exterior)
    ground = choose_surface(str(rng.choice(["asphalt", "concrete", "grass", "turf"])), rng=rng)
    seats = jittered(SEATS[int(rng.integers(len(SEATS)))], rng=rng)
    height_m = deep_m * float(rng.uniform(0.35, 0.75))
    roofed = rng.random() < (0.3 if deep_m > 8.0 else 0.1)

    def draw(canvas: Canvas, pose: Pose) -> None:
        canvas.fill(pose.place(paved.buffer(-0.5)), paint_of(ground, gsd_m=canvas.gsd_m, rng=rng), soft_m=0.4)
        plan.draw(canvas, pose)
        for stand in stands:
            placed = pose.place(stand)
            cast = shapely.union_all([translate(placed, *sun.shift(height_m * part)) for part in (0.3, 0.6, 1.0)])
            canvas.shade(cast.difference(placed), strength=sun.strength)
        for stand in stands:
            _draw_stand(canvas, pose, stand, inner=inner, deep_m=deep_m, seats=seats, rng=rng)
            if roofed and rng.random() < 0.7:
                roof = stand.difference(inner.buffer(deep_m * float(rng.uniform(0.3, 0.7))))
                low = translate(pose.place(roof), *sun.shift(4.0)).intersection(pose.place(stand))
                canvas.shade(low, strength=sun.strength)
                canvas.fill(pose.place(roof), jittered((222.0, 222.0, 218.0), rng=rng))
        if rng.random() < 0.4:
            # A press box on the edge of the first stand, seen from above as a small roof.
            edge = max(shapely.get_parts(stands[0]), key=lambda part: part.area)
            x0, _, x1, y1 = edge.bounds
            middle = (x0 + x1) / 2.0
            hut = box(middle - 9.0, y1 - 3.5, middle + 9.0, y1 + 0.5)
            canvas.shade(translate(pose.place(hut), *sun.shift(height_m + 3.0)), strength=sun.strength)
            canvas.fill(pose.place(hut), jittered(COLOURS["concrete"][1], rng=rng))

    return replace(plan, variant=f"{plan.variant}-stands-{kind}", extent=paved, draw=draw)


def _rounded(area: Polygon, *, roundness: float) -> Polygon:
    """Return the superellipse round an area's bounds: 2 is an ellipse, more is nearer to the rectangle.

    The field of a bowl is often much smaller than the ground between the stands, which curves away from its
    corners.
    """
    left, top, right, bottom = area.bounds
    angle = np.linspace(0.0, 2.0 * np.pi, 96, endpoint=False)
    reach = 2.0 ** (1.0 / roundness) / 2.0
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2.0 / roundness) * (right - left) * reach
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2.0 / roundness) * (bottom - top) * reach
    return Polygon(np.column_stack([x + (left + right) / 2.0, y + (top + bottom) / 2.0]))


def _end(inner: Polygon, side: float, far: float) -> Polygon:
    """Return the ground beyond one end of a field."""
    left, _, right, _ = inner.bounds
    start = (right if side > 0 else left) - side * 4.0
    return box(min(start, side * far), -far, max(start, side * far), far)


def _draw_stand(
    canvas: Canvas,
    pose: Pose,
    stand: Polygon,
    *,
    inner: Polygon,
    deep_m: float,
    seats: Colour,
    rng: np.random.Generator,
) -> None:
    """Draw seats, rows parallel to the field's border, and aisles across them."""
    canvas.fill(pose.place(stand), seats)
    light = float(rng.uniform(0.7, 0.92))
    dark: Colour = (seats[0] * light, seats[1] * light, seats[2] * light)
    rows = [inner.buffer(depth).exterior.intersection(stand) for depth in np.arange(ROW_M, deep_m, ROW_M)]
    canvas.put(canvas.trace([pose.place(row) for row in _lines(rows)], width_m=0.4), dark, opacity=0.9)
    border = inner.exterior
    middle = np.array(inner.centroid.coords[0])
    aisles: list[BaseGeometry] = []
    for along in np.arange(0.0, border.length, float(rng.uniform(6.0, 14.0))):
        foot = np.array(border.interpolate(along).coords[0])
        out = (foot - middle) / max(float(np.hypot(*(foot - middle))), 1.0)
        aisles.append(LineString([foot, foot + out * 1.6 * deep_m]).intersection(stand))
    canvas.put(
        canvas.trace([pose.place(aisle) for aisle in _lines(aisles)], width_m=1.1),
        jittered(COLOURS["concrete"][0], rng=rng),
        opacity=0.85,
    )


def _lines(geometries: list[BaseGeometry]) -> list[LineString]:
    return [
        part
        for geometry in geometries
        for part in shapely.get_parts(geometry)
        if part.geom_type == "LineString" and not part.is_empty
    ]
