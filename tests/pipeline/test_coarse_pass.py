"""Labels too large for a tile are found in a second, coarser pass, and only there."""

import json
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import ndimage

from detection.detector import DetectorInfo
from groundplan.labels import LABEL_IDS
from groundplan.records import Detections
from groundplan.vector import read_vector
from pipeline import blocks, plan
from pipeline.cli import main
from pipeline.config import read_region

GSD_M = 0.3
AXIS = shapely.LineString([(97.8, 90), (182.2, 90)])
TRACK = AXIS.buffer(46.26) - AXIS.buffer(36.5)
HOUSES = [shapely.box(20 + 30 * i, 12, 34 + 30 * i, 24) for i in range(8)]


class BrightDetector:
    """Calls red things buildings and blue things running tracks, at whatever resolution it sees them.

    Its masks of tracks cover the infield, too, as those of our network do.
    """

    batch_tiles = 1
    info = DetectorInfo(
        name="bright",
        sha256="bright-1",
        labels=("building", "running_track"),
        gsd_m=GSD_M,
        min_score={"building": 0.5, "running_track": 0.5},
        coarse_labels=("running_track",),
        coarse_factor=3.0,
        filled_labels=("running_track",),
    )

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Detections]:
        return [self._one(image) for image in images]

    def _one(self, image: NDArray[np.uint8]) -> Detections:
        boxes, labels, masks = [], [], []
        for band, label in ((0, "building"), (2, "running_track")):
            pieces, _ = ndimage.label(image[band] > 127)
            for number, (rows, cols) in enumerate(ndimage.find_objects(pieces), start=1):
                boxes.append((cols.start, rows.start, cols.stop, rows.stop))
                labels.append(LABEL_IDS[label])
                masks.append(ndimage.binary_fill_holes(pieces[rows, cols] == number).astype(np.float32))
        return Detections(
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            labels=np.array(labels, np.int64),
            scores=np.full(len(boxes), 0.9, np.float32),
            masks=tuple(masks),
        )


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    detector = BrightDetector()
    monkeypatch.setattr(plan, "describe_detector", lambda spec: detector.info)
    monkeypatch.setattr(blocks, "worker_detector", lambda spec: detector)
    transform = Affine(GSD_M, 0, 500_000, 0, -GSD_M, 5_000_000)
    size = 1000

    def draw(shapes: list[shapely.Polygon]) -> NDArray[np.uint8]:
        placed = shapely.transform(np.array(shapes), lambda xy: xy * [1, -1] + [500_000, 5_000_000])
        return rasterize(list(placed), out_shape=(size, size), transform=transform, default_value=255).astype(
            np.uint8
        )

    red, blue = draw(HOUSES), draw([TRACK])
    profile = {"driver": "GTiff", "height": size, "width": size, "count": 3, "dtype": "uint8"}
    with rasterio.open(tmp_path / "scene.tif", "w", crs="EPSG:32633", transform=transform, **profile) as scene:
        scene.write(np.stack([red, np.full_like(red, 40), blue]))
    (tmp_path / "r.toml").write_text(
        'name = "two_passes"\nscenes = ["scene.tif"]\n[model]\nweights = "painted"\n'
        "[tiling]\ntile_px = 256\noverlap_px = 64\nblock_tiles = 2\n"
    )
    out = tmp_path / "out"
    assert main(["run", str(tmp_path / "r.toml"), "--out", str(out), "--workers", "0"]) == 0
    return out


def test_every_object_is_one_feature_whichever_pass_finds_it(run_dir: Path) -> None:
    features = read_vector(run_dir / "features.parquet")
    assert sorted(features["label"]) == ["building"] * len(HOUSES) + ["running_track"]
    truth = shapely.transform(TRACK, lambda xy: xy * [1, -1] + [500_000, 5_000_000])
    found = features[features["label"] == "running_track"].geometry.iloc[0]
    assert len(found.interiors) == 1
    assert found.intersection(truth).area / found.union(truth).area > 0.9


def test_no_pass_keeps_the_labels_of_the_other(run_dir: Path) -> None:
    labels: dict[bool, set[str]] = {True: set(), False: set()}
    for path in (run_dir / "parts").glob("*.parquet"):
        labels[path.name.startswith("coarse-")] |= set(gpd.read_parquet(path)["label"])
    assert labels == {True: {"running_track"}, False: {"building"}}


def test_the_coarse_pass_has_tiles_and_overlaps_of_twice_the_side(run_dir: Path) -> None:
    # A tile's bounds are in metres of the ground: 2 x 256 px at 0.9 m, so that large objects lie whole in one.
    parts = gpd.read_parquet(next((run_dir / "parts").glob("coarse-*.parquet")))
    assert (parts["tile_right"] - parts["tile_left"]).to_numpy() == pytest.approx(2 * 256 * 3 * GSD_M)
    config = read_region(run_dir.parent / "r.toml")
    planned = plan.make_plan(config, device="cpu", threads=1)
    assert planned.coarse is not None
    assert (planned.coarse.grid.tile_px, planned.coarse.grid.overlap_px) == (512, 128)
    # The same CRS in the same words: part files and features tell it as text.
    assert planned.coarse.grid.crs.to_json() == planned.region.grid.crs.to_json()
    assert planned.n_looks == planned.n_tiles + 3 * len(planned.tile_numbers(coarse=True))


def test_ground_looked_at_twice_counts_once(run_dir: Path) -> None:
    report = json.loads((run_dir / "report.json").read_text())
    assert report["area_km2"] == pytest.approx(0.09, rel=1e-3)


def test_merging_again_gives_the_same_features(run_dir: Path) -> None:
    ids = list(read_vector(run_dir / "features.parquet")["feature_id"])
    assert main(["merge", str(run_dir)]) == 0
    assert list(read_vector(run_dir / "features.parquet")["feature_id"]) == ids
