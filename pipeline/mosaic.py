"""A region with truth -> figures of its polygons after the whole pipeline, which is what a user gets."""

from pathlib import Path
from typing import Any

import geopandas as gpd

from groundplan.errors import ConfigError
from groundplan.labels import LABELS
from groundplan.vector import read_vector, same_crs
from pipeline.config import RegionConfig, read_region
from pipeline.lock import hold_folder
from pipeline.run import RunOptions, plan_run, run_detect, run_merge
from postprocess.boundary import boundary_errors
from postprocess.score import score_features, unclear


def evaluate_region(path: Path, *, options: RunOptions, iou: float = 0.5) -> dict[str, Any]:
    """Detect and merge a region and compare its features with the truth that the file names.

    Returns
    -------
    dict
        As `postprocess.score.score_features`, with ``boundary_m`` of each label: mean, median and 95th percentile
        of the distances between matched outlines, in metres.

    Raises
    ------
    ConfigError
        The region file names no truth.
    """
    config = read_region(path)
    if config.truth is None:
        raise ConfigError(f'{path} names no truth; add truth = "truth.geojson" with a column `label`')
    features = _features(config, options)
    truth = same_crs(read_vector(config.truth), features.crs)
    return polygon_figures(features, truth, iou=iou)


def run_region_features(path: Path, *, options: RunOptions) -> gpd.GeoDataFrame:
    """Detect and merge a region; return its FEATURES."""
    return _features(read_region(path), options)


def _features(config: RegionConfig, options: RunOptions) -> gpd.GeoDataFrame:
    plan = plan_run(config, options)
    with hold_folder(config.out):
        run_detect(plan, options)
        return run_merge(plan, options)


def polygon_figures(features: gpd.GeoDataFrame, truth: gpd.GeoDataFrame, *, iou: float = 0.5) -> dict[str, Any]:
    """Return precision, recall, F1, IoU and boundary error per label; both frames in one metric CRS."""
    out = score_features(features, truth, iou=iou)
    truth = truth[~unclear(truth)]
    for label, of in out["labels"].items():
        if label in LABELS:
            of["boundary_m"] = boundary_errors(
                features[features["label"] == label], truth[truth["label"] == label], iou=iou
            )
    return out
