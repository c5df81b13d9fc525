"""A region's imagery and labelled polygons of its ground -> chips, split into contiguous train and val ground."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import DataError
from tiling.cover import covered_tiles
from tiling.grid import Tile, Window, window_bounds, window_transform
from tiling.read import SceneReader
from tiling.region import Region
from training.chips import ChipWriter, Instance, LonLatBounds
from training.rings import Rings, rasterise
from training.splits import split_ground

MIN_SEEN = 0.5
"""Least share of a chip with imagery, and of an object for it to be learned; less of an object is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundLabel:
    """One object on the ground, where the imagery shows it."""

    label: str
    polygon: shapely.Polygon = field(repr=False)
    """In the region's metric CRS."""
    ignore: bool = False
    """True: something of this label may be here; nothing is learned from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundChip:
    """A rectangle of the region's grid to write as one chip, and what is known there."""

    name: str
    window: Window
    labels: tuple[GroundLabel, ...]
    complete: frozenset[str]


def tile_chips(
    region: Region,
    labels: Sequence[GroundLabel],
    *,
    complete: frozenset[str],
    known: shapely.Geometry | None = None,
    prefix: str,
) -> list[GroundChip]:
    """Return one chip per tile of the region's grid; chips about which nothing is known are left out.

    Parameters
    ----------
    region : Region
        Its tiles must not overlap, or the same ground would come twice.
    labels : sequence of GroundLabel
    complete : frozenset of str
        Labels of which every object is among `labels`.
    known : geometry, optional
        Where that holds, in the region's CRS; None = everywhere. A chip that reaches beyond is complete for none.
    prefix : str
        Chips are named ``{prefix}_{row}_{col}``.

    Raises
    ------
    DataError
        The region's tiles overlap.
    """
    if region.grid.overlap_px:
        raise DataError(f"the grid's tiles overlap by {region.grid.overlap_px} px; make it with overlap_px=0")
    tiles = covered_tiles(region)
    boxes = np.asarray(shapely.box(*np.array([tile.bounds for tile in tiles]).reshape(-1, 4).T), dtype=object)
    inside = np.ones(len(tiles), bool) if known is None else shapely.covers(known, boxes)
    found: list[list[GroundLabel]] = [[] for _ in tiles]
    if labels:
        tree = shapely.STRtree([each.polygon for each in labels])
        for tile, number in sorted(zip(*tree.query(boxes, predicate="intersects").tolist(), strict=True)):
            found[tile].append(labels[number])
    return [
        GroundChip(
            name=f"{prefix}_{tile.row}_{tile.col}",
            window=tile.window,
            labels=tuple(own),
            complete=complete if sure else frozenset(),
        )
        for tile, own, sure in zip(tiles, found, inside, strict=True)
        if (complete and sure) or any(not each.ignore for each in own)
    ]


def write_ground_chips(
    region: Region,
    chips: Sequence[GroundChip],
    writer: ChipWriter,
    *,
    source: str,
    val_share: float,
    on_chip: Callable[[], None] | None = None,
) -> dict[str, int]:
    """Read and write chips; return how many chips and objects went into each split.

    Pixels outside the region's area of interest become black, like those without imagery: nobody vouches for the
    labels there.

    Returns
    -------
    dict
        ``train``, ``val``: chips; ``train_objects``, ``val_objects``; ``left_out``: chips across the cut or
        without enough imagery.
    """
    grid = region.grid
    bounds = np.array([window_bounds(grid, chip.window) for chip in chips]).reshape(-1, 4)
    # A chip without objects still counts a little, so that the ground is cut where there are none at all.
    weight = np.array([sum(not each.ignore for each in chip.labels) + 0.05 for chip in chips])
    splits = split_ground(bounds, weight, val_share=val_share)
    counts = dict.fromkeys(("train", "val", "train_objects", "val_objects", "left_out"), 0)
    with SceneReader(region) as reader:
        for chip, split in zip(chips, splits, strict=True):
            image, valid = reader.read(tile_of(region, chip.window))
            if region.aoi is not None:
                valid = valid & _inside(region.aoi, chip.window, window_transform(grid, chip.window))
            if on_chip is not None:
                on_chip()
            if not split or valid.mean() < MIN_SEEN:
                counts["left_out"] += 1
                continue
            pixels = np.ascontiguousarray((image * valid).transpose(1, 2, 0))
            instances = _instances(chip, region, valid)
            writer.add(
                pixels,
                instances,
                name=chip.name,
                gsd_m=grid.gsd_m,
                split=split,
                source=source,
                complete=chip.complete,
                bounds=_lon_lat(region, chip.window),
            )
            counts[split] += 1
            counts[f"{split}_objects"] += sum(not each.ignore for each in instances)
    return counts


def tile_of(region: Region, window: Window) -> Tile:
    """Return a tile that reads any window of the region's grid."""
    bounds = window_bounds(region.grid, window)
    return Tile(
        row=-1,
        col=-1,
        window=window,
        core=window,
        transform=window_transform(region.grid, window),
        bounds=bounds,
        core_bounds=bounds,
    )


def pixel_rings(polygon: shapely.Polygon, transform: Affine) -> Rings:
    """Return a polygon's rings in the pixels of a north-up window, x right and y down."""
    t = transform
    return tuple(
        (shapely.get_coordinates(ring)[:-1] - (t.c, t.f)) / (t.a, t.e)
        for ring in (polygon.exterior, *polygon.interiors)
    )


def _instances(chip: GroundChip, region: Region, valid: NDArray[np.bool_]) -> list[Instance]:
    out = []
    transform = window_transform(region.grid, chip.window)
    for each in chip.labels:
        rings = pixel_rings(each.polygon, transform)
        shown = rasterise(rings, height=chip.window.height, width=chip.window.width)
        seen = int((shown & valid).sum())
        if seen == 0 and not each.ignore:
            continue
        hidden = seen < MIN_SEEN * int(shown.sum())
        out.append(Instance(label=each.label, rings=rings, ignore=each.ignore or hidden))
    return out


def _inside(aoi: shapely.Geometry, window: Window, transform: Affine) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = rasterio.features.geometry_mask(
        [aoi], out_shape=(window.height, window.width), transform=transform, invert=True
    )
    return inside


def _lon_lat(region: Region, window: Window) -> LonLatBounds:
    box = shapely.box(*window_bounds(region.grid, window))
    west, south, east, north = shapely.bounds(
        transform_geometries([box], source=region.grid.crs, target=LON_LAT)[0]
    ).tolist()
    return west, south, east, north
