"""Places and sizes -> tree crowns and bushes with light on one side and a shadow on the other."""

from typing import Final

import numpy as np
from shapely.affinity import scale, translate
from shapely.geometry import Point

from training.render_canvas import Canvas, Colour, Layer
from training.render_patch import Sun
from training.render_surfaces import jittered
from training.render_texture import smooth_noise, smoothstep

CROWNS: Final[tuple[Colour, ...]] = (
    (44, 66, 38), (56, 80, 46), (70, 92, 54), (38, 56, 38), (84, 98, 62), (62, 74, 48), (98, 104, 66),
    (50, 62, 48),
)  # fmt: skip
"""Foliage, 0..255; conifers are the darkest."""


def draw_tree(
    canvas: Canvas, x_m: float, y_m: float, radius_m: float, *, sun: Sun, rng: np.random.Generator
) -> None:
    """Draw one crown at a place in canvas metres.

    Notes
    -----
    The edge is uneven by noise, the light comes from a dome's slope towards the sun with leaf clumps on it.
    """
    spot = Point(x_m, y_m)
    height_m = radius_m * rng.uniform(1.2, 2.4)
    reach_x, reach_y = sun.shift(height_m)
    shadow = translate(spot.buffer(radius_m * 0.95, quad_segs=6), reach_x * 0.75, reach_y * 0.75)
    shadow = shadow.union(translate(spot.buffer(radius_m * 0.6, quad_segs=5), reach_x * 0.35, reach_y * 0.35))
    shadow_layer = canvas.cover(shadow.convex_hull, soft_m=0.35)
    canvas.put(shadow_layer, (8.0, 11.0, 15.0), opacity=sun.strength)
    window = canvas.window(scale(spot.buffer(radius_m), 1.2, 1.2).bounds)
    if window is None:
        return
    rows, cols = window
    gsd_m = canvas.gsd_m
    dy = ((np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * gsd_m - y_m)[:, None] / radius_m
    dx = ((np.arange(cols.start, cols.stop, dtype=np.float32) + 0.5) * gsd_m - x_m)[None, :] / radius_m
    shape = (dy.shape[0], dx.shape[1])
    clumps = smooth_noise(shape, scale_px=max(1.3, 0.35 * radius_m / gsd_m), rng=rng)
    leaves = smooth_noise(shape, scale_px=max(1.1, 0.6 / gsd_m), rng=rng)
    away = np.sqrt(dx * dx + dy * dy).astype(np.float32)
    edge = max(0.10, 0.4 * gsd_m / radius_m)
    cover = smoothstep(1.0 - away + np.float32(0.11) * clumps, -edge, edge)
    angle = np.deg2rad(sun.azimuth_deg)
    facing = -(dx * np.cos(angle) + dy * np.sin(angle))
    light = 1.0 + 0.26 * facing + 0.14 * clumps + 0.17 * leaves
    colour = np.asarray(jittered(CROWNS[int(rng.integers(len(CROWNS)))], rng=rng), np.float32)
    colours = np.asarray(colour * np.clip(light, 0.3, 1.9)[..., None], np.float32)
    canvas.put(Layer(rows=rows, cols=cols, cover=cover.astype(np.float32)), lambda _y, _x: colours)
