"""CHANGES rows -> how doubtful each is, 0 to 1: what a reviewer should look at first."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

REVIEW_DOUBT = 0.3
"""Weight of status ``review``: the comparison already found a reason to ask a person."""
SHAPE_DOUBT = 0.5
"""Weight of an outline that fits its model badly, reached at `RESIDUAL_M`."""
RESIDUAL_M = 2.0
"""Fit residual at which an outline counts as wholly doubtful, in metres: OSM mappers redraw at about that."""
OVERLAP_DOUBT = 0.5
"""Weight of an overlap with something mapped that was too small to be a match."""


def doubt(changes: pd.DataFrame) -> NDArray[np.float64]:
    """Return each row's doubt.

    Four independent doubts are joined as one minus the product of their complements (a noisy or), so that
    one strong doubt is enough and several weak ones add up: low score, status ``review``, a bad fit, and an
    overlap with a mapped object. Unknown values (NaN) give no doubt. Rows without a detection get 0.

    Parameters
    ----------
    changes : DataFrame
        With the columns score, status, shape_residual, cov_det, cov_osm, feature_id.

    Returns
    -------
    ndarray of shape (len(changes),), dtype float64
        Rounded to three decimals.

    Examples
    --------
    >>> rows = {"score": [0.9, 0.9], "status": ["new", "review"], "shape_residual": [0.0, 0.0]}
    >>> rows |= {"cov_det": [0.0, 0.0], "cov_osm": [0.0, 0.0], "feature_id": ["f-1", "f-2"]}
    >>> doubt(pd.DataFrame(rows)).tolist()
    [0.1, 0.37]
    """

    def ratio(values: pd.Series) -> NDArray[np.float64]:
        return np.clip(np.nan_to_num(values.to_numpy(np.float64), nan=0.0), 0.0, 1.0)

    score = np.clip(np.nan_to_num(changes["score"].to_numpy(np.float64), nan=1.0), 0.0, 1.0)
    review = (changes["status"] == "review").to_numpy(np.float64)
    unmatched = changes["status"].isin(["new", "review"]).to_numpy(np.float64)
    overlap = np.maximum(ratio(changes["cov_det"]), ratio(changes["cov_osm"])) * unmatched
    sure = (
        score
        * (1 - REVIEW_DOUBT * review)
        * (1 - SHAPE_DOUBT * ratio(changes["shape_residual"] / RESIDUAL_M))
        * (1 - OVERLAP_DOUBT * overlap)
    )
    detected = (changes["feature_id"] != "").to_numpy(np.float64)
    return np.round((1 - sure) * detected, 3)
