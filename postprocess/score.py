"""Polygons and the true polygons -> precision, recall, F1 and mean IoU for each label."""

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import check_metric, check_same_crs
from groundplan.errors import ConfigError, SchemaError
from groundplan.labels import LABELS
from postprocess.polygonal import Geometries, geometry_array, polygonal


def score_features(features: gpd.GeoDataFrame, truth: gpd.GeoDataFrame, *, iou: float = 0.5) -> dict[str, Any]:
    """Compare features with the truth, label by label.

    Features take turns by score, the best first; each takes the free true object with which it has the highest
    IoU, when that reaches `iou`. No object is matched twice.

    Parameters
    ----------
    features : GeoDataFrame
        Column `label`, and `score` where there is one (else all count the same).
    truth : GeoDataFrame
        Column `label`; same metric CRS. Where a column `ignore` is true, nobody could tell what is there: such
        an outline need not be found, and a feature without a match that lies in it for the greater part is not
        counted.
    iou : float
        Lowest IoU of a match, above 0 up to 1.

    Returns
    -------
    dict
        ``{"iou": iou, "labels": {label: figures}, "all": figures}``; figures are `n_features`, `n_truth`,
        `n_matched`, `precision`, `recall`, `f1` (0..1, None where nothing is there to count) and
        `mean_iou` of the matched (None without any). Labels stand in their usual order.

    Raises
    ------
    SchemaError
        A frame has no column `label`.
    CRSMismatchError, CRSError
        The frames have different CRS, or it does not measure in metres.
    ConfigError
        `iou` is out of range.

    Examples
    --------
    >>> square = gpd.GeoDataFrame({"label": ["building"]}, geometry=[shapely.box(0, 0, 9, 9)], crs=32632)
    >>> score_features(square, square)["all"]["f1"]
    1.0
    """
    if not 0 < iou <= 1:
        raise ConfigError(f"iou={iou} is out of range; choose above 0 and up to 1")
    for frame, what in ((features, "features"), (truth, "truth")):
        if "label" not in frame.columns:
            raise SchemaError(f"{what} have no column label; add one with the labels {', '.join(LABELS)}")
    check_same_crs(features, truth)
    check_metric(features.crs)
    apart = unclear(truth)
    doubtful, truth = truth[apart], truth[~apart]
    found_labels, true_labels = features["label"].to_numpy(dtype=object), truth["label"].to_numpy(dtype=object)
    found = polygonal(geometry_array(features.geometry.to_numpy()))
    true = polygonal(geometry_array(truth.geometry.to_numpy()))
    regions = polygonal(geometry_array(doubtful.geometry.to_numpy()))
    score = features["score"].to_numpy(dtype=np.float64) if "score" in features.columns else np.ones(len(found))
    present = set(found_labels) | set(true_labels)
    names = [label for label in LABELS if label in present] + sorted(map(str, present - set(LABELS)))
    labels: dict[str, Any] = {}
    counts: list[tuple[int, int, list[float]]] = []
    for label in names:
        ours, theirs = found_labels == label, true_labels == label
        first, _, matched = match_pairs(found[ours], score[ours], true[theirs], iou=iou)
        rest = np.delete(found[ours], first)
        n_unclear = _inside(rest, regions[doubtful["label"].to_numpy(dtype=object) == label])
        counts.append((int(ours.sum()) - n_unclear, int(theirs.sum()), matched.tolist()))
        labels[label] = _figures(*counts[-1])
    n_found, n_true = sum(n for n, _, _ in counts), sum(n for _, n, _ in counts)
    every = [value for _, _, matched in counts for value in matched]
    return {"iou": iou, "labels": labels, "all": _figures(n_found, n_true, every)}


def unclear(truth: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Return which true objects are only places where nobody could tell (column `ignore`), shape (N,)."""
    if "ignore" not in truth.columns:
        return np.zeros(len(truth), bool)
    return truth["ignore"].eq(True).to_numpy(dtype=bool)


def _inside(shapes: Geometries, regions: Geometries) -> int:
    """Return how many shapes lie in regions for the greater part."""
    if len(shapes) == 0 or len(regions) == 0:
        return 0
    within = shapely.area(shapely.intersection(shapes, shapely.union_all(regions)))
    return int((within > 0.5 * shapely.area(shapes)).sum())


def match_pairs(
    found: Geometries, score: NDArray[np.float64], true: Geometries, *, iou: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the positions of the matched and their IoU, in the order of matching; see `score_features`."""
    if len(found) == 0 or len(true) == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    here, there = shapely.STRtree(true).query(found, predicate="intersects")
    shared = np.asarray(shapely.area(shapely.intersection(found[here], true[there])))
    value = shared / (shapely.area(found[here]) + shapely.area(true[there]) - shared)
    good = value >= iou
    here, there, value = here[good], there[good], value[good]
    order = np.lexsort((there, -value, here, -score[here]))
    used_here: set[int] = set()
    used_there: set[int] = set()
    matched = []
    for place in order:
        a, b = int(here[place]), int(there[place])
        if a not in used_here and b not in used_there:
            used_here.add(a)
            used_there.add(b)
            matched.append(place)
    chosen = np.array(matched, np.intp)
    return here[chosen], there[chosen], value[chosen]


def _figures(n_found: int, n_true: int, matched: list[float]) -> dict[str, Any]:
    n_matched = len(matched)
    return {
        "n_features": n_found,
        "n_truth": n_true,
        "n_matched": n_matched,
        "precision": n_matched / n_found if n_found else None,
        "recall": n_matched / n_true if n_true else None,
        "f1": 2 * n_matched / (n_found + n_true) if n_found + n_true else None,
        "mean_iou": float(np.mean(matched)) if matched else None,
    }
