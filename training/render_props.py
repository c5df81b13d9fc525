"""Canvas, pose and sun -> fences, nets, goals, lamps, benches and people with their shadows."""

from itertools import pairwise

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from training.render_canvas import Canvas, Colour, Layer, worn
from training.render_patch import Pose, Sun

LIGHT_GAMMA = 0.62
"""Exponent on the coverage of bright lines; 1/2.2 would be right on black, 1 on white."""


def swept(line: BaseGeometry, shift: tuple[float, float]) -> BaseGeometry:
    """Return the ground a thin upright wall on a line shades when its top's shadow is shifted so far."""
    quads = []
    for part in shapely.get_parts(line):
        xy = np.asarray(part.coords)
        for (x0, y0), (x1, y1) in pairwise(xy):
            quad = Polygon([(x0, y0), (x1, y1), (x1 + shift[0], y1 + shift[1]), (x0 + shift[0], y0 + shift[1])])
            if quad.area > 1e-6 and quad.is_valid:
                quads.append(quad)
    return MultiPolygon(quads)


def draw_fence(canvas: Canvas, line: BaseGeometry, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw a wire fence (sometimes with a wind screen) on a line in canvas metres."""
    height_m = rng.uniform(1.2, 4.2)
    screened = rng.random() < 0.3
    veil = sun.strength * (rng.uniform(0.5, 0.9) if screened else rng.uniform(0.08, 0.3))
    canvas.shade(swept(line, sun.shift(height_m)), strength=veil, soft_m=0.15)
    grey = rng.uniform(30, 90) if rng.random() < 0.7 else rng.uniform(140, 200)
    canvas.put(canvas.trace([line], width_m=0.12), (grey, grey, grey * 1.02), opacity=rng.uniform(0.3, 0.8))
    step_m = rng.uniform(2.5, 4.0)
    for part in shapely.get_parts(line):
        posts = [part.interpolate(d) for d in np.arange(0.0, part.length, step_m)]
        shadows = [LineString([p, translate(p, *sun.shift(height_m))]) for p in posts]
        canvas.put(canvas.trace(shadows, width_m=0.08), (10.0, 12.0, 18.0), opacity=sun.strength * 0.7)


def draw_net(canvas: Canvas, line: BaseGeometry, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw a tennis net: dark mesh, light band, posts, and a shadow of about a metre's height."""
    canvas.shade(swept(line, sun.shift(1.0)), strength=sun.strength * rng.uniform(0.2, 0.7), soft_m=0.1)
    canvas.put(canvas.trace([line], width_m=0.12), (28.0, 32.0, 30.0), opacity=rng.uniform(0.3, 0.7))
    canvas.put(canvas.trace([line], width_m=0.06), (235.0, 235.0, 230.0), opacity=rng.uniform(0.2, 0.9))
    for part in shapely.get_parts(line):
        for end in (part.coords[0], part.coords[-1]):
            canvas.fill(Point(end).buffer(0.15), (30.0, 30.0, 32.0), opacity=0.8)


def draw_lamp(canvas: Canvas, x_m: float, y_m: float, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw a lamp post: a dot, a long thin shadow, and the shadow of its head."""
    foot = Point(x_m, y_m)
    tip = translate(foot, *sun.shift(rng.uniform(6.0, 14.0)))
    canvas.put(
        canvas.trace([LineString([foot, tip])], width_m=0.22, soft_m=0.08),
        (10.0, 12.0, 18.0),
        opacity=sun.strength,
    )
    canvas.shade(tip.buffer(rng.uniform(0.4, 0.9)), strength=sun.strength * 0.8)
    canvas.fill(foot.buffer(0.35), (215.0, 215.0, 210.0), opacity=0.8)


def draw_block(
    canvas: Canvas, geometry: BaseGeometry, colour: Colour, *, height_m: float, sun: Sun, opacity: float = 1.0
) -> None:
    """Draw a low flat thing (bench, shed, dugout, goal) in canvas metres with its shadow."""
    x_m, y_m = sun.shift(height_m)
    parts = [geometry, translate(geometry, x_m, y_m)]
    canvas.shade(shapely.convex_hull(shapely.union_all(parts)), strength=sun.strength * opacity)
    canvas.fill(geometry, colour, opacity=opacity)


def draw_bench(canvas: Canvas, pose: Pose, x_m: float, y_m: float, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw a bench or a small stand at a place of the field, along its x axis."""
    length_m, depth_m = (rng.uniform(1.8, 5.0), 0.7) if rng.random() < 0.7 else (rng.uniform(6, 14), 3.0)
    shape = pose.place(box(x_m - length_m / 2, y_m - depth_m / 2, x_m + length_m / 2, y_m + depth_m / 2))
    light = rng.uniform(70, 225)
    draw_block(canvas, shape, (light, light, light * 0.96), height_m=rng.uniform(0.5, 2.2), sun=sun)


def draw_people(canvas: Canvas, inside: BaseGeometry, *, sun: Sun, rng: np.random.Generator, mean: float) -> None:
    """Strew a few people (half a metre each, with shadows) over an area in canvas metres."""
    left, top, right, bottom = inside.bounds
    for _ in range(int(rng.poisson(mean))):
        spot = Point(rng.uniform(left, right), rng.uniform(top, bottom))
        if not inside.contains(spot):
            continue
        shadow = LineString([spot, translate(spot, *sun.shift(1.7))]).buffer(0.22)
        canvas.shade(shadow, strength=sun.strength * 0.8)
        red, green, blue = rng.uniform(30, 240, 3)
        canvas.fill(spot.buffer(0.3), (red, green, blue))


def draw_lines(
    canvas: Canvas,
    pose: Pose,
    lines: list[LineString],
    *,
    width_m: float,
    colour: Colour,
    opacity: float,
    wear: float,
    rng: np.random.Generator,
) -> None:
    """Draw painted lines of a field; `wear` 0..1 rubs them off in patches."""
    layer = canvas.trace([pose.place(line) for line in lines], width_m=width_m)
    if layer is not None and sum(colour) > 420.0:
        # Light adds up before the camera's gamma: a white line that covers a fifth of a pixel shows as a third.
        layer = Layer(rows=layer.rows, cols=layer.cols, cover=layer.cover**LIGHT_GAMMA)
    canvas.put(worn(layer, gsd_m=canvas.gsd_m, wear=wear, rng=rng), colour, opacity=opacity)


def draw_wear(
    canvas: Canvas, spot: BaseGeometry, colour: Colour, *, amount: float, rng: np.random.Generator
) -> None:
    """Draw trodden ground (goal mouth, baseline) on a place in canvas metres: no edge, patchy."""
    layer = canvas.cover(spot, soft_m=float(rng.uniform(0.6, 1.4)))
    canvas.put(worn(layer, gsd_m=canvas.gsd_m, wear=0.35, rng=rng), colour, opacity=amount)
