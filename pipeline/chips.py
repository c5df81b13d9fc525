"""Changes and scenes -> small pictures of the ground around each proposal, beside the review page."""

import logging
import math
from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import numpy as np
from affine import Affine
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from groundplan.errors import SceneError
from review.chips import ChipInfo, ChipOptions, ChipPlan, plan_chips, write_chip
from tiling.grid import Tile, Window, window_bounds, window_transform
from tiling.read import SceneReader
from tiling.region import Region

log = logging.getLogger(__name__)

SHOWN = ("new", "review")
"""Statuses that a person decides on; the others need no picture."""


def write_chips(
    region: Region, changes: gpd.GeoDataFrame, *, offset_m: ArrayLike, folder: Path
) -> dict[str, ChipInfo]:
    """Write one picture per change to decide on.

    Parameters
    ----------
    region : Region
        Scenes and grid.
    changes : GeoDataFrame
        CHANGES.
    offset_m : array_like of shape (2,) or (n, 2)
        East and north from the changes' frame to the imagery's, in metres.
    folder : Path
        The review folder; pictures go to chips/ in it.

    Returns
    -------
    dict
        change_id -> what the page needs to know of the picture.
    """
    wanted = changes["status"].isin(SHOWN).to_numpy()
    offset = np.broadcast_to(np.asarray(offset_m, float), (len(changes), 2))[wanted]
    options = ChipOptions(gsd_m=region.grid.gsd_m)
    plans = plan_chips(changes[wanted], crs=region.grid.crs, offset_m=offset, options=options)
    # Neighbouring chips lie in the same blocks of the file: reading row by row keeps GDAL's cache warm.
    plans = sorted(plans, key=lambda plan: (-round(plan.transform.f / 500), plan.transform.c))
    with SceneReader(region) as reader:
        return dict(_written(plans, reader, folder))


def _written(plans: Iterable[ChipPlan], reader: SceneReader, folder: Path) -> Iterable[tuple[str, ChipInfo]]:
    for plan in plans:
        try:
            image, valid, transform = _read(plan, reader)
        except SceneError as err:  # as in detection: a block that cannot be read costs its own ground only
            log.warning("no picture for %s: %s", plan.change_id, err)
            continue
        name = f"chips/{plan.change_id}.jpg"
        write_chip(folder / name, image, valid=valid)
        yield (
            plan.change_id,
            ChipInfo(path=name, width_px=image.shape[2], height_px=image.shape[1], transform=transform),
        )


def _read(plan: ChipPlan, reader: SceneReader) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Affine]:
    """Return the ground of a plan, on the region's grid, averaged by a whole factor where it is large."""
    grid = reader.region.grid
    factor = max(1, math.ceil(plan.transform.a / grid.gsd_m - 1e-6))
    side_px = plan.width_px * factor
    col = round((plan.transform.c - grid.transform.c) / grid.gsd_m)
    row = round((grid.transform.f - plan.transform.f) / grid.gsd_m)
    window = Window(row=row, col=col, height=side_px, width=side_px)
    bounds = window_bounds(grid, window)
    transform = window_transform(grid, window)
    tile = Tile(row=-1, col=-1, window=window, core=window, transform=transform, bounds=bounds, core_bounds=bounds)
    image, valid = reader.read(tile)
    if factor == 1:
        return image, valid, transform
    size = (plan.width_px, plan.width_px)
    small = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).resize(size, Image.Resampling.BOX))
    seen = np.asarray(Image.fromarray(valid.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)) > 127
    return np.ascontiguousarray(small.transpose(2, 0, 1)), seen, transform @ Affine.scale(factor)
