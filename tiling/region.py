"""Scenes and options -> the region: one pixel lattice for all of them, and which scenes a tile can see."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from affine import Affine

from groundplan.crs import LON_LAT, check_metric, transform_geometries, utm_crs
from groundplan.errors import ConfigError, CRSError, SceneError
from groundplan.tangles import tangled
from tiling.grid import TileGrid
from tiling.ground import pixel_area_m2
from tiling.scene import Scene, footprint

MAX_COARSER = 4.0
"""Imagery may be at most so many times coarser than gsd_m: 1.2 m for 0.3 m, the coarsest that the shipped weights
were trained on; a house is ten pixels there."""

COARSER_SLACK = 1.01
"""A UTM metre is up to 0.1 % and a nominal 0.6 m pixel often 0.5 % off; neither is a reason to refuse."""

LATTICE_SLACK_PX = 0.01
"""Two lattices are one when no corner of a scene lies further than this from a corner of a pixel."""

MAX_AREA_ERROR = 0.01
"""Largest error of areas that the metric CRS may make at a scene; a UTM zone makes 0.2 % at its edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """What is to be looked at, and on which lattice."""

    scenes: tuple[Scene, ...]
    """In order of priority: where several show a pixel, the first wins."""
    footprints: tuple[shapely.Polygon, ...]
    """Outline of each scene in the grid's CRS."""
    grid: TileGrid
    """The region's lattice and tiles."""
    aoi: shapely.Geometry | None
    """Area of interest in the grid's CRS; None means everything the scenes show."""


def make_region(
    scenes: Sequence[Scene],
    *,
    gsd_m: float,
    tile_px: int,
    overlap_px: int,
    crs: str | pyproj.CRS = "auto",
    aoi: gpd.GeoDataFrame | None = None,
) -> Region:
    """Lay one grid over the scenes.

    Where the scenes already lie on one lattice of square, north-up pixels in metres, and `gsd_m` is 0 or equal to
    their pixels, and `crs` is "auto" or theirs, that lattice is the region's and no pixel is resampled. Otherwise
    the lattice has whole multiples of the pixel size as coordinates, so it does not depend on which scenes there
    are.

    Parameters
    ----------
    scenes : sequence of Scene
        In order of priority.
    gsd_m : float
        Side of a pixel in metres; 0 means the scenes' own, or where they are resampled anyway, the finest scene's
        to four digits.
    tile_px, overlap_px : int
        See `TileGrid`.
    crs : str or CRS
        "auto" for the UTM zone of the centre, or any CRS in true metres.
    aoi : GeoDataFrame, optional
        Polygons in any CRS. The grid covers what both they and the scenes cover.

    Raises
    ------
    SceneError
        There is no scene, or one is coarser than `MAX_COARSER` times `gsd_m`.
    ConfigError
        `gsd_m` is negative, the aoi touches no scene, or the region is too wide for one metric CRS.
    CRSError
        `crs` is unknown or not metric.
    """
    if not scenes:
        raise SceneError("the region has no scenes; list at least one in `scenes`")
    if not (math.isfinite(gsd_m) and gsd_m >= 0):
        raise ConfigError(f"gsd_m={gsd_m} is no pixel size; choose metres per pixel, or 0 for the imagery's own")
    wanted = None if isinstance(crs, str) and crs == "auto" else check_metric(crs)
    lattice = _shared_lattice(scenes, wanted=wanted, gsd_m=gsd_m)
    if lattice is not None:
        metric, size, origin_x, origin_y = lattice
    else:
        size = gsd_m or float(f"{min(scene.gsd_m for scene in scenes):.4g}")
        metric, origin_x, origin_y = wanted or _auto_crs(scenes, aoi), 0.0, 0.0
    _check_resolution(scenes, size)
    footprints = tuple(footprint(scene, metric) for scene in scenes)
    area = None if aoi is None else _aoi_in(aoi, metric)
    left, bottom, right, top = _extent(footprints, area)
    # A pixel more for a rounding error would shift nothing but cost a column of tiles now and then.
    col0, col1 = math.floor((left - origin_x) / size + 1e-6), math.ceil((right - origin_x) / size - 1e-6)
    row0, row1 = math.floor((origin_y - top) / size + 1e-6), math.ceil((origin_y - bottom) / size - 1e-6)
    grid = TileGrid(
        tile_px=tile_px,
        overlap_px=overlap_px,
        width_px=max(col1 - col0, 1),
        height_px=max(row1 - row0, 1),
        transform=Affine(size, 0.0, origin_x + col0 * size, 0.0, -size, origin_y - row0 * size),
        crs=metric,
    )
    _check_scale(scenes, footprints, grid)
    return Region(scenes=tuple(scenes), footprints=footprints, grid=grid, aoi=area)


def region_outline(region: Region) -> shapely.Geometry:
    """Return the ground that some scene covers and the aoi asks for, in the grid's CRS."""
    covered = shapely.union_all(list(region.footprints))
    return covered if region.aoi is None else shapely.intersection(covered, region.aoi)


def on_lattice(scene: Scene, grid_transform: Affine, grid_crs: pyproj.CRS) -> tuple[int, int] | None:
    """Return the (col, row) of the scene's first pixel on a lattice whose pixels are the scene's own, or None."""
    if scene.crs != grid_crs:
        return None
    t, size = scene.transform, grid_transform.a
    if t.b != 0 or t.d != 0 or t.a <= 0 or t.e >= 0:
        return None
    col, row = (t.c - grid_transform.c) / size, (grid_transform.f - t.f) / size
    far_col = (t.c + t.a * scene.width - grid_transform.c) / size - scene.width
    far_row = (grid_transform.f - t.f - t.e * scene.height) / size - scene.height
    first = round(col), round(row)
    off = max(abs(col - first[0]), abs(row - first[1]), abs(far_col - first[0]), abs(far_row - first[1]))
    return first if off <= LATTICE_SLACK_PX else None


def _shared_lattice(
    scenes: Sequence[Scene], *, wanted: pyproj.CRS | None, gsd_m: float
) -> tuple[pyproj.CRS, float, float, float] | None:
    """Return CRS, pixel size and origin of the lattice that all scenes lie on and that may be the region's."""
    # Not "the first scene": the lattice must not depend on the order of the scenes.
    first = min(scenes, key=lambda scene: (scene.transform.c, scene.transform.f, scene.path))
    try:
        metric = check_metric(first.crs)
    except CRSError:
        return None
    size = float(first.transform.a)
    if wanted is not None and wanted != metric:
        return None
    if gsd_m and abs(gsd_m - size) * max(max(s.width, s.height) for s in scenes) > LATTICE_SLACK_PX * size:
        return None
    if abs(first.gsd_m / size - 1) > MAX_AREA_ERROR / 2:
        return None  # a Mercator or the like: its metres are not metres here
    lattice = Affine(size, 0.0, first.transform.c, 0.0, -size, first.transform.f)
    if any(on_lattice(scene, lattice, metric) is None for scene in scenes):
        return None
    return metric, size, first.transform.c, first.transform.f


def _auto_crs(scenes: Sequence[Scene], aoi: gpd.GeoDataFrame | None) -> pyproj.CRS:
    """Return the UTM zone of the centre of what is looked at."""
    outlines = [footprint(scene, LON_LAT) for scene in scenes]
    area = None if aoi is None else _aoi_in(aoi, LON_LAT)
    left, bottom, right, top = _extent(outlines, area)
    if right - left > 180:  # the region straddles the antimeridian
        lons = shapely.get_coordinates(outlines)[:, 0] % 360
        left, right = float(lons.min()), float(lons.max())
    return utm_crs((left + right) / 2, (bottom + top) / 2)


def _aoi_in(aoi: gpd.GeoDataFrame, crs: pyproj.CRS) -> shapely.Geometry:
    """Return the union of the polygons in another CRS, long sides bent as the reprojection bends them."""
    if aoi.crs is None:
        raise ConfigError("the aoi has no CRS; write the file with one")
    if not np.isfinite(shapely.get_coordinates(aoi.geometry.to_numpy())).all():
        raise ConfigError("the aoi has coordinates that are no numbers; draw it anew")
    if tangled(aoi.geometry.to_numpy()).any():
        raise ConfigError("the aoi crosses itself hundreds of times; draw it anew")
    shapes = shapely.make_valid(aoi.geometry.to_numpy())
    union = shapely.union_all(shapes)
    if shapely.area(union) == 0:
        raise ConfigError("the aoi has no area; draw at least one polygon")
    left, bottom, right, top = shapely.bounds(union)
    dense = shapely.segmentize(union, max(right - left, top - bottom) / 100)
    return shapely.make_valid(transform_geometries([dense], source=aoi.crs, target=crs)[0])


def _extent(
    footprints: Sequence[shapely.Polygon], aoi: shapely.Geometry | None
) -> tuple[float, float, float, float]:
    """Return (left, bottom, right, top) of what both the scenes and the aoi cover."""
    if aoi is None:
        return tuple(float(v) for v in shapely.total_bounds(list(footprints)))  # type: ignore[return-value]
    # Each alone, not their union: thousands of scenes union slowly, and only the bounds matter.
    shared = shapely.intersection(list(footprints), aoi)
    shared = shared[shapely.area(shared) > 0]
    if len(shared) == 0:
        raise ConfigError(
            "the aoi touches none of the scenes; check both places, and the order longitude, latitude"
        )
    return tuple(float(v) for v in shapely.total_bounds(shared))  # type: ignore[return-value]


def _check_resolution(scenes: Sequence[Scene], size_m: float) -> None:
    for scene in scenes:
        if scene.gsd_m > MAX_COARSER * COARSER_SLACK * size_m:
            raise SceneError(
                f"{scene.path} has pixels of {scene.gsd_m:.3g} m, more than {MAX_COARSER:g} x gsd_m={size_m:.3g}; "
                f"leave it out, or set gsd_m to {scene.gsd_m / MAX_COARSER:.3g} with weights trained for that"
            )


def _check_scale(scenes: Sequence[Scene], footprints: Sequence[shapely.Polygon], grid: TileGrid) -> None:
    inverse = ~grid.transform
    for scene, outline in zip(scenes, footprints, strict=True):
        x, y = outline.centroid.x, outline.centroid.y
        col, row = inverse.a * x + inverse.c, inverse.e * y + inverse.f
        ratio = pixel_area_m2(grid.transform, grid.crs, col_px=col, row_px=row) / grid.gsd_m**2
        if not abs(ratio - 1) <= MAX_AREA_ERROR:
            raise ConfigError(
                f"areas at {scene.path} come out {100 * (1 / ratio - 1):+.1f} % off in {grid.crs.name!r}; "
                "split the region, or name a `crs` that fits all its scenes"
            )
