"""Parts with the bounds of their tiles -> which tile borders they touch, and what lies beyond those borders."""

from dataclasses import dataclass
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from postprocess.options import PolygonOptions
from postprocess.polygonal import Geometries, geometry_array, polygonal

SIDES: Final[str] = "nesw"
"""Order of the columns of everything that is kept per side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """PARTS as arrays of one length N, in an order that depends on nothing but their content."""

    geometry: Geometries
    """Valid polygons inside their tiles, in a metric CRS."""
    label: NDArray[np.object_]
    """Label of each part."""
    score: NDArray[np.float64]
    """0..1."""
    area: NDArray[np.float64]
    """Square metres."""
    length: NDArray[np.float64]
    """Perimeter, metres."""
    bounds: NDArray[np.float64]
    """(N, 4): minx, miny, maxx, maxy in metres."""
    tile: NDArray[np.float64]
    """(N, 4): left, bottom, right, top of the tile that saw the part."""
    touches: NDArray[np.bool_]
    """(N, 4): the part lies at this side of its tile, in the order of `SIDES`."""
    seen_beyond: NDArray[np.bool_]
    """(N, 4): it touches this side and another tile saw the ground beyond it."""
    ended: NDArray[np.bool_]
    """(N, 4): imagery ends at this side of it, inside the tile."""
    tiles: NDArray[np.float64]
    """(T, 4): bounds of all tiles that are known to have been looked at, each once."""

    def __len__(self) -> int:
        return len(self.score)

    @property
    def thickness(self) -> NDArray[np.float64]:
        """Twice area over perimeter, metres; see `postprocess.polygonal.thickness`."""
        return 2 * self.area / self.length

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Whether another tile may have seen more of the part."""
        return np.asarray(self.seen_beyond.any(axis=1))

    @property
    def open_sides(self) -> NDArray[np.bool_]:
        """(N, 4): nobody saw what lies beyond this side: no other tile did, or there is no imagery."""
        return (self.touches & ~self.seen_beyond) | self.ended


def read_parts(frame: gpd.GeoDataFrame, *, tiles: NDArray[np.float64] | None, options: PolygonOptions) -> Parts:
    """Return a PARTS frame as sorted arrays, geometries made valid and kept inside their tiles.

    Parameters
    ----------
    frame : GeoDataFrame
        PARTS, checked.
    tiles : ndarray of shape (T, 4), optional
        Left, bottom, right, top of every tile that was looked at; None takes those that found something.
    options : PolygonOptions
        `border_px` and `gsd_m` matter here.
    """
    geometry = polygonal(geometry_array(frame.geometry.to_numpy()))
    tile = frame[["tile_left", "tile_bottom", "tile_right", "tile_top"]].to_numpy(dtype=np.float64)
    found = ~shapely.is_missing(geometry)
    outside = found & ((shapely.bounds(geometry) - tile) * [1, 1, -1, -1] < -1e-6).any(axis=1)
    if outside.any():
        geometry[outside] = shapely.intersection(geometry[outside], shapely.box(*tile[outside].T))
        geometry = polygonal(geometry)
        found = ~shapely.is_missing(geometry)
    label = frame["label"].to_numpy(dtype=object)
    score = frame["score"].to_numpy(dtype=np.float64)
    ended = _named_sides(frame["imagery_ends"].to_numpy(dtype=object))
    geometry, tile, label, score, ended = geometry[found], tile[found], label[found], score[found], ended[found]
    bounds, area = shapely.bounds(geometry), np.asarray(shapely.area(geometry))
    length = np.asarray(shapely.length(geometry))
    order = _content_order(bounds, tile, label, score, area, length)
    geometry, tile, label, score, ended = geometry[order], tile[order], label[order], score[order], ended[order]
    bounds, area, length = bounds[order], area[order], length[order]
    touches = _touches(bounds, tile, border_m=options.border_m)
    known = unique_tiles(tile if tiles is None else np.vstack((tile, tiles)))
    seen = _seen_beyond(touches, bounds, tile, tiles=known)
    return Parts(
        geometry=geometry,
        label=label,
        score=score,
        area=area,
        length=length,
        bounds=bounds,
        tile=tile,
        touches=touches,
        seen_beyond=seen,
        ended=ended,
        tiles=known,
    )


def _named_sides(names: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return for strings of some of `SIDES` which they name, shape (N, 4)."""
    kinds, which = np.unique(names.astype(str), return_inverse=True)
    return np.array([[side in kind for side in SIDES] for kind in kinds], dtype=bool).reshape(-1, 4)[which]


def _content_order(
    bounds: NDArray[np.float64], tile: NDArray[np.float64], label: NDArray[np.object_], *more: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Return the order of the parts by what they are: by their lower left corner, then by all the rest."""
    order = np.lexsort((bounds[:, 1], bounds[:, 0]))
    if (bounds[order[1:], :2] == bounds[order[:-1], :2]).all(axis=1).any():
        labels = np.unique(label.astype(str), return_inverse=True)[1]
        order = np.lexsort((*more, labels, *tile.T, *bounds.T[::-1]))
    return order


def unique_tiles(tile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the different tiles among rows of bounds; bounds equal to 0.1 mm are one tile."""
    return pd.DataFrame(np.round(tile, 4)).drop_duplicates().to_numpy()


def same_tile(tile: NDArray[np.float64], left: NDArray[np.intp], right: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return for pairs of row numbers whether both rows are the bounds of one tile."""
    return np.asarray((np.abs(tile[left] - tile[right]) < 1e-4).all(axis=1))


def _touches(bounds: NDArray[np.float64], tile: NDArray[np.float64], *, border_m: float) -> NDArray[np.bool_]:
    clearance = np.column_stack(
        (
            tile[:, 3] - bounds[:, 3],
            tile[:, 2] - bounds[:, 2],
            bounds[:, 1] - tile[:, 1],
            bounds[:, 0] - tile[:, 0],
        )
    )
    return np.asarray(clearance <= border_m)


def _seen_beyond(
    touches: NDArray[np.bool_],
    bounds: NDArray[np.float64],
    tile: NDArray[np.float64],
    *,
    tiles: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return where any tile reaches over the side that a part touches, along the part's extent there."""
    seen = np.zeros_like(touches)
    if not touches.any():
        return seen
    part, side = np.nonzero(touches)
    # A hand's breadth beyond the border: inside the next tile, whether or not tiles overlap.
    reach = 0.1
    minx, miny, maxx, maxy = bounds[part].T
    left, bottom, right, top = tile[part].T
    x = np.stack((np.where(side == 1, right + reach, minx), np.where(side == 3, left - reach, maxx)), axis=1)
    y = np.stack((np.where(side == 0, top + reach, miny), np.where(side == 2, bottom - reach, maxy)), axis=1)
    x[side == 1, 1], x[side == 3, 0] = right[side == 1] + reach, left[side == 3] - reach
    y[side == 0, 1], y[side == 2, 0] = top[side == 0] + reach, bottom[side == 2] - reach
    lines = shapely.linestrings(np.stack((x, y), axis=2))
    hits = shapely.STRtree(shapely.box(*tiles.T)).query(lines, predicate="intersects")[0]
    seen[part[hits], side[hits]] = True
    return seen
