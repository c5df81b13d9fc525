"""A region with truth -> figures of its polygons after the whole pipeline, which is what a user gets."""

from pathlib import Path
from typing import Any

import geopandas as gpd

from groundplan.errors import ConfigError
from groundplan.labels import LABELS
from groundplan.vector import read_vector, same_crs
from pipeline.config import read_region
from pipeline.lock import hold_folder
from pipeline.plan import Plan
from pipeline.run import RunOptions, plan_run, run_detect, run_merge
from pipeline.visible_truth import visible_truth
from postprocess.boundary import boundary_errors
from postprocess.score import score_features, unclear


def evaluate_region(path: Path, *, options: RunOptions, iou: float = 0.5) -> dict[str, Any]:
    """Detect and merge a region and compare its features with the truth that the file names.

    Returns
    -------
    dict
        As `postprocess.score.score_features`, with ``boundary_m`` of each label: mean, median and 95th percentile
        of the distances between matched outlines, in metres; and ``n_beyond``, how many true objects do not count
        because most of them lies beyond the imagery or the aoi (`pipeline.visible_truth`).

    Raises
    ------
    ConfigError
        The region file names no truth.
    """
    features, truth, n_beyond = features_and_truth(path, options=options)
    return {**polygon_figures(features, truth, iou=iou), "n_beyond": n_beyond}


def features_and_truth(path: Path, *, options: RunOptions) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, int]:
    """Detect and merge a region; return its FEATURES, the truth that its imagery shows, and how much is beyond.

    Raises
    ------
    ConfigError
        The region file names no truth.
    """
    config = read_region(path)
    if config.truth is None:
        raise ConfigError(f'{path} names no truth; add truth = "truth.geojson" with a column `label`')
    plan = plan_run(config, options)
    features = _features(plan, options)
    truth = same_crs(read_vector(config.truth), features.crs)
    return features, *visible_truth(truth, plan)


def run_region_features(path: Path, *, options: RunOptions) -> gpd.GeoDataFrame:
    """Detect and merge a region; return its FEATURES."""
    return _features(plan_run(read_region(path), options), options)


def _features(plan: Plan, options: RunOptions) -> gpd.GeoDataFrame:
    with hold_folder(plan.config.out):
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
