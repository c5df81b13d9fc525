"""Paints rasters of which the truth is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

from groundplan.crs import transform_xy


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
    polygon: shapely.Polygon,
    polygon_crs: Any,
    *,
    transform: Affine,
    crs: Any,
    width: int,
    height: int,
    samples: int = 4,
) -> np.ndarray:
    """Return the share (0..1) of each pixel that a polygon covers, from samples x samples points a pixel."""
    steps = (np.arange(samples) + 0.5) / samples
    cols = (np.arange(width)[:, None] + steps).ravel()[None, :]
    rows = (np.arange(height)[:, None] + steps).ravel()[:, None]
    x = transform.a * cols + transform.b * rows + transform.c
    y = transform.d * cols + transform.e * rows + transform.f
    if pyproj.CRS(crs) != pyproj.CRS(polygon_crs):
        x, y = transform_xy(x, y, source=crs, target=polygon_crs)
    shapely.prepare(polygon)
    hits = shapely.contains_xy(polygon, x, y)
    return hits.reshape(height, samples, width, samples).mean(axis=(1, 3))


@pytest.fixture
def painted() -> Callable[..., np.ndarray]:
    return paint_polygon
