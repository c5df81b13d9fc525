"""The installed rasterio -> the version of the GDAL that it calls."""

import rasterio


def gdal_version() -> str:
    """Return GDAL's version, such as "3.10.3": it decodes and shrinks pixels, whatever rasterio's own version."""
    return str(rasterio.__gdal_version__)
