"""One scene cut into twelve overlapping ones in two UTM zones gives the features of the one."""

import random
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize
from rasterio.warp import Resampling, calculate_default_transform, reproject
from scipy import ndimage

from detection.painted import PaintedDetector
from groundplan.records import Detections
from groundplan.vector import read_vector
from pipeline.cli import main

GSD_M = 0.3
SIDE_PX = 800


class BrightDetector:
    """Calls every bright patch a building."""

    batch_tiles = 1

    def __init__(self) -> None:
        self.info = PaintedDetector().info

    def detect(self, images: list[np.ndarray], wanted: object = None) -> list[Detections]:
        return [_bright(image) for image in images]


def _bright(image: np.ndarray) -> Detections:
    # With the pixels around: their grey levels say where between two centres the outline runs.
    level = np.clip((image[0].astype(np.float32) - 20) / 215, 0, 1)
    patches, _ = ndimage.label(ndimage.binary_dilation(level >= 0.5, np.ones((3, 3))))
    found = [(number, place) for number, place in enumerate(ndimage.find_objects(patches), 1) if place is not None]
    boxes = [(place[1].start, place[0].start, place[1].stop, place[0].stop) for _, place in found]
    return Detections(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.ones(len(boxes), np.int64),
        scores=np.ones(len(boxes), np.float32),
        masks=tuple(level[place] * (patches[place] == number) for number, place in found),
    )


def write(path: Path, image: np.ndarray, transform: Affine, crs: str, *, nodata: int | None = None) -> None:
    profile = {
        "driver": "GTiff",
        "count": 3,
        "height": image.shape[1],
        "width": image.shape[2],
        "dtype": image.dtype,
    }
    with rasterio.open(path, "w", crs=crs, transform=transform, nodata=nodata, tiled=True, **profile) as dataset:
        dataset.write(image)


def test_twelve_overlapping_scenes_of_two_zones_give_the_features_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the border of the zones 32 and 33.
    transform = Affine(GSD_M, 0, 710_000, 0, -GSD_M, 5_670_000)
    rng = random.Random(3)
    shapes = []
    for row in range(4):
        for col in range(4):
            x, y = 710_030 + col * 58 + rng.uniform(-4, 4), 5_669_970 - row * 58 + rng.uniform(-4, 4)
            box = shapely.box(x - rng.uniform(6, 18), y - rng.uniform(5, 15), x + rng.uniform(6, 18), y + 8)
            shapes.append(shapely.affinity.rotate(box, rng.uniform(0, 90)))
    fine = rasterize(shapes, out_shape=(4 * SIDE_PX, 4 * SIDE_PX), transform=transform @ Affine.scale(0.25))
    cover = fine.reshape(SIDE_PX, 4, SIDE_PX, 4).mean(axis=(1, 3))
    image = np.rint(20 + 215 * cover).astype(np.uint8)[None].repeat(3, axis=0)
    write(tmp_path / "one.tif", image, transform, "EPSG:32632")

    height, width = SIDE_PX // 3, SIDE_PX // 4
    names = []
    for row in range(3):
        for col in range(4):
            r0, r1 = max(row * height - 40, 0), min((row + 1) * height + 40, SIDE_PX)
            c0, c1 = max(col * width - 40, 0), min((col + 1) * width + 40, SIDE_PX)
            part, place = image[:, r0:r1, c0:c1], transform @ Affine.translation(c0, r0)
            name = f"{len(names)}.tif"
            names.append(name)
            if (row + col) % 2:
                write(tmp_path / name, part, place, "EPSG:32632")
                continue
            bounds = rasterio.transform.array_bounds(part.shape[1], part.shape[2], place)
            there, n_cols, n_rows = calculate_default_transform(
                "EPSG:32632", "EPSG:32633", part.shape[2], part.shape[1], *bounds, resolution=GSD_M
            )
            out = np.zeros((3, n_rows, n_cols), np.uint8)
            reproject(
                part, out, src_transform=place, src_crs="EPSG:32632", dst_transform=there, dst_crs="EPSG:32633",
                resampling=Resampling.bilinear, src_nodata=0, dst_nodata=0,
            )  # fmt: skip
            write(tmp_path / name, out, there, "EPSG:32633", nodata=0)
    rng.shuffle(names)
    monkeypatch.setattr("pipeline.blocks.worker_detector", lambda spec: BrightDetector())
    found = {}
    for name, scenes in (("one", ["one.tif"]), ("twelve", names)):
        region = tmp_path / f"{name}.toml"
        region.write_text(
            f'name = "{name}"\nscenes = {scenes}\ncrs = "EPSG:32632"\n[model]\nweights = "painted"\ngsd_m = 0.3\n'
        )
        assert main(["run", str(region), "--out", str(tmp_path / name), "--workers", "0"]) == 0
        found[name] = read_vector(tmp_path / name / "features.parquet").geometry.to_numpy()
    one, twelve = found["one"], found["twelve"]
    assert len(one) == len(twelve) == len(shapes)
    left, right = shapely.STRtree(twelve).query(one, predicate="intersects")
    assert len(left) == len(one) == len(set(right.tolist()))  # each meets exactly one: none is double
    shared = shapely.area(shapely.intersection(one[left], twelve[right]))
    iou = shared / shapely.area(shapely.union(one[left], twelve[right]))
    assert iou.min() >= 0.98
