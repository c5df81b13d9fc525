"""COCO files of other tools become chips whose masks lie where the file has them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from pycocotools import mask as rle

from groundplan.errors import DataError
from training.chips import ChipWriter, read_chips, read_pixels
from training.coco_chips import CocoOptions, write_coco_chips
from training.rings import rasterise


def write_images(folder: Path, count: int, *, geotiff: bool) -> list[dict[str, Any]]:
    """Paint a white rectangle at x 100..140, y 60..80 into dark images of 300 x 200 px."""
    entries = []
    for number in range(count):
        pixels = np.full((200, 300, 3), 40, np.uint8)
        pixels[60:80, 100:140] = 255
        name = f"part_{number + 1}.{'tif' if geotiff else 'png'}"
        if geotiff:
            transform = Affine(0.1, 0, 500_000 + 30 * number, 0, -0.1, 5_000_000)
            profile = {"driver": "GTiff", "width": 300, "height": 200, "count": 3, "dtype": "uint8"}
            with rasterio.open(folder / name, "w", crs="EPSG:32633", transform=transform, **profile) as out:
                out.write(pixels.transpose(2, 0, 1))
        else:
            Image.fromarray(pixels).save(folder / name)
        entries.append({"id": number, "file_name": name, "width": 300, "height": 200})
    return entries


def write_coco(folder: Path, images: list[dict[str, Any]], segmentation: Any, **extra: Any) -> Path:
    annotations = [
        {
            "id": i, "image_id": each["id"], "category_id": 5, "segmentation": segmentation,
            "bbox": [100, 60, 40, 20], "iscrowd": 0,
        } | extra
        for i, each in enumerate(images)
    ]  # fmt: skip
    coco = {"images": images, "annotations": annotations, "categories": [{"id": 5, "name": "Tennis Court"}]}
    (folder / "coco.json").write_text(json.dumps(coco))
    return folder / "coco.json"


POLYGON = [[100, 60, 140, 60, 140, 80, 100, 80]]
WHITE = np.zeros((200, 300), np.uint8)
WHITE[60:80, 100:140] = 1
ENCODED = rle.encode(np.asfortranarray(WHITE))
RUN_LENGTHS = {"size": ENCODED["size"], "counts": ENCODED["counts"].decode()}


@pytest.mark.parametrize("geotiff", [False, True])
@pytest.mark.parametrize("segmentation", [POLYGON, RUN_LENGTHS])
def test_masks_lie_on_what_was_painted_whatever_the_form(tmp_path: Path, segmentation: Any, geotiff: bool) -> None:
    path = write_coco(tmp_path, write_images(tmp_path, 5, geotiff=geotiff), segmentation)
    writer = ChipWriter(tmp_path / "chips")
    options = CocoOptions(gsd_m=None if geotiff else 0.1, chip_px=110)
    counts = write_coco_chips(path, tmp_path, writer, source="mine", options=options)
    writer.close(description="test")
    chips = read_chips(tmp_path / "chips")
    # 165 px of 0.1 m make a chip of 110 px of 0.15 m: two by two pieces an image.
    assert counts == {"train": 16, "val": 4, "left_out": 0} and len(chips) == 20
    assert [chip.gsd_m for chip in chips] == pytest.approx([0.15] * 20, rel=0.02)
    assert all(chip.complete == {"tennis_court"} for chip in chips)
    assert all((chip.bounds is not None) == geotiff for chip in chips)
    shared = total = 0
    for chip in chips:
        white = read_pixels(chip)[:, :, 0] > 150
        masks = [rasterise(each.rings, height=chip.height, width=chip.width) for each in chip.instances]
        drawn = np.any(masks, axis=0) if masks else np.zeros_like(white)
        shared, total = shared + int((white & drawn).sum()), total + int((white | drawn).sum())
    assert shared / total > 0.9


def test_the_last_images_by_natural_order_are_for_validation(tmp_path: Path) -> None:
    path = write_coco(tmp_path, write_images(tmp_path, 12, geotiff=False), POLYGON)
    writer = ChipWriter(tmp_path / "chips")
    write_coco_chips(path, tmp_path, writer, source="mine", options=CocoOptions(gsd_m=0.3, val_share=0.25))
    writer.close(description="test")
    val = [chip.path.name for chip in read_chips(tmp_path / "chips") if chip.split == "val"]
    assert val == ["part_10_9_0.jpg", "part_11_10_0.jpg", "part_12_11_0.jpg"]


def test_crowds_and_boxes_alone_are_ignored(tmp_path: Path) -> None:
    for name, extra, given in (("a", {"iscrowd": 1}, POLYGON), ("b", {}, [])):
        folder = tmp_path / name
        folder.mkdir()
        path = write_coco(folder, write_images(folder, 1, geotiff=False), given, **extra)
        writer = ChipWriter(folder / "chips")
        write_coco_chips(path, folder, writer, source="mine", options=CocoOptions(gsd_m=0.3))
        writer.close(description="test")
        assert [each.ignore for chip in read_chips(folder / "chips") for each in chip.instances] == [True]


def test_unknown_categories_images_and_resolutions_are_refused_with_a_remedy(tmp_path: Path) -> None:
    images = write_images(tmp_path, 1, geotiff=False)
    path = write_coco(tmp_path, images, POLYGON)
    writer = ChipWriter(tmp_path / "chips")

    def attempt(source: Path, **options: Any) -> None:
        write_coco_chips(source, tmp_path, writer, source="mine", options=CocoOptions(**options))

    with pytest.raises(DataError, match="--gsd-m"):
        attempt(path)
    with pytest.raises(DataError, match="no COCO file"):
        attempt(tmp_path / "none.json", gsd_m=0.3)
    path.write_text(path.read_text().replace("Tennis Court", "court"))
    with pytest.raises(DataError, match="--label 'court=building'"):
        attempt(path, gsd_m=0.3)
    attempt(path, gsd_m=0.3, names={"court": "basketball_court"})
    (tmp_path / "part_1.png").unlink()
    with pytest.raises(DataError, match="--images"):
        attempt(path, gsd_m=0.3, names={"court": "-"})
