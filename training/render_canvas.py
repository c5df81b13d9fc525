"""Geometry in metres and paints -> premultiplied RGBA pixels, anti-aliased by drawing larger and shrinking."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from shapely.geometry.base import BaseGeometry

from training.render_texture import Floats, cloud, smoothstep

Colour = tuple[float, float, float]
"""Red, green, blue, 0..255."""

Paint = Callable[[Floats, Floats], Floats]
"""Column of y in metres (h, 1) and row of x in metres (1, w) -> colours (h, w, 3), 0..255."""

FINEST_M = 0.075
"""Painted lines are 5 to 10 cm wide: drawing on a grid of this size keeps them apart before shrinking."""

LARGEST_FINE_PX = 8e6
"""Pixels of the largest fine grid drawn at full fineness: a running track at 0.3 m."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """How much of each pixel of a window something covers."""

    rows: slice
    """Window of the canvas in pixels."""
    cols: slice
    cover: Floats
    """(h, w), 0..1."""


class Canvas:
    """A picture under construction; x to the right and y downwards in metres, from the upper left corner.

    Parameters
    ----------
    height_px, width_px : int
    gsd_m : float
        Metres per pixel.

    Notes
    -----
    The one mutable thing of the renderer: `rgb` (h, w, 3) float32 0..255, premultiplied by `alpha` (h, w) 0..1.
    Premultiplied pixels let shadows fall on what is not drawn: there they are black with a partial alpha.
    """

    def __init__(self, height_px: int, width_px: int, *, gsd_m: float) -> None:
        self.gsd_m = gsd_m
        self.fine = int(np.clip(round(gsd_m / FINEST_M), 2, 8))
        self.rgb: Floats = np.zeros((height_px, width_px, 3), np.float32)
        self.alpha: Floats = np.zeros((height_px, width_px), np.float32)

    def window(self, bounds: tuple[float, float, float, float], *, pad_px: int = 1) -> tuple[slice, slice] | None:
        """Return the rows and columns that bounds in metres (left, top, right, bottom) touch, or None."""
        if not np.all(np.isfinite(bounds)):
            return None
        height, width = self.alpha.shape
        left, top = (int(np.floor(value / self.gsd_m)) - pad_px for value in bounds[:2])
        right, bottom = (int(np.ceil(value / self.gsd_m)) + pad_px for value in bounds[2:])
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
        return (slice(top, bottom), slice(left, right)) if top < bottom and left < right else None

    def cover(self, geometry: BaseGeometry, *, soft_m: float = 0.0) -> Layer | None:
        """Return how much of each pixel a polygon (with holes) covers; `soft_m` blurs its edge."""
        pad_px = 1 + int(np.ceil(2.0 * soft_m / self.gsd_m))
        window = self.window(geometry.bounds, pad_px=pad_px) if not geometry.is_empty else None
        if window is None:
            return None
        rows, cols = window
        fine = self._fine(rows, cols)
        picture = Image.new("L", ((cols.stop - cols.start) * fine, (rows.stop - rows.start) * fine), 0)
        pen = ImageDraw.Draw(picture)
        for part in shapely.get_parts(geometry):
            if part.geom_type == "Polygon" and not part.is_empty:
                pen.polygon(self._points(part.exterior.coords, rows, cols, fine), fill=255)
                for hole in part.interiors:
                    pen.polygon(self._points(hole.coords, rows, cols, fine), fill=0)
        return self._layer(picture, rows, cols, fine, soft_m)

    def trace(self, lines: Iterable[BaseGeometry], *, width_m: float, soft_m: float = 0.0) -> Layer | None:
        """Return how much of each pixel lines of a width cover; lines thinner than the fine grid get fainter."""
        group = [line for line in lines if not line.is_empty]
        if not group:
            return None
        bounds = shapely.total_bounds(np.array(group, dtype=object))
        window = self.window(tuple(bounds), pad_px=2 + int(np.ceil((width_m + 2.0 * soft_m) / self.gsd_m)))
        if window is None:
            return None
        rows, cols = window
        fine = self._fine(rows, cols)
        picture = Image.new("L", ((cols.stop - cols.start) * fine, (rows.stop - rows.start) * fine), 0)
        pen = ImageDraw.Draw(picture)
        wanted_px = width_m * fine / self.gsd_m
        drawn_px = max(1, round(wanted_px))
        for line in group:
            for part in shapely.get_parts(line):
                pen.line(self._points(part.coords, rows, cols, fine), fill=255, width=drawn_px)
        layer = self._layer(picture, rows, cols, fine, soft_m)
        return Layer(rows=rows, cols=cols, cover=layer.cover * np.float32(min(1.0, wanted_px / drawn_px)))

    def put(self, layer: Layer | None, paint: Colour | Paint, *, opacity: float = 1.0) -> None:
        """Lay a paint over what is there, as far as the layer covers."""
        if layer is None:
            return
        share = (layer.cover * np.float32(opacity))[..., None]
        rows, cols = layer.rows, layer.cols
        if callable(paint):
            y_m = (np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)) * np.float32(
                self.gsd_m
            )
            x_m = (np.arange(cols.start, cols.stop, dtype=np.float32)[None, :] + np.float32(0.5)) * np.float32(
                self.gsd_m
            )
            colours = paint(y_m, x_m)
        else:
            colours = np.asarray(paint, np.float32)
        self.rgb[rows, cols] += (colours - self.rgb[rows, cols]) * share
        self.alpha[rows, cols] += (1.0 - self.alpha[rows, cols]) * share[..., 0]

    def fill(
        self, geometry: BaseGeometry, paint: Colour | Paint, *, opacity: float = 1.0, soft_m: float = 0.0
    ) -> None:
        """Paint a polygon, given in metres."""
        self.put(self.cover(geometry, soft_m=soft_m), paint, opacity=opacity)

    def shade(self, geometry: BaseGeometry, *, strength: float, soft_m: float = 0.1) -> None:
        """Darken a polygon as a shadow does: a little bluish, because the sky still lights it."""
        self.put(self.cover(geometry, soft_m=soft_m), (8.0, 10.0, 16.0), opacity=strength)

    def rgba(self) -> NDArray[np.uint8]:
        """Return the picture as uint8 (h, w, 4), not premultiplied."""
        colours = self.rgb / np.maximum(self.alpha, 1e-3)[..., None]
        both = np.concatenate([colours, self.alpha[..., None] * 255.0], axis=2)
        return np.asarray(np.clip(np.rint(both), 0, 255), np.uint8)

    def _fine(self, rows: slice, cols: slice) -> int:
        # Windows as large as a town are drawn coarser: their edges are roads', not painted lines'.
        area_px = (rows.stop - rows.start) * (cols.stop - cols.start)
        return max(2, min(self.fine, int((LARGEST_FINE_PX / area_px) ** 0.5)))

    def _points(
        self, coords: Iterable[tuple[float, ...]], rows: slice, cols: slice, fine: int
    ) -> list[tuple[float, float]]:
        # Pillow places a pixel's centre at its whole number, the canvas half a pixel further.
        xy = np.asarray(coords)[:, :2] / self.gsd_m - (cols.start, rows.start)
        return [(x, y) for x, y in (xy * fine - 0.5).tolist()]

    def _layer(self, picture: Image.Image, rows: slice, cols: slice, fine: int, soft_m: float) -> Layer:
        small = picture.reduce(fine)
        if soft_m > 0.0:
            small = small.filter(ImageFilter.GaussianBlur(soft_m / self.gsd_m))
        return Layer(rows=rows, cols=cols, cover=np.asarray(small, np.float32) / np.float32(255.0))


def ragged(layer: Layer | None, *, gsd_m: float, amount: float, rng: np.random.Generator) -> Layer | None:
    """Return the layer with an uneven edge, as dirt has against grass; the layer needs a soft edge to eat into.

    Parameters
    ----------
    amount : float
        0 keeps the edge's place everywhere; 1 moves it by about the softness of the layer.
    """
    if layer is None:
        return None
    noise = cloud(layer.cover.shape, scales_px=(0.7 / gsd_m, 2.5 / gsd_m), rng=rng)
    moved = smoothstep(layer.cover + np.float32(0.22 * amount) * noise * (layer.cover < 0.97), 0.32, 0.68)
    return Layer(rows=layer.rows, cols=layer.cols, cover=np.where(layer.cover > 0.003, moved, 0.0))


def worn(layer: Layer | None, *, gsd_m: float, wear: float, rng: np.random.Generator) -> Layer | None:
    """Return the layer fainter and patchier: `wear` 0 keeps it, 1 leaves little of it."""
    if layer is None or wear <= 0.0:
        return layer
    noise = cloud(layer.cover.shape, scales_px=(0.8 / gsd_m, 5.0 / gsd_m), rng=rng)
    left = smoothstep(noise, 2.6 * wear - 2.4, 2.6 * wear - 0.6) * np.float32(1.0 - 0.45 * wear)
    return Layer(rows=layer.rows, cols=layer.cols, cover=layer.cover * left)
