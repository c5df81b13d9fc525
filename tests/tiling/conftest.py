"""Paints rasters of which the truth is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from groundplan.crs import transform_geometries


@pytest.fixture
def write_scene(tmp_path: Path) -> Callable[..., str]:
    """Write an array of shape (bands, H, W) as a GeoTIFF and return its path."""

    def write(
        name: str,
        pixels: np.ndarray,
        *,
        transform: Affine,
        crs: str = "EPSG:32632",
        mask: np.ndarray | None = None,
        colors: tuple[Any, ...] | None = None,
        overviews: tuple[int, ...] = (),
        **profile: Any,
    ) -> str:
        path = tmp_path / name
        options = {
            "driver": "GTiff",
            "count": pixels.shape[0],
            "height": pixels.shape[1],
            "width": pixels.shape[2],
            "dtype": pixels.dtype,
            "crs": crs,
            "transform": transform,
        }
        with (
            rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
            rasterio.open(path, "w", **(options | profile)) as dataset,
        ):
            if colors is not None:
                dataset.colorinterp = colors
            dataset.write(pixels)
            if mask is not None:
                dataset.write_mask(mask)
        if overviews:
            with rasterio.open(path, "r+") as dataset:
                dataset.build_overviews(overviews, rasterio.enums.Resampling.average)
        return str(path)

    return write


def paint_polygon(
    polygon: shapely.Polygon, polygon_crs: Any, *, transform: Affine, crs: Any, width: int, height: int
) -> np.ndarray:
    """Return the exact share (0..1) of each pixel that a polygon covers."""
    (outline,) = transform_geometries([shapely.segmentize(polygon, 1.0)], source=polygon_crs, target=crs)
    t = ~transform
    in_px = shapely.transform(
        outline,
        lambda xy: np.column_stack([t.a * xy[:, 0] + t.b * xy[:, 1] + t.c, t.d * xy[:, 0] + t.e * xy[:, 1] + t.f]),
    )
    shapely.prepare(in_px)
    cover = shapely.contains_xy(in_px, *np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)).astype(float)
    edge = np.floor(shapely.get_coordinates(shapely.segmentize(in_px.boundary, 0.25))).astype(int)
    cells = np.unique(np.concatenate([edge + np.array([i, j]) for i in (-1, 0, 1) for j in (-1, 0, 1)]), axis=0)
    cells = cells[((cells >= 0) & (cells < (width, height))).all(axis=1)]
    boxes = shapely.box(cells[:, 0], cells[:, 1], cells[:, 0] + 1, cells[:, 1] + 1)
    cover[cells[:, 1], cells[:, 0]] = shapely.area(shapely.intersection(boxes, in_px))
    return cover


@pytest.fixture
def painted() -> Callable[..., np.ndarray]:
    return paint_polygon
