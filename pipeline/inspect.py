"""A plan -> what a person should know before it runs: size, resolution, holes, time, and what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from groundplan.errors import Error
from osm.licence import check_licence
from pipeline.executor import default_workers
from pipeline.plan import Plan
from tiling.grid import Tile
from tiling.read import SceneReader

CORE_SECONDS_PER_TILE = 2.5
"""Of one look of the shipped weights at a 512 px tile: processor time, median of seven on a server."""

SAMPLED_TILES = 24
"""Tiles that are read to estimate how much is missing; 24 tell 10 % from 30 % nearly always."""

MANY_MISSING = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found out."""

    nodata_share: float | None
    """Share of pixels of the sampled tiles that no scene shows, 0..1; None where nothing was read."""
    n_sampled: int
    expected_s: float
    """Seconds of detection on this machine's cores; a GPU is many times faster."""
    wrong: tuple[str, ...]
    """One line each, worst first."""


def inspect(plan: Plan) -> Inspection:
    """Read a few tiles and say what is to be expected; writes nothing but the cache of a tile service.

    Tiles of services are not sampled: that would ask servers for what may never be run.
    """
    tiles = _sample([tile for task in plan.tasks if not task.coarse for tile in task.tiles])
    missing: list[float] = []
    wrong: list[str] = []
    if not any(scene.tiles for scene in plan.region.scenes):
        with SceneReader(plan.region) as reader:
            for tile in tiles:
                try:
                    _, valid = reader.read(tile)
                except Error as err:
                    wrong.append(str(err))
                    continue
                missing.append(1 - float(np.mean(valid)))
    share = float(np.mean(missing)) if missing else None
    if share is not None and share > MANY_MISSING:
        wrong.append(f"{share:.0%} of the sampled pixels are missing; check nodata, alpha and the aoi")
    wrong += _findings(plan)
    looks = plan.n_tiles * plan.config.model.views * (plan.region.grid.tile_px / 512) ** 2
    return Inspection(
        nodata_share=share,
        n_sampled=len(missing),
        expected_s=looks * CORE_SECONDS_PER_TILE / default_workers(),
        wrong=tuple(dict.fromkeys(wrong)),
    )


def _sample(tiles: Sequence[Tile]) -> list[Tile]:
    places = np.unique(np.linspace(0, len(tiles) - 1, min(SAMPLED_TILES, len(tiles))).round().astype(int))
    return [tiles[place] for place in places.tolist()]


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
    painted = plan.info.gsd_m == 0
    cores = default_workers()
    time = f"about {_duration(found.expected_s)} on {cores} cores (a stored figure, not measured here)"
    lines = [
        f"missing  {share}",
        "time     " + ("seconds: the painted detector" if painted else time),
    ]
    lines += [f"wrong    {text}" for text in found.wrong] or ["wrong    nothing found"]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
