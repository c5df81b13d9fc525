"""Features over scenes, and chips with their outlines -> pictures for the documentation."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.chips import read_pixels
from training.gallery import Shown

COLOURS: Final = {
    "building": (240, 50, 45),
    "tennis_court": (40, 225, 245),
    "basketball_court": (255, 150, 20),
    "baseball_diamond": (255, 245, 30),
    "soccer_field": (255, 255, 255),
    "american_football_field": (255, 100, 245),
    "running_track": (130, 245, 130),
}
TRUTH_COLOUR: Final = (255, 245, 30)
GAP_PX: Final = 4
FOUND_COLOUR: Final = COLOURS["building"]
LINE_PX: Final = 2


def scene_picture(path: Path, features: gpd.GeoDataFrame, *, width_px: int) -> Image.Image:
    """Return a scene with the outlines of features, each label in its colour."""
    with rasterio.open(path) as scene:
        pixels, transform, crs = scene.read([1, 2, 3]), scene.transform, scene.crs
    found = features.to_crs(crs)
    size_px = (pixels.shape[2], pixels.shape[1])
    outlines = zip(found["label"], found.geometry, strict=True)
    return _picture(
        pixels.transpose(1, 2, 0),
        [(COLOURS[label], _to_shares(each, transform, size_px)) for label, each in outlines],
        width_px,
    )


def chip_picture(shown: Shown, *, width_px: int) -> Image.Image:
    """Return a chip with what is true and, above it, what was found."""
    colour = {"truth": TRUTH_COLOUR, "found": FOUND_COLOUR}
    drawn = [(colour[kind], each) for kind, _, each in shown.outlines if kind in colour]
    return _picture(read_pixels(shown.chip), drawn, width_px)


def _to_shares(outline: shapely.Geometry, transform: Affine, size_px: tuple[int, int]) -> shapely.Geometry:
    """Return an outline in shares of a picture's width and height."""
    back = ~transform
    return shapely.transform(
        outline, lambda xy: np.column_stack(back @ (xy[:, 0], xy[:, 1])) / np.asarray(size_px, float)
    )


def _picture(
    pixels: NDArray[np.uint8], outlines: Iterable[tuple[tuple[int, int, int], shapely.Geometry]], width_px: int
) -> Image.Image:
    high, wide = pixels.shape[:2]
    size = (width_px, round(high * width_px / wide))
    image = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.LANCZOS)
    pen = ImageDraw.Draw(image)
    for colour, outline in outlines:
        for polygon in shapely.get_parts(outline):
            if polygon.geom_type == "Polygon":
                for ring in (polygon.exterior, *polygon.interiors):
                    pen.line([(x * size[0], y * size[1]) for x, y in ring.coords], fill=colour, width=LINE_PX)
    return image


def grid(images: Sequence[Image.Image], *, across: int) -> Image.Image:
    """Return pictures of one width in rows, each cut to a square."""
    side = images[0].width
    rows = -(-len(images) // across)
    out = Image.new("RGB", (across * (side + GAP_PX) - GAP_PX, rows * (side + GAP_PX) - GAP_PX), "white")
    for number, image in enumerate(images):
        row, col = divmod(number, across)
        out.paste(
            image.crop((0, 0, side, min(side, image.height))), (col * (side + GAP_PX), row * (side + GAP_PX))
        )
    return out


def stacked(images: Sequence[Image.Image]) -> Image.Image:
    """Return pictures above each other."""
    height = sum(image.height + GAP_PX for image in images) - GAP_PX
    out = Image.new("RGB", (max(image.width for image in images), height), "white")
    top = 0
    for image in images:
        out.paste(image, (0, top))
        top += image.height + GAP_PX
    return out
