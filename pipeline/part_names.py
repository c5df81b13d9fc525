"""All that a part depends on -> its file name, so that nothing stale is taken over and nothing is done twice."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from postprocess.options import PolygonOptions
from tiling.grid import Block, TileGrid, core_sizes
from tiling.paths import is_address, without_secrets, without_signature
from tiling.scene import Scene

OWN_NAME = re.compile(r"(coarse-)?\d{5,}-\d{5,}-[0-9a-f]{16}\.(parquet|json)")
"""As `part_name` makes names (the coarse pass's begin with its own), and that of the record beside each."""


def settings_key(
    grid: TileGrid,
    *,
    code: str,
    sha256: str,
    arithmetic: str,
    min_score: Mapping[str, float],
    large_from_m2: Mapping[str, float],
    polygons: PolygonOptions,
) -> str:
    """Return a digest of what all parts of one pass share.

    Parameters
    ----------
    grid : TileGrid
        Its size does not count: a scene more at its edge leaves the other tiles as they are, as long as they
        keep their places.
    code : str
        From `pipeline.stage_code.stage_code`.
    sha256 : str
        `DetectorInfo.sha256`: weights, views, and how often they are looked at.
    arithmetic : str
        `DetectorInfo.arithmetic`: a GPU finds other outlines than a CPU.
    min_score, large_from_m2, polygons
        Of the pass.
    """
    return _digest(
        {
            "code": code,
            "grid": [grid.tile_px, grid.overlap_px, list(grid.transform)[:6], grid.crs.to_wkt()],
            "detector": [sha256, arithmetic],
            "min_score": dict(min_score),
            "large_from_m2": dict(large_from_m2),
            "polygons": dataclasses.asdict(polygons),
        }
    )


def scene_key(scene: Scene) -> str:
    """Return a digest of what a scene's pixels depend on: where it lies, its header, and when it was changed.

    An address that was signed anew is the same scene. So is one with another login or key where a stamp vouches
    for the file; without one, what looks like a key may be all that tells two images apart.
    """
    service = scene.tiles
    path = scene.path
    if is_address(path):
        path = without_signature(path)
        path = without_secrets(path) if scene.stamp else path
    return _digest(
        {
            "path": path,
            "stamp": scene.stamp,
            "size": [scene.width, scene.height, scene.count],
            "transform": list(scene.transform)[:6],
            "crs": scene.crs.to_wkt(),
            "dtype": scene.dtype,
            "nodata": repr(scene.nodata),
            "validity": scene.validity,
            "overviews": scene.overviews,
            # What shows as red, green and blue: chosen, or by these names.
            "bands": [scene.bands, scene.band_names, scene.color_names],
            "stretch": None if scene.stretch is None else dataclasses.asdict(scene.stretch),
            "tiles": None if service is None else [service.zoom, service.col, service.row, service.tile_px],
        }
    )


def part_name(block: Block, *, settings: str, scenes: Sequence[str]) -> str:
    """Return a file name that changes with anything the part depends on, and with nothing else.

    Parameters
    ----------
    block : Block
        Its tiles count by their rows, columns and cores, and by whether they are the last ones, which have no
        neighbour to leave anything to. The aoi does not count: it chooses tiles, and that is all.
    settings : str
        From `settings_key`.
    scenes : sequence of str
        From `scene_key`, of those that the block sees, in order of priority.
    """
    grid = block.grid
    rows, cols = np.divmod(np.array(block.numbers), grid.n_cols)
    last = [rows == grid.n_rows - 1, cols == grid.n_cols - 1]
    tiles = np.column_stack([rows, cols, core_sizes(grid, block.numbers), *last])
    digest = _digest([settings, list(scenes), tiles.tolist()])
    return f"{block.row:05d}-{block.col:05d}-{digest[:16]}.parquet"


def _digest(known: Any) -> str:
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
