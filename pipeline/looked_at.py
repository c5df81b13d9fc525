"""A plan and what became of it -> the ground that was looked at, kept in the run folder."""

from pathlib import Path

import numpy as np
import shapely

from groundplan.crs import LON_LAT, transform_geometries
from osm.ground import Ground, read_ground, write_ground
from pipeline.detect import Detected, looked_at
from pipeline.plan import Plan
from tiling.grid import numbered_tile
from tiling.region import region_outline

LOOKED_AT_NAME = "looked_at.geojson"
FEATURE_NAMES = ("features.parquet", "features.geojson")


def keep_ground(plan: Plan, detected: Detected) -> Ground:
    """Keep in the run folder where scenes show the area of interest, but for tiles that failed.

    Returns
    -------
    Ground
    """
    region, grid = plan.region, plan.region.grid
    outline = region_outline(region)
    missed = np.setdiff1d(plan.tile_numbers(coarse=False), looked_at(plan, detected, coarse=False))
    if len(missed):
        cores = [shapely.box(*numbered_tile(grid, number).core_bounds) for number in missed.tolist()]
        outline = shapely.difference(outline, shapely.union_all(cores))
    # Long sides are straight on the map of the region and bent on the globe's.
    dense = shapely.segmentize(outline, max(grid.width_px, grid.height_px) * grid.gsd_m / 50)
    areas = [part for part in shapely.get_parts(dense) if part.geom_type == "Polygon"]
    lon_lat = transform_geometries([shapely.multipolygons(areas)], source=grid.crs, target=LON_LAT)[0]
    ground = Ground(outline=lon_lat, labels=frozenset(plan.labels))
    write_ground(plan.config.out / LOOKED_AT_NAME, ground)
    return ground


def ground_of(features: Path) -> Ground | None:
    """Return the ground that the features of a run folder were looked for on; None for any other file.

    Raises
    ------
    SchemaError
        The run folder's record of it is damaged.
    """
    return read_ground(features.with_name(LOOKED_AT_NAME)) if features.name in FEATURE_NAMES else None
