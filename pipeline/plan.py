"""A region's config -> the plan of a run: grid, blocks, and for each block the name of the part it will write."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd

from detection.detector import DetectorInfo
from detection.load import DetectorSpec, check_labels, describe_detector, resolve_spec
from groundplan.vector import read_vector
from pipeline.config import RegionConfig
from postprocess.options import PolygonOptions
from tiling.grid import Block, Tile
from tiling.region import Region, covered_blocks, covering_scenes, make_region
from tiling.scene import Scene
from tiling.sources import read_scenes

PARTS_VERSION = 2
"""Raised whenever reading, detection or outlines change what a part holds, so that old parts are not reused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTask:
    """All that one task needs; small, picklable, and equal tasks give equal parts."""

    row: int
    col: int
    tiles: tuple[Tile, ...]
    region: Region = field(repr=False)
    """The region with only the scenes that this block sees."""
    detector: DetectorSpec
    min_score: dict[str, float]
    """Labels to keep and their thresholds."""
    polygons: PolygonOptions
    part: Path
    """Parquet file to write; its name is a hash of everything above."""
    coarse: bool = False
    """Whether it belongs to the coarse pass, whose ground the other tasks cover as well."""

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
    polygons: PolygonOptions
    tasks: tuple[BlockTask, ...]

    @property
    def n_tiles(self) -> int:
        """Tiles that will be looked at."""
        return sum(len(task.tiles) for task in self.tasks)

    @property
    def area_km2(self) -> float:
        """Ground owned by the tiles, each place once."""
        gsd_m = self.region.grid.gsd_m
        fine = [task for task in self.tasks if not task.coarse]
        pixels = sum(tile.core.height * tile.core.width for task in fine for tile in task.tiles)
        return pixels * gsd_m**2 / 1e6


def make_plan(config: RegionConfig, *, device: str, threads: int | None) -> Plan:
    """Return the plan of a run; reads headers, the weights' record, and samples of pixels that need scaling.

    Raises
    ------
    ConfigError, SceneError, CRSError, WeightsError
        The region cannot be run; nothing was written.
    """
    model = config.model
    spec = resolve_spec(model.weights, base=config.base, device=device, threads=threads, views=model.views)
    info = describe_detector(spec)
    labels = check_labels(config.model.labels, info)
    gsd_m = info.gsd_m if config.model.gsd_m is None else config.model.gsd_m
    aoi = None if config.aoi is None else read_vector(config.aoi)
    scenes = region_scenes(config, gsd_m=gsd_m, aoi=aoi)

    def region_at(gsd_m: float, crs: str) -> Region:
        tiling = config.tiling
        return make_region(
            scenes, gsd_m=gsd_m, tile_px=tiling.tile_px, overlap_px=tiling.overlap_px, crs=crs, aoi=aoi
        )

    region = region_at(gsd_m, config.crs)
    default = config.model.min_score.get("default")
    min_score = {
        label: config.model.min_score.get(label, default if default is not None else info.min_score[label])
        for label in labels
    }
    # Of both passes, so that a worker loads one detector; each task keeps what is its own pass's.
    spec = dataclasses.replace(spec, min_score=tuple(sorted(min_score.items())))
    polygons = dataclasses.replace(config.polygons, gsd_m=region.grid.gsd_m)
    wide = [label for label in labels if label in info.coarse_labels]
    # In the CRS of the other pass, whatever was chosen for it: the parts of both are merged.
    coarse = region_at(region.grid.gsd_m * info.coarse_factor, region.grid.crs.to_wkt()) if wide else None
    tasks = tuple(
        _task(
            block,
            one,
            spec=spec,
            info=info,
            min_score={label: score for label, score in min_score.items() if (label in wide) == (one is coarse)},
            polygons=dataclasses.replace(polygons, gsd_m=one.grid.gsd_m),
            parts=config.out / "parts",
            coarse=one is coarse,
        )
        for one in (region, coarse)
        if one is not None
        for block in covered_blocks(one, config.tiling.block_tiles)
    )
    return Plan(
        config=config,
        region=region,
        coarse=coarse,
        info=info,
        labels=labels,
        min_score=min_score,
        polygons=polygons,
        tasks=tasks,
    )


def region_scenes(config: RegionConfig, *, gsd_m: float, aoi: gpd.GeoDataFrame | None) -> tuple[Scene, ...]:
    """Return the scenes that a region file names, in order of priority."""
    return read_scenes(
        config.scenes, config.base, sources=config.sources, pixels=config.pixels, gsd_m=gsd_m, aoi=aoi
    )


def _task(
    block: Block,
    region: Region,
    *,
    spec: DetectorSpec,
    info: DetectorInfo,
    min_score: dict[str, float],
    polygons: PolygonOptions,
    parts: Path,
    coarse: bool,
) -> BlockTask:
    seen = sorted({index for found in covering_scenes(region, block.tiles) for index in found})
    own = dataclasses.replace(
        region,
        scenes=tuple(region.scenes[index] for index in seen),
        footprints=tuple(region.footprints[index] for index in seen),
    )
    name = part_name(block, own, sha256=info.sha256, min_score=min_score, polygons=polygons)
    return BlockTask(
        row=block.row,
        col=block.col,
        tiles=block.tiles,
        region=own,
        detector=spec,
        min_score=min_score,
        polygons=polygons,
        part=parts / (f"coarse-{name}" if coarse else name),
        coarse=coarse,
    )


def part_name(
    block: Block, region: Region, *, sha256: str, min_score: dict[str, float], polygons: PolygonOptions
) -> str:
    """Return a file name that changes with anything the part depends on, and with nothing else."""
    grid = region.grid
    known: dict[str, Any] = {
        "version": PARTS_VERSION,
        "scenes": [_scene_key(scene) for scene in region.scenes],
        "grid": [grid.tile_px, grid.overlap_px, list(grid.transform)[:6], grid.crs.to_wkt()],
        "tiles": [[tile.row, tile.col] for tile in block.tiles],
        "aoi": None if region.aoi is None else region.aoi.wkb_hex,
        "detector": sha256,
        "min_score": min_score,
        "polygons": dataclasses.asdict(polygons),
    }
    digest = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    return f"{block.row:05d}-{block.col:05d}-{digest[:16]}.parquet"


def _scene_key(scene: Scene) -> list[Any]:
    return [
        scene.path,
        scene.stamp,
        scene.width,
        scene.height,
        list(scene.transform)[:6],
        scene.count,
        scene.dtype,
        scene.nodata if scene.nodata == scene.nodata else "nan",
        scene.bands,
        None if scene.stretch is None else dataclasses.asdict(scene.stretch),
    ]
