"""CHANGES, OSM features and chips in -> the page's data out, as plain lists that JSON can hold."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import ArrayLike, NDArray

from groundplan.crs import LON_LAT, check_metric, utm_crs
from groundplan.errors import SchemaError
from groundplan.records import Imagery
from groundplan.schema import CHANGES, STATUSES, check_frame
from groundplan.shown import shown_as
from groundplan.vector import same_crs
from review.chips import ChipInfo, plan_chips
from review.decisions import MAX_TEXT, REJECT_REASONS
from review.doubt import doubt
from review.nearby import nearby_objects, tag_pairs
from review.outlines import ground_origin, outline

FORM: Final = "groundplan-review/1"
"""Form of the page's data; the page refuses another."""

Frame = Literal["osm", "imagery"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """What the page needs to know besides the rows."""

    region: str = "region"
    """Name shown as the title."""
    crs: Any = None
    """The region's metric CRS; None = UTM of the centre."""
    offset_m: ArrayLike = (0.0, 0.0)
    """East, north: how far detections lie from OSM (detections minus OSM); shape (2,), or (n, 2) per row."""
    frame: Frame = "osm"
    """Frame the detections' geometries are in: ``osm`` = already moved by minus the offset."""


def metric_crs(changes: gpd.GeoDataFrame, crs: Any = None) -> Any:
    """Return the CRS given, or the UTM zone of the rows' centre."""
    if crs is not None:
        return check_metric(crs)
    bounds = same_crs(changes, LON_LAT).total_bounds
    if not np.isfinite(bounds).all():
        return utm_crs(0.0, 0.0)
    return utm_crs(float(bounds[0] + bounds[2]) / 2, float(bounds[1] + bounds[3]) / 2)


def page_data(
    changes: gpd.GeoDataFrame,
    osm: gpd.GeoDataFrame | None,
    *,
    chips: Mapping[str, ChipInfo],
    imagery: Imagery,
    options: PageOptions | None = None,
) -> dict[str, Any]:
    """Return everything the page shows.

    All coordinates are whole centimetres east and north of one origin in the metric CRS and in OSM's frame; a
    row's ``shift`` (metres) moves them to where the imagery shows the object, and a chip's six numbers turn
    metres into its pixels. So the page itself knows nothing of coordinate systems.

    Parameters
    ----------
    changes : GeoDataFrame
        CHANGES. Rows keep their order; ids must be unique.
    osm : GeoDataFrame, optional
        OSM_FEATURES; those on a chip are drawn there.
    chips : mapping of str to ChipInfo
        By change_id. A row without one is drawn on an empty ground.
    imagery : Imagery
        Provenance, shown and written into decisions.
    options : PageOptions, optional

    Raises
    ------
    SchemaError
        A frame lacks columns, an id comes twice, or a status is unknown.
    """
    opts = options or PageOptions()
    rows = check_frame(changes, CHANGES, what="changes")
    _check_rows(rows)
    crs = metric_crs(rows, opts.crs)
    metric = same_crs(rows, crs)
    shift = np.broadcast_to(np.asarray(opts.offset_m, np.float64), (len(rows), 2))
    geometries = _in_osm_frame(metric, shift, opts.frame)
    origin = ground_origin(geometries)
    outlines = [outline(shape, origin) for shape in geometries]
    placed = _placed(
        metric.set_geometry(gpd.GeoSeries(geometries, index=metric.index, crs=crs)), crs, shift, chips
    )
    nearby, table = nearby_objects(
        osm, placed, shifts=dict(zip(rows["change_id"], shift, strict=True)), crs=crs, origin=origin
    )
    wkt = shapely.to_wkt(same_crs(rows, LON_LAT).geometry.to_numpy(), rounding_precision=7, trim=False)
    doubts = doubt(rows)
    places = _places(rows)
    records = rows.drop(columns="geometry").to_dict("records")
    items = [
        _item(record, places[i], float(doubts[i]))
        | {
            "polygon": wkt[i] or "",
            "outline": outlines[i],
            "shift": [round(float(value), 2) for value in shift[i]],
            "chip": _chip(placed.get(record["change_id"]), origin),
            "near": nearby.get(record["change_id"], []),
        }
        for i, record in enumerate(records)
    ]
    return {
        "form": FORM,
        "region": opts.region,
        "imagery": _imagery(imagery),
        "reject_reasons": [[slug, text] for slug, text in REJECT_REASONS.items()],
        "osm": table,
        "changes": items,
    }


def _check_rows(rows: gpd.GeoDataFrame) -> None:
    if not rows["change_id"].is_unique:
        twice = rows["change_id"][rows["change_id"].duplicated()].iloc[0]
        raise SchemaError(f"changes has the id {twice!r} twice; give each row an id of its own")
    unknown = sorted(set(rows["status"]) - set(STATUSES))
    if unknown:
        raise SchemaError(f"changes has the status {unknown[0]!r}; statuses are {', '.join(STATUSES)}")


def _in_osm_frame(metric: gpd.GeoDataFrame, shift: NDArray[np.float64], frame: Frame) -> NDArray[np.object_]:
    geometries = metric.geometry.to_numpy()
    out = np.array(geometries, dtype=object)
    if frame == "osm":
        return out
    for i, (shape, status) in enumerate(zip(geometries, metric["status"], strict=True)):
        if shape is not None and status != "osm_only":  # those are OSM's own outlines, never moved
            out[i] = shapely.transform(shape, lambda xy, i=i: xy - shift[i])
    return out


def _placed(
    metric: gpd.GeoDataFrame, crs: Any, shift: NDArray[np.float64], chips: Mapping[str, ChipInfo]
) -> dict[str, ChipInfo]:
    bare = {
        plan.change_id: ChipInfo(
            path="", width_px=plan.width_px, height_px=plan.height_px, transform=plan.transform
        )
        for plan in plan_chips(metric, crs=crs, offset_m=shift)
        if plan.change_id not in chips
    }
    return {**bare, **chips}


def _chip(chip: ChipInfo | None, origin: tuple[float, float]) -> dict[str, Any] | None:
    if chip is None:
        return None
    a, b, c, d, e, f = chip.transform[:6]
    to_px = ~Affine(a, b, c - origin[0], d, e, f - origin[1])
    return {
        "src": chip.path,
        "size": [chip.width_px, chip.height_px],
        "to_px": [round(value, 7) for value in to_px[:6]],
    }


def _places(rows: gpd.GeoDataFrame) -> list[list[float] | None]:
    points = shapely.get_coordinates(
        shapely.centroid(same_crs(rows, LON_LAT).geometry.to_numpy()), include_z=False
    )
    if len(points) == len(rows):
        return [[round(float(lon), 6), round(float(lat), 6)] for lon, lat in points]
    centres = [shape.centroid if shape is not None and not shape.is_empty else None for shape in rows.geometry]
    return [None if at is None else [round(at.x, 6), round(at.y, 6)] for at in centres]


def _item(record: Mapping[Any, Any], place: list[float] | None, doubted: float) -> dict[str, Any]:
    numbers = ("score", "iou", "cov_det", "cov_osm", "nearest_m", "area_m2", "shape_residual")
    reasons = [str(reason) for reason in _list(record["reasons"])]
    elements = [_element(element) for element in _list(record["osm"])]
    return {
        "id": record["change_id"],
        "status": record["status"],
        "label": record["label"],
        "reasons": reasons,
        "tags": tag_pairs(record["tags"]),
        "osm": elements,
        "shown": shown_as(reasons, [element["ref"] for element in elements]),
        "shape": record["shape"],
        "review": record["review"],
        "proposal": record["proposal"],
        "qa": [str(note) for note in _list(record["qa"])],
        "doubt": doubted,
        "at": place,
    } | {name: _number(record[name]) for name in numbers}


def _element(element: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ref": f"{element.get('type')}/{element.get('id')}",
        "version": element.get("version") or None,
        "timestamp": str(element.get("timestamp") or ""),
    }


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | np.ndarray) else []


def _number(value: Any) -> float | None:
    number = float(value)
    return round(number, 3) if math.isfinite(number) else None


def _imagery(imagery: Imagery) -> dict[str, str]:
    return {
        # As decisions.jsonl holds it: with any other, no decision could be saved.
        "id": "".join(each if each.isprintable() else " " for each in imagery.id)[:MAX_TEXT],
        "date": imagery.date.isoformat() if imagery.date else "",
        "licence": imagery.licence,
        "attribution": imagery.attribution,
    }
