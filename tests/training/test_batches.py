"""Batches of two passes: each is taught its own labels, the coarse one of some labels only what is large."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from groundplan.labels import LABEL_IDS, LABELS
from training.augment import AugmentOptions
from training.batches import BatchOptions, CropStream, without_small
from training.chips import Chip, Instance

GSD_M = 0.5
SIDES_M = {"hall": 40.0, "house": 12.0, "shop": 19.0}


def square(left_px, side_m):
    side_px = side_m / GSD_M
    return (np.array([[0, 0], [side_px, 0], [side_px, side_px], [0, side_px]]) + [left_px, 60.0],)


@pytest.fixture
def chip(tmp_path: Path) -> Chip:
    Image.new("RGB", (300, 200), (90, 110, 90)).save(tmp_path / "a.png")
    places = zip((20.0, 130.0, 200.0), SIDES_M.values(), strict=True)
    return Chip(
        path=tmp_path / "a.png",
        width=300,
        height=200,
        gsd_m=GSD_M,
        split="train",
        source="town",
        complete=frozenset(LABELS),
        instances=tuple(Instance(label="building", rings=square(*place)) for place in places),
    )


def test_what_is_smaller_than_a_quarter_of_large_gives_no_loss(chip: Chip) -> None:
    told = without_small(chip, {"building": 600.0})
    assert [each.ignore for each in told.instances] == [False, True, False]
    assert [each.ignore for each in without_small(chip, {}).instances] == [False] * 3
    assert [each.ignore for each in without_small(chip, {"tennis_court": 600.0}).instances] == [False] * 3


def test_the_coarse_pass_is_taught_large_buildings_and_the_other_all(chip: Chip) -> None:
    options = BatchOptions(
        share={"town": 1.0},
        coarse={"town": 1.0},
        coarse_labels=("running_track",),
        large_from_m2={"building": 600.0},
        coarse_factor=3.0,
        coarse_share=0.5,
        crop_px=(256,),
        crop_share=(1.0,),
        gsd_m=GSD_M,
    )
    stream = CropStream([chip], first=0, last=12, options=options, augment=AugmentOptions())
    passes: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for _, targets in stream:
        for target in targets:
            coarse = bool(target["asked"][LABEL_IDS["running_track"]])
            assert bool(target["asked"][LABEL_IDS["building"]])
            assert bool(target["complete"][LABEL_IDS["building"]])
            passes[coarse].append((len(target["boxes"]), len(target["ignore"])))
    assert passes[True]
    assert passes[False]
    assert all(boxes <= 2 and ignored >= 1 for boxes, ignored in passes[True])
    assert max(boxes for boxes, _ in passes[True]) == 2
    assert max(boxes for boxes, _ in passes[False]) >= 3  # others are pasted in
