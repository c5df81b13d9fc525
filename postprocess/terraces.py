"""Buildings that touch -> buildings whose shared walls are one line: neither overlapping nor coming apart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from postprocess.fitting import Array
from postprocess.options import ShapeOptions
from postprocess.overlaps import edges_of, shared_areas
from postprocess.polygonal import Geometries
from postprocess.right_angles import trace_buildings
from postprocess.walls import Walls, built, traced, walls_of

NEAR_M: Final = 1.0
"""Walls of two buildings that face each other this near are one wall: a network's outlines are 1 or 2 px off."""

_ALONGSIDE_M: Final = 1.5
"""... when they run beside each other for this long."""

_SAME_DEG: Final = 8.0
"""Neighbours of one row differ in direction by less than this; small ones are measured no better."""


_OVERLAP_M2: Final = 1e-3
"""Neighbours share no more than this: what rounding leaves on a wall of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Faces:
    """Walls of all buildings of a row that run along one of its two axes."""

    building: NDArray[np.intp]
    ring: NDArray[np.intp]
    wall: NDArray[np.intp]
    axis: NDArray[np.intp]
    offset: Array
    side: Array
    """+1 or -1: on which side of the wall the building's ground lies."""
    low: Array
    high: Array


def shared_walls(polygons: Geometries, *, options: ShapeOptions) -> Geometries:
    """Return right-angled buildings, those that touch with their shared walls made one.

    Parameters
    ----------
    polygons : ndarray of Polygon, shape (B,)
        Free outlines of buildings.
    options : ShapeOptions

    Returns
    -------
    ndarray of Polygon or None, shape (B,)
        None for buildings that touch none in their own direction, and where right angles do not work out.
    """
    out = np.full(len(polygons), None, dtype=object)
    left, right = near_pairs(polygons)
    angle = np.full(len(polygons), np.nan)
    near = np.union1d(left, right)
    angle[near] = [
        np.nan if trace is None else trace.angle for trace in trace_buildings(polygons[near], options=options)
    ]
    off = np.abs((angle[left] - angle[right] + np.pi / 4) % (np.pi / 2) - np.pi / 4)
    left, right = left[off < np.radians(_SAME_DEG)], right[off < np.radians(_SAME_DEG)]
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(len(polygons),) * 2)
    row = connected_components(graph, directed=False)[1]
    members = np.union1d(left, right)
    members = members[np.argsort(row[members], kind="stable")]
    for places in np.split(members, np.flatnonzero(np.diff(row[members])) + 1) if len(members) else []:
        out[places] = _squared_row(polygons[places], angle[places], options=options)
    return out


def _squared_row(polygons: Geometries, angles: Array, *, options: ShapeOptions) -> Geometries:
    out = np.full(len(polygons), None, dtype=object)
    length = np.asarray(shapely.length(polygons))
    angle = float(np.angle(np.sum(length**2 * np.exp(4j * angles))) / 4)
    origin = shapely.get_coordinates(shapely.centroid(polygons)).mean(axis=0)
    rings: list[list[Walls]] = []
    for polygon in polygons:
        trace = traced(polygon, origin, angle, options=options, lean=0.0)
        rings.append(walls_of(trace, angles="right", options=options) or [])
    faces = _faces(rings)
    offset = _made_one(faces)
    for building, walls in enumerate(rings):
        moved = []
        for ring, each in enumerate(walls):
            mine = (faces.building == building) & (faces.ring == ring)
            at = each.offset.copy()
            at[faces.wall[mine]] = offset[mine]
            moved.append(Walls(axis=each.axis, offset=at))
        out[building] = built(moved, origin, angle) if moved else None
    return out


def _faces(rings: list[list[Walls]]) -> _Faces:
    rows: list[tuple[int, int, int, int, float, float, float, float]] = []
    for building, walls in enumerate(rings):
        for ring, each in enumerate(walls):
            ends = each.corners()
            begins = np.concatenate((ends[-1:], ends[:-1]))
            turn = np.sign(shapely.Polygon(ends).exterior.is_ccw - 0.5) * (1 if ring == 0 else -1)
            for wall, axis in enumerate(each.axis.tolist()):
                along = 0 if axis == 0 else 1
                a, b = begins[wall, along], ends[wall, along]
                # Ground lies left of the way round a shell: towards +v of a wall that runs to +u.
                side = turn * np.sign(b - a)
                low, high = min(a, b), max(a, b)
                rows.append((building, ring, wall, axis, each.offset[wall], side, low, high))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 8).T
    building, ring, wall, axis = columns[:4].astype(np.intp)
    return _Faces(
        building=building,
        ring=ring,
        wall=wall,
        axis=axis,
        offset=columns[4],
        side=columns[5],
        low=columns[6],
        high=columns[7],
    )


def _made_one(faces: _Faces) -> Array:
    """Return the walls' offsets, those that face each other nearby with their mean, weighed by length."""
    count = len(faces.wall)
    order = np.lexsort((faces.offset, faces.axis))
    left: list[int] = []
    right: list[int] = []
    for place, a in enumerate(order.tolist()):
        for b in order[place + 1 :].tolist():
            if faces.axis[b] != faces.axis[a] or faces.offset[b] - faces.offset[a] > NEAR_M:
                break
            beside = min(faces.high[a], faces.high[b]) - max(faces.low[a], faces.low[b])
            if faces.building[a] != faces.building[b] and faces.side[a] != faces.side[b] and beside > _ALONGSIDE_M:
                left.append(a)
                right.append(b)
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    group = connected_components(graph, directed=False)[1]
    weight = faces.high - faces.low
    mean = np.bincount(group, weights=weight * faces.offset) / np.maximum(np.bincount(group, weights=weight), 1e-9)
    together = np.bincount(group)[group] > 1
    return np.where(together, mean[group], faces.offset)


def near_pairs(polygons: Geometries) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of outlines, each once, that are near enough to share a wall."""
    left, right = shapely.STRtree(polygons).query(polygons, predicate="dwithin", distance=NEAR_M)
    return left[left < right], right[left < right]


def kept_apart(
    shapes: Geometries,
    rank: Array,
    *,
    pairs: tuple[NDArray[np.intp], NDArray[np.intp]],
    spares: Callable[[int, Any], bool],
) -> tuple[Geometries, NDArray[np.bool_]]:
    """Return shapes that do not overlap, and which of them lost ground.

    Parameters
    ----------
    shapes : ndarray of Polygon or MultiPolygon, shape (B,)
    rank : ndarray of shape (B,)
        Of two that overlap the one with the lower rank keeps the ground; then the one that stands first.
    pairs : pair of ndarray of int, shape (K,)
        Places of shapes that may overlap.
    spares : callable
        Tells for a place and what would be left of its shape whether that may be; where it may not, the other of
        the two gives its ground, and where neither can, they overlap.
    """
    out, lost = shapes.copy(), np.zeros(len(shapes), dtype=bool)
    left, right = pairs
    over = shared_areas(edges_of(shapes), left, right) > _OVERLAP_M2
    left, right = left[over], right[over]
    first = np.where(rank[left] <= rank[right], left, right)
    second = np.where(first == left, right, left)
    for place in np.lexsort((first, rank[first], second, rank[second])).tolist():
        one, other = int(first[place]), int(second[place])
        for keeps, gives in ((one, other), (other, one)):
            rest = _largest(shapely.difference(out[gives], out[keeps]))
            if rest is not None and spares(gives, rest):
                out[gives], lost[gives] = rest, True
                break
    return out, lost


def _largest(geometry: Any) -> Any:
    pieces = shapely.get_parts(geometry)
    pieces = pieces[shapely.get_type_id(pieces) == shapely.GeometryType.POLYGON]
    return pieces[int(shapely.area(pieces).argmax())] if len(pieces) else None
