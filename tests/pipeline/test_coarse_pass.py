"""Labels too large for a tile are found in a coarser pass and only there; large objects of others there too."""

import dataclasses
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
HALL = shapely.box(30, 190, 110, 250)
SIGHT_PX = 100
"""What is wider comes in pieces, as from a network that was trained with smaller crops."""


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

    def detect(self, images: Sequence[NDArray[np.uint8]], wanted: object = None) -> list[Detections]:
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


class ShortSightedDetector(BrightDetector):
    """Sees red things of more than `SIGHT_PX` in pieces, and is less sure of these."""

    info = dataclasses.replace(BrightDetector.info, sha256="short-sighted-1", large_from_m2={"building": 500.0})

    def _one(self, image: NDArray[np.uint8]) -> Detections:
        found = super()._one(image)
        boxes, scores, masks = [], [], []
        for box, score, mask in zip(found.boxes, found.scores, found.masks, strict=True):
            columns = np.array_split(np.arange(mask.shape[1]), -(-mask.shape[1] // SIGHT_PX))
            for own in columns:
                boxes.append((box[0] + own[0], box[1], box[0] + own[-1] + 1, box[3]))
                scores.append(score if len(columns) == 1 else score - 0.2)
                masks.append(mask[:, own])
        return Detections(
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            labels=np.full(len(boxes), LABEL_IDS["building"], np.int64),
            scores=np.array(scores, np.float32),
            masks=tuple(masks),
        )


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return run(BrightDetector(), [TRACK], HOUSES, tmp_path, monkeypatch)


def run(
    detector: BrightDetector,
    tracks: list[shapely.Polygon],
    buildings: list[shapely.Polygon],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    monkeypatch.setattr(plan, "describe_detector", lambda spec: detector.info)
    monkeypatch.setattr(blocks, "worker_detector", lambda spec: detector)
    transform = Affine(GSD_M, 0, 500_000, 0, -GSD_M, 5_000_000)
    size = 1000

    def draw(shapes: list[shapely.Polygon]) -> NDArray[np.uint8]:
        placed = shapely.transform(np.array(shapes), lambda xy: xy * [1, -1] + [500_000, 5_000_000])
        return rasterize(list(placed), out_shape=(size, size), transform=transform, default_value=255).astype(
            np.uint8
        )

    red, blue = draw(buildings), draw(tracks) if tracks else np.zeros((size, size), np.uint8)
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


def test_a_hall_that_the_fine_pass_sees_in_pieces_is_one_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run(ShortSightedDetector(), [], [*HOUSES, HALL], tmp_path, monkeypatch)
    seen = [(path.name, gpd.read_parquet(path)) for path in sorted((out / "parts").glob("*.parquet"))]
    assert all(frame.area.min() >= 500 for name, frame in seen if name.startswith("coarse-") and len(frame))
    pieces = [row for name, frame in seen if not name.startswith("coarse-") for row in frame.area if row > 500]
    assert len(pieces) > 2  # or this test tests nothing
    features = read_vector(out / "features.parquet")
    assert len(features) == len(HOUSES) + 1
    truth = shapely.transform(HALL, lambda xy: xy * [1, -1] + [500_000, 5_000_000])
    best = features.iloc[int(features.area.to_numpy().argmax())]
    assert best.geometry.intersection(truth).area / best.geometry.union(truth).area > 0.9
    assert best["score"] == pytest.approx(0.9)
    # Its kept options and tiles say which parts are whose.
    assert main(["merge", str(out)]) == 0
    assert list(read_vector(out / "features.parquet")["feature_id"]) == list(features["feature_id"])
    for name in ("tiles.npy", "tiles_coarse.npy"):
        (out / name).unlink()
    assert main(["merge", str(out)]) == 0
    assert list(read_vector(out / "features.parquet")["feature_id"]) == list(features["feature_id"])


def test_without_large_ones_the_coarse_pass_is_left_out_where_no_label_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = run(ShortSightedDetector(), [], [HALL], tmp_path, monkeypatch)
    region = tmp_path / "r.toml"
    head = region.read_text()
    for model, passes in (("", 2), ('labels = ["building"]', 2), ('labels = ["building"]\nlarge = false', 1)):
        region.write_text(head.replace("[model]", f"[model]\n{model}"))
        planned = plan.make_plan(read_region(region, out=out), device="cpu", threads=1)
        assert len({task.coarse for task in planned.tasks}) == passes
    assert planned.large_from_m2 == {}


@pytest.mark.parametrize(
    ("model", "fine", "coarse"), [("", 0.5, 0.8), ("min_score = { building = 0.9 }", 0.9, 0.9)]
)
def test_large_objects_need_the_higher_of_both_thresholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, fine: float, coarse: float
) -> None:
    detector = ShortSightedDetector()
    detector.info = dataclasses.replace(detector.info, large_min_score={"building": 0.8})
    out = run(detector, [], [HALL], tmp_path, monkeypatch)
    region = tmp_path / "r.toml"
    region.write_text(region.read_text().replace("[model]", f"[model]\n{model}"))
    planned = plan.make_plan(read_region(region, out=out), device="cpu", threads=1)
    assert {(task.coarse, task.min_score["building"]) for task in planned.tasks} == {(False, fine), (True, coarse)}


def test_a_run_of_a_version_that_knew_no_large_objects_is_merged_as_before(run_dir: Path) -> None:
    ids = list(read_vector(run_dir / "features.parquet")["feature_id"])
    path = run_dir / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["coarse"]["tile_m"], manifest["coarse"]["large_from_m2"]
    path.write_text(json.dumps(manifest))
    assert main(["merge", str(run_dir)]) == 0
    assert list(read_vector(run_dir / "features.parquet")["feature_id"]) == ids
