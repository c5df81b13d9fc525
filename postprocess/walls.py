"""The outline of a building and a main direction -> its walls as lines, and from walls the outline again."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.fitting import Array
from postprocess.options import ShapeOptions

_SPACING_M: Final = 0.25
"""Distance of the points that a wall's place is taken from."""

_DIAGONAL_M: Final = 2.0
"""A wall at 45 degrees is at least this long; shorter ones are rounded corners."""

_COS, _SIN = np.array([1, np.sqrt(0.5), 0, -np.sqrt(0.5)]), np.array([0, np.sqrt(0.5), 1, np.sqrt(0.5)])
"""Direction of the axes: along u, diagonal, along v, the other diagonal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """The W walls around one ring, in its order; neighbours have different axes."""

    axis: NDArray[np.intp]
    """(W,): times 45 degrees is the angle to the frame's first axis."""
    offset: Array
    """(W,): where the wall's line lies across its axis, metres: ``v cos - u sin`` of its points."""

    def corners(self) -> Array:
        """Return (W, 2): where each wall meets the next."""
        after = np.append(self.axis[1:], self.axis[0])
        beyond = np.append(self.offset[1:], self.offset[0])
        cos, sin, cos_after, sin_after = _COS[self.axis], _SIN[self.axis], _COS[after], _SIN[after]
        across = cos * sin_after - sin * cos_after
        return np.column_stack(
            (
                (self.offset * cos_after - beyond * cos) / across,
                (self.offset * sin_after - beyond * sin) / across,
            )
        )

    def lengths(self) -> Array:
        """Return (W,): how long the walls are."""
        corners = self.corners()
        return np.asarray(np.hypot(*(corners - np.concatenate((corners[-1:], corners[:-1]))).T))


def local_frame(xy: Array, origin: Array, angle: float) -> Array:
    """Return points (N, 2) of the CRS in a frame turned by an angle, radians."""
    x, y = (xy - origin).T
    cos, sin = np.cos(angle), np.sin(angle)
    return np.column_stack((x * cos + y * sin, y * cos - x * sin))


def built(rings: list[Walls], origin: Array, angle: float) -> Any:
    """Return the polygon with these walls, the first ring outside; None when they cross."""
    cos, sin = np.cos(angle), np.sin(angle)
    placed = [
        np.column_stack((u * cos - v * sin, u * sin + v * cos)) + origin
        for u, v in (ring.corners().T for ring in rings)
    ]
    shape = shapely.Polygon(placed[0], placed[1:])
    return shape if shape.is_valid else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One polygon's rings in stretches between bends, in a frame along its walls."""

    origin: Array
    """(2,) in the CRS."""
    angle: float
    """Of the frame's first axis, radians."""
    points: list[Array]
    """For each ring, the outer first: (n, 2) local points at equal distances, from a bend on."""
    ends: list[NDArray[np.intp]]
    """For each ring: where every stretch ends among its points."""
    right: list[NDArray[np.intp]]
    """For each ring: the nearer of the axes 0 and 2 for every stretch."""
    half_right: list[NDArray[np.intp]]
    """The same, but the axes 1 and 3 where a stretch is long enough and clearly nearer to them."""

    @property
    def has_diagonals(self) -> bool:
        """Whether any stretch runs between the two main axes."""
        return any((axis % 2).any() for axis in self.half_right)


def traced(
    polygon: Any, origin: Array, angle: float, *, options: ShapeOptions, lean: float | None = None
) -> Trace:
    """Return a polygon's stretches in a frame turned by `lean`.

    Parameters
    ----------
    polygon : Polygon
    origin : ndarray of shape (2,)
        Of the frame, in the CRS.
    angle : float
        First guess at the direction of most walls, radians.
    options : ShapeOptions
        Bends below `corner_m` are none.
    lean : float, optional
        Radians; None takes what the outer walls together lean from two axes.
    """
    rings = [
        _stretches(local_frame(shapely.get_coordinates(ring), origin, angle), options=options)
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    if lean is None:
        lean = _lean(*rings[0])
    zero = np.zeros(2)
    return Trace(
        origin=origin,
        angle=angle + lean,
        points=[local_frame(ring[0], zero, lean) for ring in rings],
        ends=[ring[1] for ring in rings],
        right=[ring[2] for ring in rings],
        half_right=[ring[3] for ring in rings],
    )


def _lean(points: Array, ends: NDArray[np.intp], right: NDArray[np.intp], half_right: NDArray[np.intp]) -> float:
    count = np.diff(ends, prepend=0)
    starts = ends - count
    centred = points - np.repeat(np.add.reduceat(points, starts) / count[:, None], count, axis=0)
    by_u = np.repeat(right == 0, count)
    run, off = np.where(by_u, centred[:, 0], centred[:, 1]), np.where(by_u, centred[:, 1], -centred[:, 0])
    straight = np.repeat(half_right == right, count)
    return float(np.arctan2((run * off)[straight].sum(), (run * run)[straight].sum()))


def walls_of(trace: Trace, *, angles: Literal["right", "half_right"], options: ShapeOptions) -> list[Walls] | None:
    """Return the walls of every ring; None when the outer has too few, while such holes are left out.

    Stretches along one axis in a row are one wall, and a wall lies at the median of the outline it stands for.
    Walls shorter than `step_m` vanish.
    """
    rings: list[Walls] = []
    for place, axes in enumerate(trace.right if angles == "right" else trace.half_right):
        pieces = np.split(trace.points[place], trace.ends[place][:-1])
        walls = _without_steps(_joined(list(zip(axes.tolist(), pieces, strict=True))), options=options)
        if walls is not None:
            rings.append(walls)
        elif place == 0:
            return None
    return rings


def _stretches(
    xy: Array, *, options: ShapeOptions
) -> tuple[Array, NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the points on a local ring, where its stretches between bends end among them, and their axes."""
    at = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))))
    bends = shapely.get_coordinates(shapely.simplify(shapely.linearrings(xy), options.corner_m))[:-1]
    where = dict(zip(map(tuple, xy[:-1].tolist()), at.tolist(), strict=False))
    starts = np.array([where[bend] for bend in map(tuple, bends.tolist())])
    # GEOS may drop a ring's first vertex: what lies before the first bend then belongs to the last edge.
    first = int(starts.argmin())
    bends, starts = (
        np.concatenate((bends[first:], bends[:first])),
        np.concatenate((starts[first:], starts[:first])),
    )
    count = max(int(np.ceil(at[-1] / _SPACING_M)), 16)
    wanted = (np.arange(count) + 0.5) * (at[-1] / count)
    points = np.column_stack((np.interp(wanted, at, xy[:, 0]), np.interp(wanted, at, xy[:, 1])))
    step = np.concatenate((bends[1:], bends[:1])) - bends
    turn = np.arctan2(step[:, 1], step[:, 0]) / (np.pi / 4)
    right = np.round(turn / 2).astype(np.intp) % 2 * 2
    half_right = np.where(np.hypot(*step.T) >= _DIAGONAL_M, np.round(turn).astype(np.intp) % 4, right)
    begin = np.searchsorted(wanted, starts)
    points = np.concatenate((points[begin[0] :], points[: begin[0]]))
    ends = np.append(begin[1:], count + begin[0]) - begin[0]
    full = np.diff(ends, prepend=0) > 0
    return points, ends[full], right[full], half_right[full]


def _joined(runs: list[tuple[int, Array]]) -> list[tuple[int, Array]]:
    """Return the runs with those along one axis in a row made one."""
    out: list[tuple[int, Array]] = []
    for axis, points in runs:
        if out and out[-1][0] == axis:
            out[-1] = (axis, np.concatenate((out[-1][1], points)))
        else:
            out.append((axis, points))
    if len(out) > 1 and out[0][0] == out[-1][0]:
        out[0] = (out[0][0], np.concatenate((out.pop()[1], out[0][1])))
    return out


def _without_steps(runs: list[tuple[int, Array]], *, options: ShapeOptions) -> Walls | None:
    """Return the walls, the shortest left out one after the other until all are long enough."""
    while len(runs) >= 3:
        axis = np.array([axis for axis, _ in runs], dtype=np.intp)
        # The middle, not the mean: rounded corners at a wall's ends do not move it.
        offset = np.array([_middle(points[:, 1] * _COS[k] - points[:, 0] * _SIN[k]) for k, points in runs])
        walls = Walls(axis=axis, offset=offset)
        lengths = walls.lengths()
        shortest = int(lengths.argmin())
        if lengths[shortest] >= options.step_m:
            return walls if len(runs) >= 4 else None
        runs = _joined([run for place, run in enumerate(runs) if place != shortest])
    return None


def _middle(values: Array) -> float:
    ordered = np.sort(values)
    return float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
