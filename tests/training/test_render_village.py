"""Rendered villages and quarters: the truth is where the roofs are, and equal seeds give equal pixels."""

import numpy as np
import pytest
import shapely
from rasterio.features import rasterize

from groundplan.errors import DataError
from groundplan.labels import LABELS
from training.chips import read_chips
from training.render_quarter import render_quarter
from training.render_town import Town
from training.render_village import render_village
from training.town_chips import write_town_chips

RENDERERS = [render_village, render_quarter]


def truth_mask(town: Town) -> np.ndarray:
    size = town.image.shape[1]
    shapes = [
        shapely.transform(outline, lambda xy: np.column_stack([xy[:, 0], town.size_m - xy[:, 1]]) / town.gsd_m)
        for _, outline in town.truth
    ]
    return rasterize(shapes, out_shape=(size, size)).astype(bool)


@pytest.mark.parametrize("render", RENDERERS)
def test_equal_seeds_give_equal_pixels(render):
    one, again, other = (render(size_m=80.0, gsd_m=0.5, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.image, again.image)
    assert one.truth == again.truth
    assert not np.array_equal(one.image, other.image)


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize("seed", range(4))
def test_buildings_lie_in_the_picture_and_share_no_ground(render, seed):
    town = render(size_m=120.0, gsd_m=0.4, seed=seed)
    outlines = [outline for _, outline in town.truth]
    assert town.image.shape == (3, 300, 300)
    assert outlines
    assert {label for label, _ in town.truth} == {"building"}
    assert all(shapely.box(0, 0, town.size_m, town.size_m).contains(outline) for outline in outlines)
    together = shapely.union_all(outlines).area
    assert together == pytest.approx(sum(outline.area for outline in outlines), rel=1e-6)


@pytest.mark.parametrize("render", RENDERERS)
def test_roofs_are_drawn_where_the_truth_says(render):
    """A house moved away from its outline would leave the edge of the outline without a step of colour."""
    steps_at_edges, steps_anywhere = [], []
    for seed in range(6):
        town = render(size_m=120.0, gsd_m=0.4, seed=seed)
        grey = town.image.mean(axis=0)
        mask = truth_mask(town)
        across = np.abs(np.diff(grey, axis=1))
        edge = np.diff(mask.astype(int), axis=1) != 0
        steps_at_edges.append(across[edge].mean())
        steps_anywhere.append(across[~edge].mean())
    assert np.mean(steps_at_edges) > 2.5 * np.mean(steps_anywhere)


@pytest.mark.parametrize("render", RENDERERS)
def test_too_small_or_too_coarse_is_refused_in_one_line(render):
    with pytest.raises(DataError, match="60 m or more"):
        render(size_m=20.0, gsd_m=0.3, seed=1)
    with pytest.raises(DataError, match=r"0\.1 to 2 m"):
        render(size_m=100.0, gsd_m=5.0, seed=1)


@pytest.mark.parametrize("render", RENDERERS)
def test_chips_of_them_are_complete_and_hold_the_buildings(render, tmp_path):
    how = {"count": 2, "size_m": 90.0, "gsd_m": 0.5, "chip_px": 128, "split": "train", "seed": 5}
    count = write_town_chips(tmp_path, source="rendered", render=render, **how)
    chips = read_chips(tmp_path)
    assert len(chips) == count > 0
    assert all(chip.complete == frozenset(LABELS) and (chip.width, chip.height) == (128, 128) for chip in chips)
    assert sum(len(chip.instances) for chip in chips) > 3
