"""An open data set -> what each of its bands shows, whatever GDAL overcame while it opened it."""

from typing import Any

# Not among rasterio's public errors, and yet it comes through them.
from rasterio._err import CPLE_BaseError


def color_names(dataset: Any) -> tuple[str, ...]:
    """Return "red", "green", "blue", "gray", "alpha", "palette", "undefined", ... of each band.

    rasterio (1.4.4) takes the number of any colour but 0 for a sign of failure, and then raises what GDAL last
    complained of, such as a tag that it cannot read and does without. Raising makes it forget the complaint.
    """
    try:
        colors = dataset.colorinterp
    except CPLE_BaseError:
        colors = dataset.colorinterp
    return tuple(color.name for color in colors)
