"""Interpolation of arrays, against truth that is known."""

import numpy as np
import pyproj
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from groundplan.crs import transform_xy
from tiling.grid import TileGrid, Window
from tiling.resample import sample_bilinear, shrink, source_coordinates


def places(*values: float) -> np.ndarray:
    return np.array([values])


def test_pixel_centres_give_the_pixels_themselves() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 5, 7)).astype(np.uint8)
    cols, rows = np.meshgrid(np.arange(7) + 0.5, np.arange(5) + 0.5)
    out, valid = sample_bilinear(image, np.ones((5, 7), bool), cols=cols, rows=rows, origin=(0, 0))
    assert (out == image).all() and valid.all()


def test_between_two_pixels_lies_their_mean_and_beyond_the_edge_the_edge() -> None:
    image = np.repeat(np.array([[[10, 20, 255]]], np.uint8), 3, axis=0)
    out, valid = sample_bilinear(
        image,
        np.ones((1, 3), bool),
        cols=places(0.1, 1.0, 1.25, 2.9),
        rows=places(0.5, 0.5, 0.1, 0.9),
        origin=(0, 0),
    )
    assert out[0].tolist() == [[10, 15, 18, 255]] and valid.all()  # 17.5 rounds up


def test_a_missing_pixel_lends_nothing_and_takes_half() -> None:
    image = np.repeat(np.array([[[100, 77, 50]]], np.uint8), 3, axis=0)
    known = np.array([[True, False, True]])
    out, valid = sample_bilinear(
        image, known, cols=places(0.9, 1.1, 1.9, 2.1), rows=places(*[0.5] * 4), origin=(0, 0)
    )
    assert valid.tolist() == [[True, False, False, True]]
    assert out[1].tolist() == [[100, 0, 0, 50]]


@given(st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_flat_colours_stay_exactly_flat_whatever_is_missing(level: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = rng.random((6, 6)) < 0.7
    cols, rows = rng.uniform(0, 6, (2, 4, 9))
    image = np.full((3, 6, 6), level, np.uint8)
    out, valid = sample_bilinear(image, known, cols=cols, rows=rows, origin=(0, 0))
    assert (out == np.where(valid, level, 0)).all()


@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(0, 3))
def test_how_a_source_is_cut_out_changes_no_bit(seed: int, row: int, col: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (3, 12, 12)).astype(np.uint8)
    known = rng.random((12, 12)) < 0.9
    cols, rows = rng.uniform(4, 8, (2, 5, 5))
    whole = sample_bilinear(image, known, cols=cols, rows=rows, origin=(0, 0))
    cut = np.s_[row : 12 - row, col : 12 - col]
    part = sample_bilinear(image[:, *cut], known[cut], cols=cols, rows=rows, origin=(row, col))
    assert (whole[0] == part[0]).all() and (whole[1] == part[1]).all()


def test_interpolation_agrees_with_the_plain_formula_within_its_step() -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (3, 40, 40)).astype(np.uint8)
    cols, rows = rng.uniform(1, 39, (2, 50, 50))
    out, _ = sample_bilinear(image, np.ones((40, 40), bool), cols=cols, rows=rows, origin=(0, 0))
    x, y = cols - 0.5, rows - 0.5
    i, j = y.astype(int), x.astype(int)
    u, v = x - j, y - i
    plain = (
        image[:, i, j] * (1 - u) * (1 - v)
        + image[:, i, j + 1] * u * (1 - v)
        + image[:, i + 1, j] * (1 - u) * v
        + image[:, i + 1, j + 1] * u * v
    )
    assert np.abs(out - plain).max() <= 255 * 2 / 128 + 0.5
    assert np.abs(out - plain).mean() < 0.6


@given(st.integers(1, 5), st.integers(1, 14), st.integers(1, 14), st.integers(0, 2**32 - 1))
def test_cells_average_what_there_is(factor: int, height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (3, height, width)).astype(np.uint8)
    known = rng.random((height, width)) < rng.choice([0.5, 1.0])
    out, valid = shrink(image, known, factor)
    assert out.shape[1:] == valid.shape == (-(-height // factor), -(-width // factor))
    for i, j in np.ndindex(valid.shape):
        cell = np.s_[i * factor : (i + 1) * factor, j * factor : (j + 1) * factor]
        there = known[cell]
        assert valid[i, j] == (there.any() and there.mean() >= 0.5)
        if factor > 1 and valid[i, j]:
            assert np.abs(out[:, i, j] - image[:, *cell][:, there].mean(axis=1)).max() <= 0.5
        elif factor > 1:
            assert (out[:, i, j] == 0).all()


@pytest.mark.parametrize(("epsg", "lat"), [(4326, 52.0), (3857, 52.0), (25832, 52.0), (2154, 47.0), (4326, 0.0)])
def test_coordinates_between_nodes_are_right_to_a_thousandth_of_a_pixel(epsg: int, lat: float) -> None:
    utm, crs = pyproj.CRS.from_epsg(32632), pyproj.CRS.from_epsg(epsg)
    x0, y0 = (v.item() for v in transform_xy(8.0, lat, source="EPSG:4326", target=utm))
    grid = TileGrid(
        tile_px=300, overlap_px=0, width_px=300, height_px=300, transform=Affine(0.3, 0, x0, 0, -0.3, y0), crs=utm
    )
    left, top = (v.item() for v in transform_xy(x0, y0, source=utm, target=crs))
    size = 2.7e-6 if crs.is_geographic else 0.3
    transform = Affine(size, 0, left, 0, -size, top)
    window = Window(row=45, col=77, height=200, width=180)
    cols, rows = source_coordinates(grid, window, transform=transform, crs=crs, width_px=300)
    x, y = np.meshgrid(x0 + 0.3 * (77.5 + np.arange(180)), y0 - 0.3 * (45.5 + np.arange(200)))
    true_x, true_y = transform_xy(x, y, source=utm, target=crs)
    assert np.abs(cols - (true_x - left) / size).max() < 1e-3
    assert np.abs(rows - (top - true_y) / size).max() < 1e-3


def test_a_pixel_has_the_same_coordinates_from_every_window() -> None:
    utm, lonlat = pyproj.CRS.from_epsg(32632), pyproj.CRS.from_epsg(4326)
    grid = TileGrid(
        tile_px=64,
        overlap_px=0,
        width_px=640,
        height_px=640,
        transform=Affine(0.3, 0, 5e5, 0, -0.3, 5.7e6),
        crs=utm,
    )

    def at(row: int, col: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        window = Window(row=row, col=col, height=size, width=size)
        return source_coordinates(
            grid, window, transform=Affine(3e-6, 0, 9, 0, -2e-6, 51.5), crs=lonlat, width_px=500
        )

    whole = at(0, 0, 300)
    for row, col, size in ((0, 0, 64), (17, 133, 50), (96, 64, 100), (-20, 5, 90)):
        part = at(row, col, size)
        for mine, theirs in zip(part, whole, strict=True):
            above = max(-row, 0)
            assert (mine[above:] == theirs[row + above : row + size, col : col + size]).all()


def test_longitudes_beyond_the_antimeridian_are_taken_one_turn_on() -> None:
    utm = pyproj.CRS.from_epsg(32701)
    x0, y0 = (v.item() for v in transform_xy(-179.99, -16.8, source="EPSG:4326", target=utm))
    grid = TileGrid(
        tile_px=8, overlap_px=0, width_px=8, height_px=8, transform=Affine(0.3, 0, x0, 0, -0.3, y0), crs=utm
    )
    window = Window(row=0, col=0, height=8, width=8)
    # A scene from 179.99 to 180.01 degrees.
    cols, _ = source_coordinates(
        grid,
        window,
        transform=Affine(2e-5, 0, 179.99, 0, -2e-5, -16.79),
        crs=pyproj.CRS.from_epsg(4326),
        width_px=1000,
    )
    assert cols[0, 0] == pytest.approx(0.02 / 2e-5, abs=0.1)
