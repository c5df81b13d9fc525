"""Judged detections of a label -> the threshold that gives a wanted precision, and the scores' calibration."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.calibration import calibrated, log_odds
from detection.weights import WeightsRecord
from training.evaluate import Evidence

MIN_EVIDENCE = 20
"""Detections above the threshold without which a precision says nothing: of 20, one wrong one is 5 %."""
MIN_EACH = 5
"""Right and wrong detections that a calibration needs, each."""
MAX_SLOPE = 20.0
"""Steeper means that right and wrong are apart anyway, and a few more detections would change it at will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """What a score has to reach, and what that was taken from."""

    score: float
    """Smallest score that is kept."""
    n_found: int
    """Detections that reach it."""
    precision: float
    recall: float
    """Of the true objects, at this score."""


def smallest_threshold(
    evidence: Evidence, *, precision: float = 0.95, min_evidence: int = MIN_EVIDENCE
) -> Threshold | None:
    """Return the smallest score above which so many detections are right.

    Parameters
    ----------
    evidence : Evidence
    precision : float
        Wanted share of right detections, 0..1.
    min_evidence : int
        Fewest detections above the threshold.

    Returns
    -------
    Threshold or None
        None where no score with enough detections above it has this precision. The threshold lies midway
        between the last score kept and the next below.

    Examples
    --------
    >>> seen = Evidence(score=np.array([0.9, 0.8, 0.4]), correct=np.array([True, True, False]), n_truth=4)
    >>> smallest_threshold(seen, min_evidence=2)
    Threshold(score=0.6, n_found=2, precision=1.0, recall=0.5)
    """
    order = np.argsort(-evidence.score, kind="stable")
    score, right = evidence.score[order], np.cumsum(evidence.correct[order])
    count = np.arange(1, len(score) + 1)
    # Only places where the score changes can be cut at.
    last_of_score = np.r_[score[1:] != score[:-1], True] if len(score) else np.zeros(0, bool)
    good = (right >= precision * count - 1e-9) & (count >= min_evidence) & last_of_score
    if not good.any():
        return None
    at = int(np.flatnonzero(good)[-1])
    below = float(score[at + 1]) if at + 1 < len(score) else 0.0
    return Threshold(
        score=_between(below, float(score[at])),
        n_found=int(count[at]),
        precision=round(float(right[at] / count[at]), 4),
        recall=round(float(right[at] / evidence.n_truth), 4) if evidence.n_truth else 0.0,
    )


def _between(below: float, above: float) -> float:
    """Return a short number above `below` and not above `above`."""
    for decimals in range(2, 8):
        middle = round((below + above) / 2, decimals)
        if below < middle <= above:
            return middle
    return above


def fit_calibration(evidence: Evidence) -> tuple[float, float] | None:
    """Return slope and shift that turn scores into the share of right detections.

    Returns
    -------
    tuple of float or None
        None with fewer than five right or five wrong detections.

    Notes
    -----
    Logistic regression on the score's log odds by Newton's method, with Platt's targets, which keep the fit
    finite where right and wrong are apart.

    References
    ----------
    Platt 1999, "Probabilistic outputs for support vector machines"; Lin, Lin and Weng 2007,
    https://doi.org/10.1007/s10994-007-5018-6.
    """
    n_right = int(evidence.correct.sum())
    n_wrong = len(evidence.correct) - n_right
    if min(n_right, n_wrong) < MIN_EACH:
        return None
    x = log_odds(evidence.score)
    target = np.where(evidence.correct, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))
    slope, shift = _logistic(x, target)
    # A slope that is not positive would turn the order of scores around: they say nothing then.
    if not slope > 0:
        return None
    return round(min(slope, MAX_SLOPE), 5), round(shift, 5)


def _logistic(x: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float]:
    design = np.column_stack((x, np.ones_like(x)))
    weights = np.array([1.0, float(np.log(target.mean() / (1 - target.mean())) - x.mean())])
    loss = _loss(design @ weights, target)
    for _ in range(100):
        p = 1 / (1 + np.exp(-(design @ weights)))
        gradient = design.T @ (p - target)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        scale = 1.0
        while scale > 1e-6 and _loss(design @ (weights - scale * step), target) > loss + 1e-12:
            scale /= 2
        weights = weights - scale * step
        new = _loss(design @ weights, target)
        if loss - new < 1e-10:
            break
        loss = new
    return float(weights[0]), float(weights[1])


def _loss(z: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    return float(np.sum(np.logaddexp(0, z) - target * z))


def calibration_error(evidence: Evidence, calibration: tuple[float, float] | None, *, n_bins: int = 10) -> float:
    """Return the mean distance between scores and the share that is right, over bins of the score, by count."""
    if len(evidence.score) == 0:
        return 0.0
    score = evidence.score if calibration is None else calibrated(evidence.score, *calibration)
    bins = np.minimum((score * n_bins).astype(int), n_bins - 1)
    apart = [
        (bins == number).sum() * abs(score[bins == number].mean() - evidence.correct[bins == number].mean())
        for number in np.unique(bins)
    ]
    return round(float(np.sum(apart) / len(score)), 4)


def with_thresholds(record: WeightsRecord, measured: Mapping[str, dict[str, Any]]) -> WeightsRecord:
    """Return a weights record with what was measured on detections made with it.

    A label without a threshold keeps the one it had, in the units of its new calibration; a label that was
    calibrated before is calibrated on top of that.

    Parameters
    ----------
    record : WeightsRecord
    measured : mapping
        Label -> as `measure_label`.
    """
    min_score, calibration = dict(record.min_score), dict(record.calibration)
    neighbours = dict(record.neighbours)
    for label, of in measured.items():
        fitted = of["calibration"]
        if fitted is not None:
            slope, shift = calibration.get(label, (1.0, 0.0))
            calibration[label] = (fitted[0] * slope, fitted[0] * shift + fitted[1])
            if label in neighbours:
                neighbours[label] *= fitted[0]
            min_score[label] = round(float(calibrated(np.array([min_score[label]]), *fitted)[0]), 4)
        if of["threshold"] is not None:
            min_score[label] = of["threshold"]["score"]
    return replace(
        record,
        min_score=min_score,
        calibration=calibration,
        neighbours=neighbours,
        validation={**record.validation, **measured},
    )


def measure_label(evidence: Evidence, *, precision: float) -> dict[str, Any]:
    """Return everything that is stored with the weights for one label.

    Returns
    -------
    dict
        ``n_truth``, ``n_found``; ``threshold`` (None or the fields of `Threshold`, in the units of the calibrated
        score); ``calibration`` (None or slope and shift); ``calibration_error`` before and after.
    """
    fitted = fit_calibration(evidence)
    score = evidence.score if fitted is None else calibrated(evidence.score, *fitted)
    judged = Evidence(score=np.asarray(score), correct=evidence.correct, n_truth=evidence.n_truth)
    threshold = smallest_threshold(judged, precision=precision)
    return {
        "n_truth": evidence.n_truth,
        "n_found": len(evidence.score),
        "threshold": None if threshold is None else asdict(threshold),
        "calibration": None if fitted is None else list(fitted),
        "calibration_error": [calibration_error(evidence, None), calibration_error(evidence, fitted)],
    }
