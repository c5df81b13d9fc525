"""OSM features and chips -> which mapped objects to draw on which chip, each object written once."""

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.schema import OSM_FEATURES, check_frame
from groundplan.vector import same_crs
from review.chips import ChipInfo, ground_point
from review.outlines import outline

MAX_NEARBY = 60
"""OSM objects drawn on one chip at most: a dense town has hundreds, which would hide the imagery."""


def nearby_objects(
    osm: gpd.GeoDataFrame | None,
    chips: Mapping[str, ChipInfo],
    *,
    shifts: Mapping[str, NDArray[np.float64]],
    crs: Any,
    origin: tuple[float, float],
) -> tuple[dict[str, list[int]], list[dict[str, Any]]]:
    """Return the OSM objects on each chip, nearest to its centre first, and the table of those objects.

    Parameters
    ----------
    osm : GeoDataFrame, optional
        OSM_FEATURES.
    chips : mapping of str to ChipInfo
        By change_id, in the imagery's frame.
    shifts : mapping of str to ndarray of shape (2,)
        By change_id: metres east and north from OSM's frame to the imagery's.
    crs : Any
        Metric CRS of the chips.
    origin : tuple of float
        As `review.outlines.outline`.

    Returns
    -------
    tuple
        Row numbers of the table by change_id (at most `MAX_NEARBY` each), and the table: ref, label, tags,
        outline. Both empty without OSM.

    Raises
    ------
    SchemaError
        The frame is no OSM_FEATURES.
    """
    shown = [change_id for change_id in shifts if change_id in chips]
    if osm is None or osm.empty or not shown:
        return {}, []
    metric = same_crs(check_frame(osm, OSM_FEATURES, what="osm"), crs)
    geometries = metric.geometry.to_numpy()
    boxes = np.array([_ground(chips[change_id], shifts[change_id]) for change_id in shown], dtype=object)
    box_at, osm_at = shapely.STRtree(geometries).query(boxes, predicate="intersects")
    far = shapely.distance(shapely.centroid(boxes[box_at]), geometries[osm_at])
    numbers: dict[int, int] = {}
    nearby: dict[str, list[int]] = {}
    for at in np.lexsort((osm_at, far, box_at)):
        mine = nearby.setdefault(shown[box_at[at]], [])
        if len(mine) < MAX_NEARBY:
            mine.append(numbers.setdefault(int(osm_at[at]), len(numbers)))
    rows = metric.iloc[list(numbers)].drop(columns="geometry").to_dict("records")
    table = [
        {
            "ref": f"{row['osm_type']}/{row['osm_id']}",
            "label": row["label"],
            "tags": tag_pairs(row["tags"]),
            "outline": outline(geometries[at], origin),
        }
        for at, row in zip(numbers, rows, strict=True)
    ]
    return nearby, table


def tag_pairs(tags: Mapping[str, str] | None) -> list[list[str]]:
    """Return tags as sorted pairs of texts.

    Pairs, not an object: a tag called ``__proto__`` must stay data when a script reads it.

    Examples
    --------
    >>> tag_pairs({"sport": "tennis", "leisure": "pitch"})
    [['leisure', 'pitch'], ['sport', 'tennis']]
    """
    return [[str(key), str(value)] for key, value in sorted(dict(tags or {}).items())]


def _ground(chip: ChipInfo, shift: NDArray[np.float64]) -> Any:
    w, h = chip.width_px, chip.height_px
    corners = [ground_point(chip.transform, *corner) for corner in ((0, 0), (w, 0), (w, h), (0, h))]
    return shapely.Polygon([(x - shift[0], y - shift[1]) for x, y in corners])
