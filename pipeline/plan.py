"""A region's config -> the plan of a run: grid, blocks, and for each block the name of the part it will write."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
from numpy.typing import NDArray

from detection.detector import DetectorInfo
from detection.load import DetectorSpec, check_labels, describe_detector, resolve_spec
from groundplan.vector import read_vector
from pipeline.config import RegionConfig, TilingTable
from pipeline.part_names import part_name, scene_key, settings_key
from pipeline.stage_code import stage_code
from postprocess.options import PolygonOptions
from tiling.cover import covered_blocks
from tiling.grid import Tile, numbered_tile
from tiling.region import Region, make_region, region_outline
from tiling.scene import Scene
from tiling.sources import read_scenes

COARSE_OVERLAP_LARGER = 2
"""The coarse pass's tiles share so many times as many pixels: 256 px at 0.9 m are 230 m, more than a running
track's diagonal, so that every sports ground lies whole in some tile."""
COARSE_TILE_PX = 1024
"""The coarse pass's tiles are twice as large as the other's up to this side: the wider overlap then costs as
little, and no more memory is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTask:
    """All that one task needs; small, picklable, and equal tasks give equal parts."""

    row: int
    col: int
    numbers: tuple[int, ...]
    """`tiling.grid.tile_number` of each tile: a million tiles, made, would take 2 GB."""
    region: Region = field(repr=False)
    """The region with only the scenes that this block sees, and without its aoi: that chose the tiles."""
    detector: DetectorSpec
    min_score: dict[str, float]
    """Labels to keep and their thresholds."""
    polygons: PolygonOptions
    part: Path
    """Parquet file to write; its name is a hash of everything else here."""
    code: str
    """`pipeline.stage_code` of the process that planned it; a worker with another refuses."""
    arithmetic: str
    """`DetectorInfo.arithmetic` that it was planned for; a worker that computes otherwise refuses."""
    coarse: bool = False
    """Whether it belongs to the coarse pass, whose ground the other tasks cover as well."""
    large_from_m2: dict[str, float] = field(default_factory=dict)
    """Labels of which only large objects are wanted, and their least area."""

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The tiles, row-major; made anew each time."""
        return tuple(numbered_tile(self.region.grid, number) for number in self.numbers)

    @property
    def done(self) -> Path:
        """JSON file that says what happened; written last, so that it vouches for the part."""
        return self.part.with_suffix(".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will do."""

    config: RegionConfig
    region: Region
    coarse: Region | None
    """The same ground on the coarse pass's lattice; None where no wanted label needs that pass."""
    info: DetectorInfo
    labels: tuple[str, ...]
    min_score: dict[str, float]
    large_from_m2: dict[str, float]
    """Of labels that both passes look for: area from which on objects of the coarse one count."""
    polygons: PolygonOptions
    tasks: tuple[BlockTask, ...]

    @property
    def n_tiles(self) -> int:
        """Tiles that will be looked at."""
        return sum(len(task.numbers) for task in self.tasks)

    def tile_numbers(self, *, coarse: bool) -> NDArray[np.int64]:
        """Return the numbers of all tiles of one pass, by block."""
        own = [task.numbers for task in self.tasks if task.coarse == coarse]
        return np.fromiter(itertools.chain.from_iterable(own), np.int64)

    @property
    def n_looks(self) -> float:
        """What the tiles cost, in tiles of the pass that is not coarse."""
        coarse = 1.0 if self.coarse is None else (self.coarse.grid.tile_px / self.region.grid.tile_px) ** 2
        return sum(len(task.numbers) * (coarse if task.coarse else 1.0) for task in self.tasks)

    @property
    def area_km2(self) -> float:
        """Ground that is to be looked at, each place once."""
        return float(region_outline(self.region).area) / 1e6


def make_plan(
    config: RegionConfig,
    *,
    device: str,
    threads: int | None,
    describe: Callable[[DetectorSpec], DetectorInfo] | None = None,
) -> Plan:
    """Return the plan of a run; reads headers, the weights' record, and samples of pixels that need scaling.

    Parameters
    ----------
    config : RegionConfig
    device : {"auto", "cpu", "cuda"}
    threads : int, optional
        Of the network; None leaves torch's choice.
    describe : callable, optional
        Says what the detector is where it will run; by default that is this machine.

    Raises
    ------
    ConfigError, SceneError, CRSError, WeightsError
        The region cannot be run; nothing was written.
    """
    model = config.model
    spec = resolve_spec(model.weights, base=config.base, device=device, threads=threads, views=model.views)
    info = describe_detector(spec) if describe is None else describe(spec)
    labels = check_labels(config.model.labels, info)
    gsd_m = info.gsd_m if config.model.gsd_m is None else config.model.gsd_m
    aoi = None if config.aoi is None else read_vector(config.aoi)
    scenes = region_scenes(config, gsd_m=gsd_m, aoi=aoi)

    def region_at(gsd_m: float, crs: str | pyproj.CRS, tiles: TilingTable) -> Region:
        tile_px, overlap_px = tiles.tile_px, tiles.overlap_px
        return make_region(scenes, gsd_m=gsd_m, tile_px=tile_px, overlap_px=overlap_px, crs=crs, aoi=aoi)

    region = region_at(gsd_m, config.crs, config.tiling)
    default = config.model.min_score.get("default")
    min_score = {
        label: config.model.min_score.get(label, default if default is not None else info.min_score[label])
        for label in labels
    }
    # Of both passes, so that a worker loads one detector; each task keeps what is its own pass's.
    spec = dataclasses.replace(spec, min_score=tuple(sorted(min_score.items())))
    polygons = dataclasses.replace(config.polygons, gsd_m=region.grid.gsd_m)
    large_from_m2 = {label: m2 for label, m2 in info.large_from_m2.items() if model.large and label in labels}
    large = {label: max(min_score[label], info.large_min_score.get(label, 0.0)) for label in large_from_m2}
    scores = (
        {label: score for label, score in min_score.items() if label not in info.coarse_labels},
        {label: score for label, score in min_score.items() if label in info.coarse_labels} | large,
    )
    # In the CRS of the other pass, whatever was chosen for it: the parts of both are merged.
    coarse_m = region.grid.gsd_m * info.coarse_factor
    coarse = region_at(coarse_m, region.grid.crs, coarse_tiling(config.tiling)) if scores[1] else None
    tasks = tuple(
        task
        for one, own in zip((region, coarse), scores, strict=True)
        if one is not None
        for task in _tasks(
            one,
            config,
            spec=spec,
            info=info,
            min_score=own,
            polygons=dataclasses.replace(polygons, gsd_m=one.grid.gsd_m),
            coarse=one is coarse,
            large_from_m2=large_from_m2 if one is coarse else {},
        )
    )
    return Plan(
        config=config,
        region=region,
        coarse=coarse,
        info=info,
        labels=labels,
        min_score=min_score,
        large_from_m2=large_from_m2,
        polygons=polygons,
        tasks=tasks,
    )


def coarse_tiling(tiling: TilingTable) -> TilingTable:
    """Return how the coarse pass is cut: wider overlaps, small tiles larger, as much ground a block."""
    tile_px = max(tiling.tile_px, min(2 * tiling.tile_px, COARSE_TILE_PX))
    overlap_px = min(COARSE_OVERLAP_LARGER * tiling.overlap_px, max(tile_px // 2, tiling.overlap_px))
    block_tiles = max(1, tiling.block_tiles * tiling.tile_px // tile_px)
    return TilingTable(tile_px=tile_px, overlap_px=overlap_px, block_tiles=block_tiles)


def region_scenes(config: RegionConfig, *, gsd_m: float, aoi: gpd.GeoDataFrame | None) -> tuple[Scene, ...]:
    """Return the scenes that a region file names, in order of priority."""
    return read_scenes(
        config.scenes, config.base, sources=config.sources, pixels=config.pixels, gsd_m=gsd_m, aoi=aoi
    )


def _tasks(
    region: Region,
    config: RegionConfig,
    *,
    spec: DetectorSpec,
    info: DetectorInfo,
    min_score: dict[str, float],
    polygons: PolygonOptions,
    coarse: bool,
    large_from_m2: dict[str, float],
) -> Iterator[BlockTask]:
    """Yield the tasks of one pass."""
    grid, parts = region.grid, config.out / "parts"
    code = stage_code()
    settings = settings_key(
        grid,
        code=code,
        sha256=info.sha256,
        arithmetic=info.arithmetic,
        min_score=min_score,
        large_from_m2=large_from_m2,
        polygons=polygons,
    )
    keys = [scene_key(scene) for scene in region.scenes]
    tiling = coarse_tiling(config.tiling) if coarse else config.tiling
    for block in covered_blocks(region, tiling.block_tiles):
        name = part_name(
            block,
            settings=settings,
            scenes=[keys[index] for index in block.scenes],
        )
        yield BlockTask(
            row=block.row,
            col=block.col,
            numbers=block.numbers,
            region=_seen(region, block.scenes),
            detector=spec,
            min_score=min_score,
            polygons=polygons,
            code=code,
            arithmetic=info.arithmetic,
            part=parts / (f"coarse-{name}" if coarse else name),
            coarse=coarse,
            large_from_m2=large_from_m2,
        )


def _seen(region: Region, scenes: tuple[int, ...]) -> Region:
    """Return what a task needs of the region."""
    return dataclasses.replace(
        region,
        scenes=tuple(region.scenes[index] for index in scenes),
        footprints=tuple(region.footprints[index] for index in scenes),
        aoi=None,
    )
