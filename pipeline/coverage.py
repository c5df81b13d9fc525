"""A plan -> how much of it the OSM extract reaches, told before anything runs."""

from dataclasses import dataclass

import numpy as np
import shapely

from groundplan.crs import LON_LAT, transform_geometries
from osm.boxes import covered_ground
from osm.read_extent import Extent, read_extent
from pipeline.plan import Plan
from tiling.grid import numbered_tile

MAX_TILES = 10_000
"""So many tiles, evenly spread, stand for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Where the extract reaches, against where the tiles lie."""

    extent: Extent
    share: float
    """Of the tiles, those that lie in the extract's bounding box with the margin that comparing needs; 0..1."""
    margin_m: float


def extract_coverage(plan: Plan) -> Coverage | None:
    """Return how much of the plan its extract covers; None without an extract or without tiles.

    Raises
    ------
    OsmFileError
        The extract cannot be read.
    """
    numbers = plan.tile_numbers(coarse=False)
    if plan.config.extract is None or not len(numbers):
        return None
    extent = read_extent(plan.config.extract)
    margin_m = plan.config.diff.edge_margin_m
    sample = numbers[:: -(-len(numbers) // MAX_TILES)].tolist()
    left, bottom, right, top = np.array([numbered_tile(plan.region.grid, each).core_bounds for each in sample]).T
    needed = shapely.box(left - margin_m, bottom - margin_m, right + margin_m, top + margin_m)
    if extent.bbox is None:
        return Coverage(extent=extent, share=0.0, margin_m=margin_m)
    places = shapely.bounds(transform_geometries(needed, source=plan.region.grid.crs, target=LON_LAT))
    inside = shapely.covers(covered_ground(extent.boxes), shapely.box(*places.T))
    return Coverage(extent=extent, share=float(np.mean(inside)), margin_m=margin_m)


def coverage_line(found: Coverage | None) -> str:
    """Return where the extract reaches, in words."""
    if found is None:
        return "no extract"
    if found.extent.bbox is None:
        return "the extract has no nodes"
    west, south, east, north = found.extent.bbox
    told = "its header" if found.extent.stated else "its nodes" if found.extent.whole else "its first nodes"
    return f"{west:.4f}, {south:.4f} to {east:.4f}, {north:.4f} by {told}: {found.share:.0%} of the tiles"


def coverage_finding(found: Coverage | None) -> str:
    """Return what is wrong with where the extract reaches; empty when nothing is."""
    if found is None or found.share == 1:
        return ""
    if found.extent.bbox is not None and not found.extent.whole:
        return ""  # what was not looked at may lie there
    much = "none" if found.share == 0 else f"only {found.share:.0%}"
    return (
        f"the extract reaches {much} of the tiles and {found.margin_m:g} m around them: what is mapped beyond it "
        "would look new; take a larger one"
    )
