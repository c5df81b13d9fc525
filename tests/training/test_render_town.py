"""The rendered town: truth inside the picture, disjoint, every label, pixels that agree, one seed one picture."""

from functools import cache

import numpy as np
import pytest
import shapely

from groundplan.errors import DataError
from groundplan.labels import LABELS
from training.render_canvas import Canvas
from training.render_sites import Site, plan_site
from training.render_town import north_up, objects_of, render_town

SIZE_M = 720.0


@cache
def site(seed: int) -> Site:
    return plan_site(SIZE_M, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_label_stands_in_the_town_and_wholly_in_the_picture(seed: int) -> None:
    objects = objects_of(site(seed), SIZE_M)
    assert {item.label for item in objects} == set(LABELS)
    assert sum(item.label == "building" for item in objects) > 100
    frame = shapely.box(0, 0, SIZE_M, SIZE_M)
    assert all(frame.contains(item.outline) and item.outline.is_valid for item in objects)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_overlaps_but_a_pitch_within_its_track(seed: int) -> None:
    shapes = np.array([item.outline for item in objects_of(site(seed), SIZE_M)], dtype=object)
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = left < right
    shared = shapely.area(shapely.intersection(shapes[left[pairs]], shapes[right[pairs]]))
    assert shared.max(initial=0.0) < 0.01


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_building_and_no_field_stands_on_a_road(seed: int) -> None:
    roads = shapely.union_all([north_up(r.line, SIZE_M).buffer(r.width_m / 2) for r in site(seed).layout.roads])
    shapes = [item.outline for item in objects_of(site(seed), SIZE_M)]
    assert max(shapely.area(shapely.intersection(np.array(shapes, dtype=object), roads))) < 0.01


def test_roofs_differ_from_the_ground_beside_them() -> None:
    place = render_town(size_m=300.0, gsd_m=0.6, seed=1)
    assert place.image.shape == (3, 500, 500) and place.image.dtype == np.uint8
    differs = 0
    buildings = [item.outline for item in place.objects if item.label == "building" and item.outline.area > 80]
    for outline in buildings:
        flipped = shapely.transform(outline, lambda xy: np.column_stack([xy[:, 0], place.size_m - xy[:, 1]]))
        canvas = Canvas(*place.image.shape[1:], gsd_m=place.gsd_m)
        means = []
        for shape in (flipped.buffer(-0.5), flipped.buffer(3.5).difference(flipped.buffer(1.0))):
            layer = canvas.cover(shape)
            assert layer is not None
            means.append(np.average(place.image[:, layer.rows, layer.cols].reshape(3, -1), axis=1,
                                    weights=layer.cover.ravel()))  # fmt: skip
        differs += bool(np.abs(means[0] - means[1]).max() > 12)
    assert len(buildings) > 15
    assert differs > 0.8 * len(buildings)


def test_one_seed_is_one_picture_and_another_seed_another() -> None:
    one, same = (render_town(size_m=130.0, gsd_m=1.2, seed=5) for _ in range(2))
    assert one.image.tobytes() == same.image.tobytes() and one.objects == same.objects
    other = render_town(size_m=130.0, gsd_m=1.2, seed=6)
    assert one.image.tobytes() != other.image.tobytes()


def test_a_town_too_small_for_a_house_is_refused() -> None:
    with pytest.raises(DataError, match="120 m"):
        render_town(size_m=50.0, gsd_m=0.3, seed=1)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(DataError, match="seed=-1; give 0 or more"):
        render_town(size_m=130.0, gsd_m=1.2, seed=-1)
