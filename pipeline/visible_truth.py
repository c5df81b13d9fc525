"""A plan and truth -> the truth as the plan's imagery shows it: what lies beyond need not be found."""

from collections.abc import Iterator
from typing import Any, Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.errors import SceneError
from pipeline.plan import Plan
from postprocess.polygonal import Geometries, geometry_array, polygonal
from postprocess.score import unclear
from tiling.grid import Tile
from tiling.read import SceneReader
from tiling.shown import shown_ground

LEAST_SHOWN: Final = 0.5
"""Share of an object that has to be shown, and to lie in the aoi, for it to count."""
WHOLE: Final = 0.98
"""From this share on nothing is cut: half a pixel along an outline is no edge of the imagery."""


def visible_truth(truth: gpd.GeoDataFrame, plan: Plan) -> tuple[gpd.GeoDataFrame, int]:
    """Return the truth, cut where the imagery ends, with what is mostly beyond it as unclear.

    Truth often comes from a map, which does not end where the imagery does. Nobody can find what no pixel shows,
    and an object that goes on beyond the last pixel is right when its visible part is.

    Parameters
    ----------
    truth : GeoDataFrame
        In the CRS of the plan's grid; `ignore` as in `postprocess.score.score_features`.
    plan : Plan
        Its tiles are read again, those that truth touches, for which of their pixels are real.

    Returns
    -------
    truth : GeoDataFrame
        The same rows. `ignore` is true where less than `LEAST_SHOWN` of the area is shown, or lies in the aoi;
        other outlines are their visible part.
    n_beyond : int
        Objects that do not count for that reason, and would have without it.
    """
    whole = polygonal(geometry_array(truth.geometry.to_numpy()))
    area = np.asarray(shapely.area(whole))
    pieces: list[list[Any]] = [[] for _ in whole]
    tree = shapely.STRtree(whole)
    for tile, reader in _tiles(plan):
        near = tree.query(shapely.box(*tile.bounds))
        if len(near):
            shown = _shown(reader, tile)
            for place in near.tolist():
                pieces[place].append(shapely.intersection(whole[place], shown))
    seen = polygonal(geometry_array(shapely.union_all(each) for each in pieces))
    share = _share(seen, area)
    inside = share if plan.region.aoi is None else _share(shapely.intersection(whole, plan.region.aoi), area)
    out = geometry_array(np.where((share >= WHOLE) | (share < LEAST_SHOWN), whole, seen))
    hidden = (share < LEAST_SHOWN) | (inside < LEAST_SHOWN)
    before = unclear(truth)
    shown_truth = truth.assign(ignore=before | hidden).set_geometry(
        gpd.GeoSeries(out, index=truth.index, crs=truth.crs)
    )
    return shown_truth, int((hidden & ~before).sum())


def _tiles(plan: Plan) -> Iterator[tuple[Tile, SceneReader]]:
    """Yield each tile of one pass, and what reads it."""
    fine = any(not task.coarse for task in plan.tasks)
    for task in plan.tasks:
        if task.coarse != fine:
            with SceneReader(task.region) as reader:
                for tile in task.tiles:
                    yield tile, reader


def _shown(reader: SceneReader, tile: Tile) -> shapely.Geometry:
    """Return the ground that a tile shows; all of it where it cannot be read, so that what was missed counts."""
    try:
        return shown_ground(reader.read(tile)[1], tile)
    except SceneError:
        return shapely.box(*tile.bounds)


def _share(parts: Geometries, area: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which share of their areas parts have; 1 of what has none, which the score refuses by itself."""
    part = np.nan_to_num(shapely.area(parts))  # nothing has no area
    return np.divide(part, area, out=np.ones(len(area)), where=area > 0)
