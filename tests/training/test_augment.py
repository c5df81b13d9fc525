"""Targets follow the picture: wherever a crop shows the painted object, and only there, its mask says so."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from groundplan.labels import LABEL_IDS
from training.augment import AugmentOptions, crop_targets, make_crop
from training.chips import Chip, Instance

SIDE_PX = 160
RED = np.array([[40, 30], [110, 44], [96, 90], [30, 78]], float)
BLUE = np.array([[112, 100], [150, 100], [150, 140], [112, 140]], float)
PLAIN = AugmentOptions(coarse=0.0, jpeg=0.0)
"""No loss of sharpness but by turning, and at times a blur."""


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Chip:
    from training.rings import rasterise

    path = tmp_path_factory.mktemp("chip") / "painted.png"
    image = np.full((SIDE_PX, SIDE_PX, 3), (90, 110, 90), np.uint8)
    image[rasterise((RED,), height=SIDE_PX, width=SIDE_PX)] = (235, 30, 30)
    image[rasterise((BLUE,), height=SIDE_PX, width=SIDE_PX)] = (30, 30, 235)
    Image.fromarray(image).save(path)
    return Chip(
        path=path,
        width=SIDE_PX,
        height=SIDE_PX,
        gsd_m=0.3,
        split="train",
        source="painted",
        complete=frozenset({"building", "tennis_court"}),
        instances=(Instance(label="building", rings=(RED,)), Instance(label="tennis_court", rings=(BLUE,))),
    )


@given(st.integers(0, 2**31), st.sampled_from([64, 96, 160]), st.sampled_from([0.2, 0.3, 0.45]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_masks_lie_where_the_picture_shows_the_objects(chip: Chip, seed: int, size_px: int, gsd_m: float) -> None:
    # Other colours may have any band lead, so they are left out here.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("training.augment.recolour", lambda image, **_: image.copy())
        crop = make_crop(chip, size_px=size_px, gsd_m=gsd_m, rng=np.random.default_rng(seed), options=PLAIN)
    assert crop.image.shape == (size_px, size_px, 3) and crop.image.dtype == np.uint8
    red, green, blue = (crop.image[..., band].astype(int) for band in range(3))
    shown = {1: (red > green + 25) & (red > blue + 25), 2: (blue > green + 25) & (blue > red + 25)}
    for label, mask, box in zip(crop.labels.tolist(), crop.masks.astype(bool), crop.boxes, strict=True):
        rows, cols = np.nonzero(mask)
        assert box.tolist() == [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
        if mask.sum() < 150 or shown[label].sum() < 50:
            continue  # too small
        shared, either = (mask & shown[label]).sum(), (mask | shown[label]).sum()
        assert shared / either > 0.75
    # What the picture shows has a mask, or was a sliver at the border and is ignored.
    for label, seen in shown.items():
        if seen.sum() > 400:
            assert label in crop.labels


@given(st.integers(0, 2**31))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_equal_seeds_give_equal_crops(chip: Chip, seed: int) -> None:
    one, two = (
        make_crop(chip, size_px=64, gsd_m=0.3, rng=np.random.default_rng(seed), options=AugmentOptions())
        for _ in range(2)
    )
    assert (one.image == two.image).all() and (one.masks == two.masks).all() and (one.boxes == two.boxes).all()


def test_a_donor_gives_its_objects_where_it_names_all_that_the_chip_names(chip: Chip, tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    Image.fromarray(np.full((SIDE_PX, SIDE_PX, 3), (90, 110, 90), np.uint8)).save(path)
    empty = dataclasses.replace(chip, path=path, instances=())
    always = dataclasses.replace(PLAIN, pasted=1.0)

    def found(onto: Chip) -> set[int]:
        crops = [
            make_crop(onto, size_px=160, gsd_m=0.3, rng=np.random.default_rng(seed), options=always, donor=chip)
            for seed in range(12)
        ]
        return {label for crop in crops for label in crop.labels.tolist()}

    assert found(empty) == {1, 2}
    # A label that the chip does not name in full gives no loss in it, so its objects are not moved either.
    assert found(dataclasses.replace(empty, complete=frozenset({"building"}))) == {LABEL_IDS["building"]}
    assert found(dataclasses.replace(empty, complete=frozenset({"building", "soccer_field"}))) == set()


def test_slivers_and_ignored_objects_become_ignored_boxes() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    ring = np.array([[0, 0], [20, 0], [20, 20], [0, 20]], float)
    instances = [
        Instance(label="building", rings=(ring + (38, 5),)),  # two pixels wide inside
        Instance(label="building", rings=(ring + (5, 5),), ignore=True),
        Instance(label="building", rings=(ring + (90, 90),)),  # outside
        Instance(label="tennis_court", rings=(ring + (15, 15),)),
    ]
    crop = crop_targets(image, instances, complete=frozenset({"building"}))
    assert crop.labels.tolist() == [2] and crop.boxes.tolist() == [[15, 15, 35, 35]]
    assert sorted(crop.ignore.tolist()) == [[5, 5, 25, 25], [38, 5, 40, 25]]
    assert crop.complete.tolist() == [False, True] + [False] * 6
    none = crop_targets(image, [], complete=frozenset())
    assert none.masks.shape == (0, 40, 40) and none.boxes.shape == (0, 4) and none.ignore.shape == (0, 4)


def test_smeared_crops_are_sharper_along_one_axis(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (SIDE_PX, SIDE_PX, 1)).astype(np.uint8)
    Image.fromarray(np.repeat(noise, 3, axis=2)).save(tmp_path / "noise.png")
    noisy = Chip(
        path=tmp_path / "noise.png",
        width=SIDE_PX,
        height=SIDE_PX,
        gsd_m=0.3,
        split="train",
        source="noise",
        complete=frozenset(),
        instances=(),
    )

    def uneven(smeared: float) -> list[float]:
        options = AugmentOptions(coarse=1.0, jpeg=0.0, any_angle=0.0, size_jitter=0.0, smeared=smeared)
        out = []
        for seed in range(30):
            image = make_crop(noisy, size_px=96, gsd_m=0.3, rng=np.random.default_rng(seed), options=options).image
            steps = [np.abs(np.diff(image[..., 0].astype(float), axis=axis)).mean() for axis in (0, 1)]
            out.append(max(steps) / min(steps))
        return out

    assert np.median(uneven(1.0)) > 1.2 > 1.1 > np.median(uneven(0.0))
