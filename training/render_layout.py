"""Size and random generator -> roads, the blocks between them and what each block is used for."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon, box

Use = Literal["sports", "homes", "terraces", "apartments", "shops", "works", "green", "plots"]

PAVED_M = 3.2
"""From the kerb to the front of the lots: verge and sidewalk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """One street, in canvas metres."""

    line: LineString
    width_m: float
    """Kerb to kerb."""
    kind: Literal["residential", "secondary"]
    name: str
    """Invented name, such as ``R3 Street``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Ground between streets."""

    area: Polygon
    """Without roads and sidewalks, canvas metres; reaches beyond the picture at its border."""
    use: Use


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The plan of a town, in canvas metres: x to the right, y downwards."""

    size_m: float
    roads: tuple[Road, ...]
    blocks: tuple[Block, ...]


def steps(reach_m: float, low_m: float, high_m: float, *, rng: np.random.Generator) -> list[float]:
    """Return places from -reach to reach, between `low_m` and `high_m` apart."""
    places = [-reach_m - float(rng.uniform(0, high_m))]
    while places[-1] < reach_m:
        places.append(places[-1] + float(rng.uniform(low_m, high_m)))
    return places


def plan_layout(size_m: float, *, rng: np.random.Generator) -> Layout:
    """Plan streets on a turned, gently bent grid, leave out some for parks, and give every block a use."""
    turn = np.deg2rad(rng.uniform(-16, 16))
    wave = rng.uniform(420, 700), rng.uniform(0, 2 * np.pi), rng.uniform(6, 16)

    def to_canvas(uv: NDArray[np.float64]) -> NDArray[np.float64]:
        u = uv[:, 0] + wave[2] * np.sin(2 * np.pi * uv[:, 1] / wave[0] + wave[1])
        v = uv[:, 1] + wave[2] * np.sin(2 * np.pi * uv[:, 0] / wave[0] + 2 * wave[1])
        x, y = u * np.cos(turn) - v * np.sin(turn), u * np.sin(turn) + v * np.cos(turn)
        return np.column_stack([x + size_m / 2, y + size_m / 2])

    reach = 0.75 * size_m
    us, vs = steps(reach, 115, 170, rng=rng), steps(reach, 78, 108, rng=rng)
    parks = choose_parks(us, vs, size_m, rng=rng)
    keep_out = shapely.union_all([park.buffer(-1.0) for park in parks]) if parks else Polygon()
    roads = []
    for axis, places in ((0, us), (1, vs)):
        for index, place in enumerate(places):
            name = f"{('R', 'Q')[axis]}{index} {('Avenue', 'Street')[axis]} (rendered)"
            run = np.arange(-reach - 150, reach + 151, 6.0)
            uv = np.column_stack([np.full_like(run, place), run] if axis == 0 else [run, np.full_like(run, place)])
            major = axis == 0 and index % 3 == 1
            line = LineString(uv).difference(keep_out)
            for part in shapely.get_parts(line):
                if part.length < 30.0:
                    continue
                roads.append(
                    Road(
                        line=shapely.transform(part, to_canvas),
                        width_m=11.5 if major else float(rng.choice([6.5, 7.5, 8.5])),
                        kind="secondary" if major else "residential",
                        name=name,
                    )
                )
    paved = shapely.union_all([road.line.buffer(road.width_m / 2 + PAVED_M, cap_style="square") for road in roads])
    ground = box(0, 0, size_m, size_m).buffer(60, join_style="mitre").difference(paved)
    areas = [part for part in shapely.get_parts(ground) if part.area > 1200]
    on_canvas = [shapely.transform(shapely.segmentize(park, 6.0), to_canvas) for park in parks]
    return Layout(size_m=size_m, roads=tuple(roads), blocks=tuple(assign_uses(areas, on_canvas, size_m, rng=rng)))


def choose_parks(us: list[float], vs: list[float], size_m: float, *, rng: np.random.Generator) -> list[Polygon]:
    """Choose up to two rectangles of whole grid cells for sports, well inside the picture."""
    wanted = [(290.0, 210.0), (270.0, 190.0)] if size_m >= 600 else [(0.42 * size_m, 0.30 * size_m)]
    inside = 0.5 * size_m * 0.93
    parks: list[Polygon] = []
    for long, wide in wanted:
        options = []
        for i, u0 in enumerate(us):
            for j, v0 in enumerate(vs):
                u1 = next((u for u in us[i + 1 :] if u - u0 >= long), None)
                v1 = next((v for v in vs[j + 1 :] if v - v0 >= wide), None)
                if u1 is None or v1 is None:
                    continue
                # Corners of a turned rectangle reach a fifth farther than its sides.
                if max(abs(u0), abs(u1)) > inside or max(abs(v0), abs(v1)) > inside:
                    continue
                park = box(u0, v0, u1, v1)
                if not any(park.buffer(20).intersects(other) for other in parks):
                    options.append(park)
        if options:
            options.sort(key=lambda park: (round(park.area), park.bounds))
            parks.append(options[int(rng.integers(min(6, len(options))))])
    return parks


def assign_uses(
    areas: list[Polygon], parks: list[Polygon], size_m: float, *, rng: np.random.Generator
) -> list[Block]:
    """Give parks to sports, some large blocks to shops, flats, works and green, the rest to homes."""
    whole = shapely.union_all(parks) if parks else Polygon()
    picture = box(0, 0, size_m, size_m)
    areas = sorted(areas, key=lambda area: (round(area.centroid.x), round(area.centroid.y)))
    pool: list[Use] = [
        "shops",
        "apartments",
        "works",
        "green",
        "terraces",
        "plots",
        "shops",
        "apartments",
        "terraces",
    ]
    rest = [k for k, area in enumerate(areas) if area.intersection(whole).area < 0.5 * area.area]
    rest = [k for k in rest if area_inside(areas[k], picture) > 0.8]
    order = rng.permutation(np.array(rest, np.int64)).tolist()
    count = max(1, len(rest) // 2)
    uses: dict[int, Use] = {int(k): pool[n % len(pool)] for n, k in enumerate(order[:count])}
    blocks = []
    for k, area in enumerate(areas):
        sports = area.intersection(whole).area >= 0.5 * area.area
        blocks.append(Block(area=area, use="sports" if sports else uses.get(k, "homes")))
    return blocks


def area_inside(area: Polygon, picture: Polygon) -> float:
    """Return the share of an area that the picture shows, 0..1."""
    return float(area.intersection(picture).area / area.area)
