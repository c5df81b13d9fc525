"""A scene and the shipped weights -> features as SAHI finds them, and as a loop that a user would write does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import rasterio.features
import shapely
import torch
from rasterio.windows import Window
from torch import nn
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from detection.calibration import calibrate_scores
from detection.model import build_model
from detection.neighbours import REACH_M, neighbour_lift
from detection.weights import WeightsRecord, load_into, read_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all of them share."""

    scene: Path
    tile_px: int
    overlap_px: int
    names: tuple[str, ...]
    """Label of each of the network's outputs, from 1."""
    min_score: Mapping[str, float]
    """Labels that are wanted, and from which calibrated score."""
    record: WeightsRecord
    """Of the weights."""


class PlainMaskRcnn(nn.Module):
    """torchvision's own network, masks pasted into the tile; scores calibrated as ours are."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        # SAHI looks here to know whether there are masks.
        self.roi_heads = model.roi_heads
        self.settings: Settings | None = None

    def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        """Return what torchvision does, without what is not wanted."""
        assert self.settings is not None
        out = []
        for image, found in zip(images, self.model(images), strict=True):
            labels = found["labels"].numpy()
            raw, boxes = found["scores"].numpy(), found["boxes"].numpy()
            names, record = self.settings.names, self.settings.record
            lift = neighbour_lift(
                boxes,
                raw,
                labels,
                names=names,
                weights=record.neighbours,
                reach_px=REACH_M / record.gsd_m,
                seen=image.numpy().any(axis=0),
            )
            scores = calibrate_scores(raw, labels, names=names, table=record.calibration, lift=lift)
            least = [np.inf, *(self.settings.min_score.get(name, np.inf) for name in self.settings.names)]
            keep = torch.from_numpy(scores >= np.array(least)[labels])
            found = found | {"scores": torch.from_numpy(scores)}
            out.append({name: values[keep] for name, values in found.items()})
        return out


def torchvision_model(path: Path, *, tile_px: int, memory_format: torch.memory_format) -> PlainMaskRcnn:
    """Return the weights in torchvision's GeneralizedRCNN, with torchvision's own transform and pasting."""
    weights = read_weights(path)
    model = build_model(weights.spec)
    load_into(model, weights)
    old = model.transform
    model.transform = GeneralizedRCNNTransform(tile_px, tile_px, old.image_mean, old.image_std, size_divisible=32)
    return PlainMaskRcnn(model.eval().to(memory_format=memory_format))


def windows(settings: Settings, width: int, height: int) -> list[Window]:
    """Return windows of one size that overlap; the last ones end with the scene."""
    side, stride = settings.tile_px, settings.tile_px - settings.overlap_px
    cols = [*range(0, width - side, stride), width - side]
    rows = [*range(0, height - side, stride), height - side]
    return [Window(col, row, side, side) for row in rows for col in cols]


def users_loop(model: PlainMaskRcnn, settings: Settings) -> gpd.GeoDataFrame:
    """Read windows, predict, trace every pasted mask, and dissolve what touches, label by label."""
    model.settings = settings
    rows = []
    with rasterio.open(settings.scene) as scene, torch.inference_mode():
        crs = scene.crs
        for window in windows(settings, scene.width, scene.height):
            image = torch.from_numpy(scene.read([1, 2, 3], window=window)).float() / 255
            (found,) = model([image])
            transform = scene.window_transform(window)
            for mask, label, score in zip(found["masks"], found["labels"], found["scores"], strict=True):
                binary = (mask[0] > 0.5).numpy().astype(np.uint8)
                for outline, value in rasterio.features.shapes(binary, mask=binary == 1, transform=transform):
                    if value:
                        rows.append(
                            {
                                "label": settings.names[int(label) - 1],
                                "score": float(score),
                                "geometry": shapely.geometry.shape(outline),
                            }
                        )
    frame = gpd.GeoDataFrame(rows, columns=["label", "score", "geometry"], geometry="geometry", crs=crs)
    merged = []
    for label, group in frame.groupby("label"):
        whole = group[["geometry"]].dissolve().explode(index_parts=False)
        joined = gpd.sjoin(whole.reset_index(drop=True), group[["score", "geometry"]], predicate="intersects")
        scores = joined.groupby(level=0)["score"].max()
        merged.append(whole.reset_index(drop=True).assign(label=label, score=scores))
    out = pd.concat(merged, ignore_index=True) if merged else frame
    out = gpd.GeoDataFrame(out, geometry="geometry", crs=crs)
    return out.assign(geometry=out.geometry.simplify(0.3))


def sahi_features(model: PlainMaskRcnn, settings: Settings) -> gpd.GeoDataFrame:
    """Find the objects with SAHI's sliced prediction and its default merging, and place their outlines."""
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    model.settings = settings
    detector = AutoDetectionModel.from_pretrained(
        model_type="torchvision",
        model=model,
        # Lower scores are gone already; below 0.1, SAHI would not merge but only suppress.
        confidence_threshold=0.1,
        category_mapping={str(number + 1): name for number, name in enumerate(settings.names)},
        device="cpu",
        load_at_init=True,
    )
    with rasterio.open(settings.scene) as scene:
        image = np.ascontiguousarray(scene.read([1, 2, 3]).transpose(1, 2, 0))
        transform, crs = scene.transform, scene.crs
    share = settings.overlap_px / settings.tile_px
    with torch.inference_mode():
        result = get_sliced_prediction(
            image,
            detector,
            slice_height=settings.tile_px,
            slice_width=settings.tile_px,
            overlap_height_ratio=share,
            overlap_width_ratio=share,
            perform_standard_pred=False,
            verbose=0,
        )
    rows = []
    for found in result.object_prediction_list:
        rings = [np.array(ring).reshape(-1, 2) for ring in found.mask.segmentation] if found.mask else []
        shapes = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings if len(ring) > 3]
        if not shapes:
            continue
        outline = shapely.union_all(shapes)
        placed = shapely.transform(
            outline, lambda xy: xy * [transform.a, transform.e] + [transform.c, transform.f]
        )
        rows.append({"label": found.category.name, "score": float(found.score.value), "geometry": placed})
    return gpd.GeoDataFrame(rows, columns=["label", "score", "geometry"], geometry="geometry", crs=crs)
