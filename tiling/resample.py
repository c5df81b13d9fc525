"""Source pixels and where a tile's pixel centres fall among them -> the tile's pixels; arrays only.

Why not GDAL's warper: its result for a pixel depends on the chunk it is computed in (approximate transformer,
kernel scale from the chunk's size), it knows five kinds of missing pixels by five rules, and it brings a second
PROJ. Here a pixel's value depends on its place on the region's grid alone, so tiles of any size agree on it to the
bit, missing pixels are one array, and `groundplan.crs` makes the only transformer.
"""

import math

import numpy as np
import pyproj
from affine import Affine
from numpy.typing import NDArray

from groundplan.crs import transform_xy
from tiling.grid import TileGrid, Window
from tiling.ground import apply

NODE_PX = 32
"""Spacing of the nodes at which coordinates are transformed exactly; linear in between. At 60 degrees north a
parallel bends by L^2 tan(lat) / 8R over a length L: 1e-5 px over 32 px of 0.3 m, 1e-3 px over 32 px of 30 m."""

STEP_BITS = 6
STEPS = 2**STEP_BITS
"""Interpolation places a pixel is divided into along each axis: places are right to 1/128 px."""

FULL_BITS = np.uint64(2 * STEP_BITS)
HALF = np.uint64(STEPS * STEPS // 2)
LANE_BITS = 21
LANE_MASK = np.uint64(2**LANE_BITS - 1)

STRIP_ROWS = 32
"""Rows interpolated at once: arrays of a strip stay in the processor's cache, which halves the time."""

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]


def source_coordinates(
    grid: TileGrid, window: Window, *, transform: Affine, crs: pyproj.CRS, width_px: int
) -> tuple[Floats, Floats]:
    """Find where the centres of a window's pixels fall in a source raster.

    Parameters
    ----------
    grid : TileGrid
        The region's lattice.
    window : Window
        Rectangle of it, anywhere.
    transform : Affine
        Pixel corner of the source -> its CRS.
    crs : pyproj.CRS
        The source's CRS.
    width_px : int
        The source's width: its middle tells which turn of the globe longitudes belong to.

    Returns
    -------
    cols, rows : ndarray of shape (window.height, window.width), dtype float64
        In pixels of the source; pixel (0, 0) spans 0..1.

    Notes
    -----
    Nodes lie at whole multiples of `NODE_PX` of the region's grid, not of the window, so that the same pixel gets
    the same coordinates from every window.
    """
    node_row, node_col = window.row // NODE_PX, window.col // NODE_PX
    n_rows = (window.row + window.height) // NODE_PX - node_row + 2
    n_cols = (window.col + window.width) // NODE_PX - node_col + 2
    nodes_x = grid.transform.c + grid.transform.a * NODE_PX * (node_col + np.arange(n_cols))
    nodes_y = grid.transform.f + grid.transform.e * NODE_PX * (node_row + np.arange(n_rows))
    x, y = np.broadcast_arrays(nodes_x[None, :], nodes_y[:, None])
    if crs != grid.crs:
        x, y = transform_xy(x, y, source=grid.crs, target=crs)
    if crs.is_geographic:
        middle = transform.c + transform.a * width_px / 2
        x = np.where(np.abs(x - middle) > 180, x - 360 * np.round((x - middle) / 360), x)
    node_cols, node_rows = apply(~transform, x, y)
    down = (window.row + np.arange(window.height) + 0.5) / NODE_PX - node_row
    across = (window.col + np.arange(window.width) + 0.5) / NODE_PX - node_col
    return _between(node_cols, down, across), _between(node_rows, down, across)


def _between(nodes: Floats, down: Floats, across: Floats) -> Floats:
    """Interpolate a lattice of nodes linearly at down x across."""
    col = across.astype(np.intp)
    wide = nodes[:, col] + (nodes[:, col + 1] - nodes[:, col]) * (across - col)
    row = down.astype(np.intp)
    return np.asarray(wide[row] + (wide[row + 1] - wide[row]) * (down - row)[:, None])


def shrink(image: Bytes, valid: NDArray[np.bool_], factor: int) -> tuple[Bytes, NDArray[np.bool_]]:
    """Average cells of factor x factor pixels, leaving the missing ones out.

    Parameters
    ----------
    image : ndarray of shape (3, H, W), dtype uint8
    valid : ndarray of shape (H, W), dtype bool
    factor : int
        1 returns the input. H and W need not be multiples: the last cells average what there is.

    Returns
    -------
    image : ndarray of shape (3, ceil(H / factor), ceil(W / factor)), dtype uint8
        Rounded to the nearest; 0 where not valid.
    valid : ndarray, dtype bool
        True where at least half of the cell's existing pixels are.
    """
    if factor == 1:
        return image, valid
    height, width = valid.shape
    rows, cols = math.ceil(height / factor), math.ceil(width / factor)
    padding = ((0, rows * factor - height), (0, cols * factor - width))
    whole = padding == ((0, 0), (0, 0))
    if whole and valid.all():
        count = np.uint32(factor * factor)
        sums = _cell_sums(image, factor)
        return ((sums + count // 2) // count).astype(np.uint8), np.ones((rows, cols), bool)
    ones = np.pad(np.ones_like(valid), padding)[None]
    existing = _cell_sums(ones.astype(np.uint8), factor)[0]
    counts = _cell_sums(np.pad(valid, padding)[None].astype(np.uint8), factor)[0]
    sums = _cell_sums(np.pad(np.where(valid, image, 0).astype(np.uint8), ((0, 0), *padding)), factor)
    kept = counts * 2 >= existing
    kept &= counts > 0
    mean = (sums + counts // 2) // np.maximum(counts, 1)
    return np.where(kept, mean, 0).astype(np.uint8), kept


def _cell_sums(layers: Bytes, factor: int) -> NDArray[np.uint32]:
    """Sum cells of factor x factor pixels; the sides are whole multiples."""
    # Rows first: they are contiguous. uint16 holds sums of up to 16 x 16 pixels, and adds twice as fast.
    kind = np.uint16 if factor <= 16 else np.uint32
    down = np.zeros((layers.shape[0], layers.shape[1] // factor, layers.shape[2]), kind)
    for offset in range(factor):
        down += layers[:, offset::factor]
    out = np.zeros((*down.shape[:2], layers.shape[2] // factor), kind)
    for offset in range(factor):
        out += down[:, :, offset::factor]
    return out.astype(np.uint32)


def sample_bilinear(
    image: Bytes, valid: NDArray[np.bool_], *, cols: Floats, rows: Floats, origin: tuple[int, int]
) -> tuple[Bytes, NDArray[np.bool_]]:
    """Interpolate an image at given places, leaving missing pixels out.

    Parameters
    ----------
    image : ndarray of shape (3, h, w), dtype uint8
        h and w at least 1.
    valid : ndarray of shape (h, w), dtype bool
    cols, rows : ndarray of shape (H, W), dtype float64
        Places in pixels of the source that `image` is cut from; its pixel (0, 0) spans 0..1. Places beyond the
        outermost centres take the nearest pixel's value: which places lie outside is for the caller to say.
    origin : tuple of int
        (row, col) of `image`'s first pixel in the source.

    Returns
    -------
    image : ndarray of shape (3, H, W), dtype uint8
        0 where not valid.
    valid : ndarray of shape (H, W), dtype bool
        True where valid pixels make up at least half of the weight.

    Notes
    -----
    Shares are whole `STEPS`ths of a pixel and sums are integers: flat colours stay exactly flat, and whether other
    pixels are missing, or how the image was cut out of its source, changes no bit of a value.
    """
    height, width = valid.shape
    # Three colours in one uint64, so that one gather and one product serve all: 255 x STEPS^2 needs 20 bits.
    colours = image.astype(np.uint64)
    packed = (colours[0] | colours[1] << LANE_BITS | colours[2] << 2 * LANE_BITS).reshape(-1)
    everything = bool(valid.all())
    flags = valid.reshape(-1).astype(np.uint64)
    if not everything:
        packed *= flags
    out = np.empty((3, *cols.shape), np.uint8)
    kept = np.ones(cols.shape, bool)
    for first in range(0, len(cols), STRIP_ROWS):
        strip = np.s_[first : first + STRIP_ROWS]
        left, right, x_share = _neighbours(cols[strip], origin[1], width)
        top, bottom, y_share = _neighbours(rows[strip], origin[0], height)
        total = np.zeros(left.shape, np.uint64)
        weight = np.zeros(left.shape, np.uint64)
        for row, row_share in ((top * width, STEPS - y_share), (bottom * width, y_share)):
            for col, col_share in ((left, STEPS - x_share), (right, x_share)):
                share = row_share * col_share
                corner = row + col
                total += packed.take(corner) * share
                if not everything:
                    weight += flags.take(corner) * share
        for band in range(3):
            lane = (total >> np.uint64(band * LANE_BITS)) & LANE_MASK
            if everything:
                out[band, strip] = (lane + HALF) >> FULL_BITS
            else:
                out[band, strip] = np.where(weight >= HALF, (lane + weight // 2) // np.maximum(weight, 1), 0)
        if not everything:
            kept[strip] = weight >= HALF
    return out, kept


def _neighbours(
    places: Floats, origin: int, length: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint64]]:
    """Return the pixels before and after each place, and the share (of `STEPS`) of the one after."""
    steps = np.floor(places * STEPS - (STEPS // 2 - 0.5)).astype(np.intp)
    first = (steps >> STEP_BITS) - origin
    share = (steps & (STEPS - 1)).astype(np.uint64)
    return np.clip(first, 0, length - 1), np.clip(first + 1, 0, length - 1), share
