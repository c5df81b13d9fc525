"""Size, resolution and seed -> rendered land without streets: woods and clearings, meadows, rivers, tracks.

A detector that only knows towns takes clearings, crowns and gravel bars for roofs.
"""

import numpy as np
import shapely
from shapely.geometry import LineString, box

from training.render_canvas import Canvas, ragged
from training.render_grounds import blob
from training.render_houses import HOUSES
from training.render_lots import Ground
from training.render_patch import Pose, Sun
from training.render_settlement import empty_ground, render_settlement
from training.render_surfaces import choose_surface, jittered, paint_of
from training.render_texture import cloud
from training.render_town import Town
from training.render_village import village_house

MOST_TREES = 2600
"""In one picture: a square of 200 m under closed crowns."""


def render_wild(*, size_m: float, gsd_m: float, seed: int) -> Town:
    """Render a square of land that is hardly built on; nothing in it exists anywhere.

    Size, resolution, seed and errors are those of `render_settlement`.
    """
    return render_settlement(_plan_wild, size_m=size_m, gsd_m=gsd_m, seed=seed)


def _plan_wild(canvas: Canvas, size_m: float, *, sun: Sun, rng: np.random.Generator) -> Ground:
    """Draw meadow or soil, bare patches, water and tracks, then plan woods, hedges and now and then a house."""
    placed = empty_ground(size_m)
    base = str(rng.choice(["grass", "soil", "dirt"], p=[0.7, 0.15, 0.15]))
    whole = box(-1, -1, size_m + 1, size_m + 1)
    canvas.fill(whole, paint_of(choose_surface(base, rng=rng), gsd_m=canvas.gsd_m, rng=rng))
    for _ in range(int(rng.integers(2, 26))):
        _draw_bare_patch(canvas, size_m, rng=rng)
    wet = _draw_water(canvas, size_m, rng=rng) if rng.random() < 0.45 else shapely.Polygon()
    for _ in range(int(rng.integers(0, 5))):
        _draw_track(canvas, size_m, rng=rng)
    for _ in range(int(rng.integers(0, 40))):
        _draw_stone(canvas, size_m, sun=sun, rng=rng)
    for _ in range(int(rng.choice([0, 1, 3], p=[0.6, 0.2, 0.2]))):
        house = (
            HOUSES[str(rng.choice(["home", "shed"]))](rng=rng) if rng.random() < 0.6 else village_house(rng=rng)
        )
        x, y = (float(v) for v in rng.uniform(0, size_m, 2))
        pose = Pose(x_m=x, y_m=y, turn_deg=float(rng.uniform(0, 180)))
        if not pose.place(house.footprint()).intersects(wet):
            placed.put_house(house, pose, gap_m=1.0)
    _plant(placed, size_m, wet, rng=rng)
    return placed


def _draw_bare_patch(canvas: Canvas, size_m: float, *, rng: np.random.Generator) -> None:
    """Draw a clearing, a worn place or a gravel bar: as pale as a roof, its edge as uneven as ground."""
    x, y = (float(v) for v in rng.uniform(0, size_m, 2))
    radius_m, uneven = float(np.exp(rng.uniform(np.log(1.5), np.log(25.0)))), float(rng.uniform(0.1, 0.6))
    patch = blob(x, y, radius_m, rng=rng, uneven=uneven)
    soft_m = float(rng.uniform(0.3, 3.0))
    layer = ragged(canvas.cover(patch, soft_m=soft_m), gsd_m=canvas.gsd_m, amount=1.0, rng=rng)
    kind = str(rng.choice(["dirt", "sand", "soil", "grass", "concrete"], p=[0.4, 0.15, 0.2, 0.2, 0.05]))
    paint = paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng)
    canvas.put(layer, paint, opacity=float(rng.uniform(0.25, 1.0)))


def _draw_water(canvas: Canvas, size_m: float, *, rng: np.random.Generator) -> shapely.Geometry:
    """Draw a river or a pond with its banks, shoals and bars; return where it is wet."""
    if rng.random() < 0.7:
        water = _bent_line(size_m, rng=rng).buffer(float(np.exp(rng.uniform(np.log(2.0), np.log(45.0)))))
    else:
        x, y = (float(v) for v in rng.uniform(0, size_m, 2))
        water = blob(x, y, float(rng.uniform(6, 0.3 * size_m)), rng=rng, uneven=0.35)
    bank = water.buffer(float(rng.uniform(0.5, 6.0)))
    shore = ragged(canvas.cover(bank, soft_m=1.5), gsd_m=canvas.gsd_m, amount=1.0, rng=rng)
    shore_kind = str(rng.choice(["sand", "dirt", "soil", "grass"]))
    canvas.put(shore, paint_of(choose_surface(shore_kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng))
    layer = ragged(canvas.cover(water, soft_m=0.8), gsd_m=canvas.gsd_m, amount=0.6, rng=rng)
    canvas.put(layer, paint_of(choose_surface("pond", rng=rng), gsd_m=canvas.gsd_m, rng=rng))
    for _ in range(int(rng.integers(0, 8))):
        spot = _inside(water, rng=rng)
        bar = blob(spot[0], spot[1], float(rng.uniform(1.0, 14.0)), rng=rng, uneven=0.7).intersection(water)
        shoal = ragged(canvas.cover(bar, soft_m=1.0), gsd_m=canvas.gsd_m, amount=1.0, rng=rng)
        kind = str(rng.choice(["sand", "dirt", "grass"]))
        canvas.put(
            shoal,
            paint_of(choose_surface(kind, rng=rng), gsd_m=canvas.gsd_m, rng=rng),
            opacity=float(rng.uniform(0.1, 1.0)),
        )
    return water


def _draw_track(canvas: Canvas, size_m: float, *, rng: np.random.Generator) -> None:
    """Draw a path or a dirt road."""
    width_m = float(rng.uniform(0.8, 6.0))
    layer = canvas.trace([_bent_line(size_m, rng=rng)], width_m=width_m, soft_m=0.4)
    colour = choose_surface(str(rng.choice(["dirt", "sand", "asphalt"])), rng=rng).colour
    canvas.put(
        ragged(layer, gsd_m=canvas.gsd_m, amount=0.7, rng=rng), colour, opacity=float(rng.uniform(0.4, 1.0))
    )


def _draw_stone(canvas: Canvas, size_m: float, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw a boulder, a trough or a heap: small and bright, with a short shadow."""
    x, y = (float(v) for v in rng.uniform(0, size_m, 2))
    stone = blob(x, y, float(rng.uniform(0.3, 1.6)), rng=rng, uneven=0.4)
    reach_x, reach_y = sun.shift(float(rng.uniform(0.2, 1.2)))
    canvas.shade(shapely.affinity.translate(stone, reach_x, reach_y), strength=sun.strength, soft_m=0.2)
    colour = choose_surface(str(rng.choice(["concrete", "dirt", "sand"])), rng=rng).colour
    canvas.fill(stone, jittered(colour, rng=rng, by=0.1), soft_m=0.15)


def _plant(placed: Ground, size_m: float, wet: shapely.Geometry, *, rng: np.random.Generator) -> None:
    """Plant woods where a smooth field of random numbers is high, hedges, and single trees."""
    per_ha = float(rng.choice([0.0, 60.0, 250.0, 600.0], p=[0.1, 0.25, 0.35, 0.3]))
    count = min(MOST_TREES, int(per_ha * size_m * size_m / 1e4))
    spots = rng.uniform(0, size_m, (count, 2))
    side = 64
    field = cloud((side, side), scales_px=(side / 2.5, side / 6.0), rng=rng)
    cells = np.minimum((spots / size_m * side).astype(int), side - 1)
    spots = spots[field[cells[:, 1], cells[:, 0]] > float(rng.uniform(-1.0, 1.0))]
    for _ in range(int(rng.integers(0, 4))):
        hedge = shapely.segmentize(_bent_line(size_m, rng=rng), float(rng.uniform(2.0, 9.0)))
        along = shapely.get_coordinates(hedge)
        spots = np.vstack([spots, along + rng.normal(0, 0.8, along.shape)])
    spots = np.vstack([spots, rng.uniform(0, size_m, (int(rng.integers(0, 30)), 2))])
    typical_m = float(rng.uniform(1.2, 4.5))
    radii = np.clip(typical_m * np.exp(rng.normal(0, 0.4, len(spots))), 0.5, 7.0)
    shut = shapely.union_all([*placed.taken, wet])
    clear = ~shapely.dwithin(shapely.points(spots), shut, 0.6 * radii) if len(spots) else np.zeros(0, bool)
    placed.trees += [(float(x), float(y), float(r)) for (x, y), r in zip(spots[clear], radii[clear], strict=True)]


def _bent_line(size_m: float, *, rng: np.random.Generator) -> LineString:
    """Return a line that crosses the square in a few soft bends."""
    turn = float(rng.uniform(0, 2 * np.pi))
    along = np.linspace(-0.9, 0.9, 40) * size_m
    bends = sum(
        float(rng.normal(0, 0.07)) * size_m * np.sin(wave * np.pi * along / size_m + rng.uniform(0, 2 * np.pi))
        for wave in (1, 2, 4)
    )
    across = bends + float(rng.normal(0, 0.25)) * size_m
    cos, sin = np.cos(turn), np.sin(turn)
    middle = size_m / 2
    return LineString(np.column_stack([middle + along * cos - across * sin, middle + along * sin + across * cos]))


def _inside(area: shapely.Geometry, *, rng: np.random.Generator) -> tuple[float, float]:
    """Return a place inside an area, or near it where it is thin."""
    left, top, right, bottom = area.bounds
    for _ in range(20):
        x, y = float(rng.uniform(left, right)), float(rng.uniform(top, bottom))
        if shapely.contains_xy(area, x, y):
            break
    return x, y
