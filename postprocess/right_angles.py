"""The outline of a building -> walls at right angles to one main direction, courtyards kept."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from postprocess.fitting import Array, main_angle, placed, turned
from postprocess.options import ShapeOptions

_SPACING_M = 0.25
"""Distance of the points that a wall's place is taken from."""


@dataclass(slots=True)
class _Wall:
    """A run of the outline along one axis."""

    along_u: bool
    """Whether it runs along the first axis of the turned frame."""
    along: Array
    """Where the outline's points lie on that axis, metres."""
    offsets: Array
    """Where they lie on the other axis, metres."""

    @property
    def offset(self) -> float:
        """The median: rounded corners at a wall's ends do not move it."""
        return float(np.median(self.offsets))

    def joined(self, other: "_Wall") -> "_Wall":
        """Return both as one wall."""
        along, offsets = (self.along, other.along), (self.offsets, other.offsets)
        return _Wall(self.along_u, np.concatenate(along), np.concatenate(offsets))


def fit_right_angles(polygon: Any, *, options: ShapeOptions) -> Any:
    """Return the polygon with every wall along or square to its main direction, or None.

    The outline is reduced to its bends, each stretch between them counts as a wall along the nearer axis,
    stretches along one axis in a row are one wall, and a wall lies at the median of the outline it stands for.
    Walls shorter than `step_m` vanish. Holes follow the same direction.
    """
    bends = shapely.simplify(polygon, options.corner_m)
    if bends.is_empty or bends.geom_type != "Polygon":
        return None
    frame = np.array([*shapely.get_coordinates(polygon.centroid)[0], main_angle(bends.exterior)])
    frame[2] += _tilt(_walls(polygon.exterior, frame, options=options))
    shell = _squared(polygon.exterior, frame, options=options)
    if shell is None:
        return None
    holes = [_squared(hole, frame, options=options) for hole in polygon.interiors]
    shape = shapely.Polygon(shell, [hole for hole in holes if hole is not None])
    return shape if shape.is_valid else None


def _tilt(walls: list[_Wall]) -> float:
    """Return by which angle, radians, all walls together lean from their axes (one least-squares slope)."""
    lean = spread = 0.0
    for wall in walls:
        along = wall.along - wall.along.mean()
        product = float(along @ (wall.offsets - wall.offsets.mean()))
        lean += product if wall.along_u else -product
        spread += float(along @ along)
    return float(np.arctan2(lean, spread)) if spread > 0 else 0.0


def _squared(ring: Any, frame: Array, *, options: ShapeOptions) -> Array | None:
    """Return the corners of one ring, (N, 2) in the CRS; None when fewer than four walls are left."""
    walls = _walls(ring, frame, options=options)
    while len(walls) > 4:
        lengths = _lengths(walls)
        shortest = int(lengths.argmin())
        if lengths[shortest] >= options.step_m:
            break
        walls = _without(walls, shortest)
    if len(walls) < 4 or len(walls) % 2:
        return None
    offsets = np.array([wall.offset for wall in walls])
    following = np.roll(offsets, -1)
    along_u = np.array([wall.along_u for wall in walls])
    local = np.where(
        along_u[:, None], np.column_stack((following, offsets)), np.column_stack((offsets, following))
    )
    return placed(local, frame)


def _walls(ring: Any, frame: Array, *, options: ShapeOptions) -> list[_Wall]:
    line = shapely.LineString(ring.coords)
    bends = shapely.get_coordinates(shapely.simplify(shapely.LinearRing(ring), options.corner_m))[:-1]
    starts = shapely.line_locate_point(line, shapely.points(bends))
    # GEOS may drop a ring's first vertex: what lies before the first bend then belongs to the last edge.
    bends, starts = np.roll(bends, -starts.argmin(), axis=0), np.roll(starts, -starts.argmin())
    count = max(int(np.ceil(ring.length / _SPACING_M)), 16)
    at = (np.arange(count) + 0.5) * (ring.length / count)
    u, v = turned(shapely.get_coordinates(shapely.line_interpolate_point(line, at)), frame)
    edge = (np.searchsorted(starts, at, side="right") - 1) % len(bends)
    bend_u, bend_v = turned(np.vstack((bends, bends[:1])), frame)
    edge_along_u = np.abs(np.diff(bend_u)) >= np.abs(np.diff(bend_v))
    walls: list[_Wall] = []
    for number, along_u in enumerate(edge_along_u.tolist()):
        here = edge == number
        if not here.any():
            continue
        wall = _Wall(along_u, (u if along_u else v)[here], (v if along_u else u)[here])
        if walls and walls[-1].along_u == along_u:
            walls[-1] = walls[-1].joined(wall)
        else:
            walls.append(wall)
    if len(walls) > 1 and walls[0].along_u == walls[-1].along_u:
        walls[0] = walls.pop().joined(walls[0])
    return walls


def _lengths(walls: list[_Wall]) -> Array:
    offsets = np.array([wall.offset for wall in walls])
    return np.abs(np.roll(offsets, -1) - np.roll(offsets, 1))


def _without(walls: list[_Wall], place: int) -> list[_Wall]:
    """Return the walls with one left out and its two neighbours, now in a row, made one."""
    count = len(walls)
    before, after = walls[place - 1], walls[(place + 1) % count]
    drop = {place, (place - 1) % count, (place + 1) % count}
    rest = [wall for number, wall in enumerate(walls) if number not in drop]
    where = sum(1 for number in range((place - 1) % count) if number not in drop)
    return [*rest[:where], before.joined(after), *rest[where:]]
