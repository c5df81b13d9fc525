"""Places of chips -> which are trained on and which are kept for validation: contiguous ground, never random."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from groundplan.errors import ConfigError, DataError
from training.chips import Chip

MAX_CUTS = 400
"""Places tried for the cut; more would not move it noticeably."""
SHARED_GROUND = 0.25
"""Chips that share so much of the smaller one show the same ground; turned neighbours' bounds share a tenth."""


def split_ground(bounds: ArrayLike, weight: ArrayLike, *, val_share: float) -> list[str]:
    """Cut the ground once, across its longer side, so that about `val_share` of the weight lies beyond the cut.

    Neighbouring chips show the same streets, roofs and courts; one straight cut keeps all but the chips along it
    apart, which blocks strewn over the region would not.

    Parameters
    ----------
    bounds : array_like of shape (N, 4)
        Left, bottom, right, top of each chip, in any one unit.
    weight : array_like of shape (N,)
        What the share is counted in, such as objects.
    val_share : float
        0..1; 0 gives no validation chips.

    Returns
    -------
    list of str
        ``train`` below the cut, ``val`` beyond it (east or north), ``""`` for chips that lie across it: these
        must be left out.

    Raises
    ------
    ConfigError
        `val_share` is not in 0..1.

    Examples
    --------
    >>> split_ground([[0, 0, 1, 1], [1, 0, 2, 1], [2, 0, 3, 1]], [1, 1, 1], val_share=0.3)
    ['train', 'train', 'val']
    """
    if not 0 <= val_share <= 1:
        raise ConfigError(f"val_share={val_share} is no share; choose 0 to 1")
    box = np.asarray(bounds, float).reshape(-1, 4)
    heavy = np.asarray(weight, float)
    if val_share == 0 or len(box) < 2:
        return ["train"] * len(box)
    total = max(float(heavy.sum()), 1e-9)
    spans = box[:, 2:].max(axis=0) - box[:, :2].min(axis=0)
    axis = 0 if spans[0] >= spans[1] else 1
    low, high, slack = box[:, axis], box[:, axis + 2], 1e-6 * float(spans[axis])
    cuts = np.unique(low)
    cuts = cuts[np.unique(np.linspace(0, len(cuts) - 1, MAX_CUTS).astype(int))]

    def cost(cut: float) -> float:
        beyond, below = low >= cut - slack, high <= cut + slack
        lost = heavy[~beyond & ~below].sum() / total
        return float(abs(heavy[beyond].sum() / total - val_share) + lost)

    best = min(cuts.tolist(), key=cost)
    return [
        "val" if first >= best - slack else "train" if last <= best + slack else ""
        for first, last in zip(low, high, strict=True)
    ]


def check_splits(chips: Sequence[Chip]) -> None:
    """Refuse chips of which one to train on shows the same ground as one for validation.

    Only chips whose place is known can be told.

    Raises
    ------
    DataError
        Two such chips share more than a quarter of the smaller one.
    """
    placed = [chip for chip in chips if chip.bounds is not None]
    train, val = ([chip for chip in placed if chip.split == split] for split in ("train", "val"))
    if not train or not val:
        return
    ours, theirs = _boxes(train), _boxes(val)
    here, there = shapely.STRtree(theirs).query(ours, predicate="intersects")
    shared = shapely.area(shapely.intersection(ours[here], theirs[there]))
    smaller = np.minimum(shapely.area(ours[here]), shapely.area(theirs[there]))
    same = np.flatnonzero(shared > SHARED_GROUND * smaller)
    if len(same):
        one, other = train[here[same[0]]].path, val[there[same[0]]].path
        raise DataError(
            f"{one} is trained on and {other} is for validation, but both show the same ground ({len(same)} such "
            "pairs); make the chips of one place in one go, or leave one folder out"
        )


def _boxes(chips: Sequence[Chip]) -> NDArray[np.object_]:
    return np.asarray(shapely.box(*np.array([chip.bounds for chip in chips], float).T), dtype=object)
