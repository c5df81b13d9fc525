"""A plan -> what a person should know before it runs: size, resolution, holes, time, and what is wrong."""

import statistics
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groundplan.errors import Error
from osm.licence import check_licence
from pipeline.coverage import Coverage, coverage_finding, coverage_line, extract_coverage
from pipeline.expected import MEASURED_LOOKS, Expected, expected_line, expected_time
from pipeline.plan import Plan
from tiling.grid import Tile, numbered_tile
from tiling.read import SceneReader

SAMPLED_TILES = 24
"""Tiles that are read to estimate how much is missing; 24 tell 10 % from 30 % nearly always."""

MANY_MISSING = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found out."""

    nodata_share: float | None
    """Share of pixels owned by the sampled tiles that no scene shows, 0..1; None where nothing was read."""
    n_sampled: int
    expected: Expected | None
    """How long detection would take on this machine's cores; None where there is nothing to do."""
    coverage: Coverage | None
    """Where the OSM extract reaches; None where none is named, or it cannot be read."""
    wrong: tuple[str, ...]
    """One line each, worst first."""


def inspect(plan: Plan) -> Inspection:
    """Read a few tiles and say what is to be expected; writes nothing but the cache of a tile service.

    Tiles of services are not sampled: that would ask servers for what may never be run.
    """
    tiles = _sample(plan)
    missing: list[float] = []
    images: list[NDArray[np.uint8]] = []
    read_s: list[float] = []
    wrong: list[str] = []
    if not any(scene.tiles for scene in plan.region.scenes):
        with SceneReader(plan.region) as reader:
            for tile in tiles:
                started = time.perf_counter()
                try:
                    image, valid = reader.read(tile)
                except Error as err:
                    wrong.append(str(err))
                    continue
                read_s.append(time.perf_counter() - started)
                missing.append(1 - float(np.mean(valid[_owned(tile)])))
                if missing[-1] < MANY_MISSING and len(images) < MEASURED_LOOKS:
                    images.append(image)
    share = float(np.mean(missing)) if missing else None
    if share is not None and share > MANY_MISSING:
        wrong.append(f"{share:.0%} of the sampled pixels are missing; check nodata, alpha and the aoi")
    wrong += _findings(plan)
    coverage = None
    try:
        coverage = extract_coverage(plan)
        wrong += [text for text in [coverage_finding(coverage)] if text]
    except Error as err:
        wrong.append(str(err))
    return Inspection(
        nodata_share=share,
        n_sampled=len(missing),
        expected=expected_time(plan, images, read_s=statistics.median(read_s) if read_s else 0.0),
        coverage=coverage,
        wrong=tuple(dict.fromkeys(wrong)),
    )


def _sample(plan: Plan) -> list[Tile]:
    numbers = plan.tile_numbers(coarse=False)
    places = np.unique(np.linspace(0, len(numbers) - 1, min(SAMPLED_TILES, len(numbers))).round().astype(int))
    return [numbered_tile(plan.region.grid, number) for number in numbers[places].tolist()]


def _owned(tile: Tile) -> tuple[slice, slice]:
    """Return the part of a tile inside the region: beyond it, the last ones show nothing, and need not."""
    top, left = tile.core.row - tile.window.row, tile.core.col - tile.window.col
    return slice(top, top + tile.core.height), slice(left, left + tile.core.width)


def _findings(plan: Plan) -> list[str]:
    config, found = plan.config, []
    if plan.n_tiles == 0:
        found.append("there is no tile to look at; check the aoi")
    grid = plan.region.grid
    coarser = [scene for scene in plan.region.scenes if scene.gsd_m > 1.2 * grid.gsd_m]
    if coarser:
        worst = max(coarser, key=lambda scene: scene.gsd_m)
        found.append(
            f"{len(coarser)} of {len(plan.region.scenes)} scenes are coarser than {grid.gsd_m:.3g} m, up to "
            f"{worst.gsd_m:.3g} m: expect fewer and rounder features there"
        )
    if plan.info.gsd_m and not 0.8 < grid.gsd_m / plan.info.gsd_m < 1.25:
        found.append(
            f"gsd_m = {grid.gsd_m:.3g}, but the weights were trained at {plan.info.gsd_m:.3g}; leave it out"
        )
    if config.extract is None:
        found.append("no [osm] extract is named: the run will end with features")
    else:
        try:
            check_licence(config.imagery)
        except Error as err:
            found.append(str(err))
    if any(scene.tiles for scene in plan.region.scenes) and not (config.imagery and config.imagery.attribution):
        found.append("a tile service is read, but [imagery] attribution is empty; services ask to be named")
    return found


def inspection_summary(plan: Plan, found: Inspection) -> str:
    """Return the lines that follow the plan's in ``groundplan info``."""
    share = "not sampled" if found.nodata_share is None else f"{found.nodata_share:.1%} of {found.n_sampled} tiles"
    lines = [f"missing  {share}", f"time     {expected_line(found.expected)}"]
    if found.coverage is not None:
        lines.append(f"reach    {coverage_line(found.coverage)}")
    lines += [f"wrong    {text}" for text in found.wrong] or ["wrong    nothing found"]
    return "\n".join(lines)
