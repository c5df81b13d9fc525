"""Objects of one label that two passes found -> which of them stand: the finer outlines, or one large whole."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from postprocess.polygonal import Geometries

_SAME_IOU: Final = 0.5
"""From this IoU on, both passes saw one object, and the finer one drew it."""
_PIECE_SHARE: Final = 0.5
"""An object of which more lies inside a large one is a piece of it, or the large one is none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """What one pass found of one label."""

    geometry: Geometries
    """(N,) polygons."""
    score: NDArray[np.float64]
    """(N,), 0..1."""


def whole_or_pieces(fine: Found, large: Found) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which objects of a fine pass stand beside large ones of a coarse pass, and which of those stand.

    A hall is wider than what a network sees of a fine tile at once, and comes in pieces; in a coarse pass it is an
    object like others. But a row of houses may look like one there. Large objects are taken by score, then area.
    One stands unless the fine pass has the same object, or still larger ones on its ground, or pieces that are
    surer in the mean; where it stands, its pieces go.

    Parameters
    ----------
    fine, large : Found
        Objects of one label from the two passes.

    Returns
    -------
    tuple of ndarray of bool, of shapes (F,) and (L,)
        Of the F fine objects and of the L large ones.
    """
    stands, taken = np.ones(len(fine.geometry), dtype=bool), np.zeros(len(large.geometry), dtype=bool)
    if len(stands) == 0 or len(taken) == 0:
        return stands, ~taken
    place, piece = shapely.STRtree(fine.geometry).query(large.geometry, predicate="intersects")
    shared = np.asarray(shapely.area(shapely.intersection(large.geometry[place], fine.geometry[piece])))
    area, piece_area = np.asarray(shapely.area(large.geometry)), np.asarray(shapely.area(fine.geometry))
    # By outline after area: the order of the rows must not matter.
    order = np.lexsort((*shapely.bounds(large.geometry).T, -area, -large.score))
    for one in order.tolist():
        here = (place == one) & stands[piece]
        others, m2 = piece[here], shared[here]
        same = m2 >= _SAME_IOU * (area[one] + piece_area[others] - m2)
        is_piece = m2 > _PIECE_SHARE * piece_area[others]
        inside = others[is_piece]
        taken[one] = not (
            same.any()
            or (m2 > _PIECE_SHARE * area[one]).any()
            # Larger ones on its ground: with it, that would be drawn twice.
            or m2[~is_piece].sum() > _PIECE_SHARE * area[one]
            or (len(inside) > 0 and large.score[one] < fine.score[inside].mean())
        )
        if taken[one]:
            stands[inside] = False
    return stands, taken
