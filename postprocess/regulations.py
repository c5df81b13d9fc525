"""Sizes that courts and pitches are built with, and which of them a measured size may be."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from postprocess.fitting import Array

SIZES_M: Final[Mapping[str, tuple[tuple[float, float], ...]]] = {
    "tennis_court": ((23.77, 10.97), (36.6, 18.3)),  # ITF Rules of Tennis: lines; with run-off
    "basketball_court": ((28.0, 15.0), (28.65, 15.24), (15.0, 14.0), (15.24, 14.33)),  # FIBA; NBA; halves of both
    "american_football_field": ((109.7, 48.8),),  # 120 x 53 1/3 yards
}
"""Length and width, the longer first. A soccer pitch may have any size from 90 x 45 to 120 x 90 m: none is drawn
to one (IFAB Laws of the Game, law 1)."""

TRACK_RADIUS_M: Final = (36.5, 46.26)
"""Inner edge and the outer edge of eight lanes of a standard 400 m track (World Athletics)."""

LAP_M: Final = 400.0
"""Length of a lap of a standard track, measured `KERB_TO_LAP_M` outside its inner edge (World Athletics)."""

KERB_TO_LAP_M: Final = 0.3

LANE_M: Final = 1.22
"""Width of a lane of a track (World Athletics)."""

SIZE_SIGMA_M: Final = 0.5
"""How far a built size is from the book's, as a standard deviation: surrounds and kerbs differ by decimetres."""

_GATE: Final = 3.0
"""A size this many standard deviations from the book's is another one."""


def sizes_of(label: str) -> Array | None:
    """Return the sizes of a label, (S, 2) in metres, or None."""
    sizes = SIZES_M.get(label)
    return None if sizes is None else np.array(sizes)


def nearest_size(size_m: Array, variance_m2: Array, known_m: Array) -> Array:
    """Return for each measured size the likeliest known one, in the same order of sides; NaN where none is near.

    Parameters
    ----------
    size_m : ndarray of shape (B, 2)
        Two sides, in any order.
    variance_m2 : ndarray of shape (B, 2)
        Of the measured sides.
    known_m : ndarray of shape (S, 2)

    Returns
    -------
    ndarray of shape (B, 2)
    """
    either = np.concatenate((known_m, known_m[:, ::-1]))
    off = (size_m[:, None] - either) / np.sqrt(variance_m2[:, None] + SIZE_SIGMA_M**2)
    worst = np.abs(off).max(axis=2)
    nearest = worst.argmin(axis=1)
    found = either[nearest]
    found[worst[np.arange(len(size_m)), nearest] > _GATE] = np.nan
    return found
