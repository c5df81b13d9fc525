"""A network's scores and a table measured on validation data -> probabilities."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Calibration: TypeAlias = Mapping[str, tuple[float, float]]
"""Label -> slope and shift of the logistic; a label that is missing keeps its scores."""

MARGIN = 1e-6
"""Scores are kept this far from 0 and 1, where the logarithm of the odds has no value."""


def log_odds(score: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return ln(p / (1 - p)), finite for scores of 0 and 1."""
    inside = np.clip(np.asarray(score, np.float64), MARGIN, 1 - MARGIN)
    return np.asarray(np.log(inside / (1 - inside)))


def calibrated(
    score: NDArray[np.floating], slope: float, shift: float, lift: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """Return the share of detections of each score that are right.

    Parameters
    ----------
    score : ndarray of shape (N,), 0..1
        Of one label.
    slope, shift : float
        Of the logistic in the score's log odds (Platt 1999); 1 and 0 change nothing. The slope is above 0, so
        the order of scores stays where none is lifted.
    lift : ndarray of shape (N,), optional
        Added to the log odds of each.

    Examples
    --------
    >>> calibrated(np.array([0.2, 0.5]), 1.0, 0.0).round(6).tolist()
    [0.2, 0.5]
    """
    return np.asarray(1 / (1 + np.exp(-(slope * log_odds(score) + shift + lift))))


def calibrate_scores(
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    names: tuple[str, ...],
    table: Calibration,
    lift: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the scores of a tile's detections as probabilities, in their order.

    Parameters
    ----------
    scores : ndarray of shape (N,)
    labels : ndarray of shape (N,)
        Ids that count `names` from 1.
    names : tuple of str
    table : mapping
    lift : ndarray of shape (N,)
        Added to their log odds: of `detection.neighbours`.
    """
    out = scores.astype(np.float32)
    for number, name in enumerate(names, start=1):
        own = labels == number
        if own.any() and (name in table or lift[own].any()):
            out[own] = calibrated(scores[own], *table.get(name, (1.0, 0.0)), lift[own])
    return out
