"""Scenes of the data collection become chips whose halves are for training and for validation, never both."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from groundplan.errors import DataError
from groundplan.labels import FIELD_LABELS
from training import sources
from training.chips import ChipWriter, read_chips, read_pixels
from training.prepare import NEEDED, prepare_real_chips


def test_the_autzen_scene_is_cut_into_halves_with_their_buildings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.full((140, 100, 3), 60, np.uint8)
    boxes = {"buildings": [(10, 12, 40, 30), (30, 100, 70, 120)], "doubtful": [(60, 20, 80, 40)]}
    for left, top, right, bottom in (each for kind in boxes.values() for each in kind):
        image[top:bottom, left:right] = 250
    profile = {"driver": "GTiff", "height": 140, "width": 100, "count": 3, "dtype": "uint8", "crs": "EPSG:2994"}
    transform = rasterio.Affine(1.0, 0.0, 635_600.0, 0.0, -1.0, 853_300.0)
    with rasterio.open(tmp_path / "scene.tif", "w", transform=transform, **profile) as out:
        out.write(image.transpose(2, 0, 1))
    table = {
        kind: [[[left, top], [right, top], [right, bottom], [left, bottom]] for left, top, right, bottom in each]
        for kind, each in boxes.items()
    }
    (tmp_path / "autzen_buildings.json").write_text(json.dumps({"autzen": table}))
    monkeypatch.setattr(sources, "ADDED_LABELS", tmp_path)
    monkeypatch.setattr(sources, "AUTZEN_VAL_TO_PX", 70)
    monkeypatch.setattr(sources, "AUTZEN_CHIP_PX", 64)
    writer = ChipWriter(tmp_path / "chips")
    assert sources.add_autzen(tmp_path / "scene.tif", writer) == 8
    writer.close(description="")
    chips = read_chips(tmp_path / "chips")
    assert {chip.split for chip in chips} == {"train", "val"} and {chip.source for chip in chips} == {"autzen"}
    for chip in chips:
        row = int(chip.path.stem.split("_")[2])
        assert (chip.split == "val") == (row + 64 <= 70)
        assert chip.split == "val" or row >= 70
        # Of the northern half only the buildings are outlined; of the southern one everything.
        assert (chip.complete == {"building"}) == (chip.split == "val")
        assert chip.split == "val" or chip.complete >= {*FIELD_LABELS, "building"}
        for each in chip.instances:
            (left, top), (right, bottom) = each.rings[0].min(axis=0), each.rings[0].max(axis=0)
            assert each.ignore == (right - left == 20 and bottom - top == 20)
            shown = read_pixels(chip)[max(0, int(top)) : int(bottom), max(0, int(left)) : int(right)]
            assert shown.size and shown.min() > 150
    assert sum(len(chip.instances) for chip in chips if chip.split == "val") >= 2


def test_what_a_collection_lacks_is_said_before_anything_is_written(tmp_path: Path) -> None:
    for name in NEEDED[:-1]:
        (tmp_path / "data" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=r"there is no .*autzen_rgb_1ft\.tif"):
        prepare_real_chips(tmp_path / "data", tmp_path / "real")
    assert not (tmp_path / "real").exists()
