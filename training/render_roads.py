"""Layout -> streets on the canvas: sidewalks, asphalt, markings, crossings, cars."""

import numpy as np
import shapely
from shapely.geometry import LineString, Point, box
from shapely.geometry.base import BaseGeometry

from training.render_canvas import Canvas, Colour, worn
from training.render_cars import draw_car
from training.render_courts import WHITE
from training.render_layout import Layout
from training.render_patch import Pose, Sun
from training.render_surfaces import choose_surface, paint_of


def junctions(layout: Layout) -> BaseGeometry:
    """Return discs about the places where streets meet."""
    spots = []
    for index, road in enumerate(layout.roads):
        for other in layout.roads[index + 1 :]:
            for part in shapely.get_parts(road.line.intersection(other.line)):
                spots.append(part.centroid.buffer(max(road.width_m, other.width_m) * 0.5 + 4.0))
    return shapely.union_all(spots)


def draw_roads(canvas: Canvas, layout: Layout, *, rng: np.random.Generator) -> None:
    """Draw sidewalks, then all asphalt as one area, then markings."""
    gsd_m = canvas.gsd_m
    walk = shapely.union_all([r.line.buffer(r.width_m / 2 + 2.9, cap_style="flat") for r in layout.roads])
    verge = shapely.union_all([r.line.buffer(r.width_m / 2 + 1.2, cap_style="flat") for r in layout.roads])
    asphalt = shapely.union_all(
        [r.line.buffer(r.width_m / 2, cap_style="flat", join_style="mitre") for r in layout.roads]
    )
    canvas.fill(walk, paint_of(choose_surface("concrete", rng=rng), gsd_m=gsd_m, rng=rng))
    canvas.fill(verge, paint_of(choose_surface("grass", rng=rng), gsd_m=gsd_m, rng=rng))
    rounded = asphalt.buffer(5.0, quad_segs=4).buffer(-5.0, quad_segs=4)
    canvas.fill(rounded.buffer(0.25), (176.0, 174.0, 168.0), opacity=0.8)
    canvas.fill(rounded, paint_of(choose_surface("asphalt", rng=rng), gsd_m=gsd_m, rng=rng))
    draw_wheel_tracks(canvas, layout, rng=rng)
    draw_markings(canvas, layout, junctions(layout), rng=rng)


def draw_wheel_tracks(canvas: Canvas, layout: Layout, *, rng: np.random.Generator) -> None:
    """Draw darker wheel tracks and mended patches."""
    tracks = [shapely.offset_curve(r.line, s * r.width_m) for r in layout.roads for s in (-0.27, 0.27)]
    canvas.put(canvas.trace(tracks, width_m=1.6, soft_m=0.4), (70.0, 70.0, 72.0), opacity=0.10)
    for road in layout.roads:
        for _ in range(int(road.line.length // 90)):
            spot = road.line.interpolate(rng.uniform(0, road.line.length))
            patch = spot.buffer(rng.uniform(1.0, 2.6), quad_segs=1)
            canvas.fill(patch, (76.0, 76.0, 78.0), opacity=rng.uniform(0.1, 0.5))


def draw_markings(canvas: Canvas, layout: Layout, crossing: BaseGeometry, *, rng: np.random.Generator) -> None:
    """Draw centre lines, edge lines and zebra crossings, none of them on junctions."""
    centre: Colour = (214.0, 182.0, 84.0) if rng.random() < 0.5 else WHITE
    middles, edges, dashes = [], [], []
    for road in layout.roads:
        parts = shapely.get_parts(road.line.difference(crossing))
        if road.kind == "secondary":
            middles += [shapely.offset_curve(part, s) for part in parts for s in (-0.15, 0.15)]
            edges += [shapely.offset_curve(part, s) for part in parts for s in (-4.9, 4.9)]
            for part in parts:
                if part.length > 40 and rng.random() < 0.7:
                    draw_zebra(canvas, part, road.width_m)
        elif rng.random() < 0.6:
            dashes += [dash for part in parts for dash in cut_dashes(part, 3.0, 6.0)]
    canvas.put(canvas.trace(middles, width_m=0.14), centre, opacity=0.8)
    canvas.put(canvas.trace(edges, width_m=0.12), WHITE, opacity=0.6)
    layer = worn(canvas.trace(dashes, width_m=0.12), gsd_m=canvas.gsd_m, wear=0.3, rng=rng)
    canvas.put(layer, WHITE, opacity=0.8)


def cut_dashes(line: LineString, dash_m: float, gap_m: float) -> list[LineString]:
    """Return pieces of a line with gaps between them."""
    starts = np.arange(0.0, line.length - dash_m, dash_m + gap_m)
    return [LineString([line.interpolate(s), line.interpolate(s + dash_m)]) for s in starts]


def draw_zebra(canvas: Canvas, line: LineString, width_m: float) -> None:
    """Draw a zebra crossing near the start of a piece of street."""
    start, ahead = line.interpolate(1.5), line.interpolate(4.5)
    turn = float(np.degrees(np.arctan2(ahead.y - start.y, ahead.x - start.x)))
    pose = Pose(x_m=start.x, y_m=start.y, turn_deg=turn)
    for y in np.arange(-width_m / 2 + 0.5, width_m / 2 - 0.4, 1.1):
        canvas.fill(pose.place(box(0.0, y, 3.0, y + 0.5)), WHITE, opacity=0.75)


def draw_traffic(canvas: Canvas, layout: Layout, *, sun: Sun, rng: np.random.Generator) -> None:
    """Draw moving cars in their lanes and parked cars at the kerb."""
    crossing = junctions(layout)
    picture = box(0, 0, layout.size_m, layout.size_m)
    for road in layout.roads:
        line = road.line
        for _ in range(int(rng.poisson(line.length / (110.0 if road.kind == "secondary" else 420.0)))):
            draw_on_line(
                canvas, line, rng.uniform(5, line.length - 5), 0.25 * road.width_m, picture, sun=sun, rng=rng
            )
        if road.kind == "residential":
            for _ in range(int(rng.poisson(line.length / 45.0))):
                place = rng.uniform(5, line.length - 5)
                if not crossing.contains(Point(line.interpolate(place))):
                    draw_on_line(canvas, line, place, road.width_m / 2 - 1.15, picture, sun=sun, rng=rng)


def draw_on_line(
    canvas: Canvas,
    line: LineString,
    place_m: float,
    aside_m: float,
    picture: BaseGeometry,
    *,
    sun: Sun,
    rng: np.random.Generator,
) -> None:
    """Draw one car beside the middle of a street."""
    here, ahead = line.interpolate(place_m), line.interpolate(place_m + 1.0)
    if not picture.contains(here):
        return
    turn = float(np.degrees(np.arctan2(ahead.y - here.y, ahead.x - here.x)))
    side = 1.0 if rng.random() < 0.5 else -1.0
    pose = Pose(x_m=here.x, y_m=here.y, turn_deg=turn).then(0.0, side * aside_m, 0.0 if side > 0 else 180.0)
    draw_car(canvas, pose, sun=sun, rng=rng)
