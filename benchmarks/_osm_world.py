"""A real extract -> the same without some isolated buildings, and its buildings as a detector would see them."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import osmium
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.records import Imagery
from osm.read import read_osm

CRS = "EPSG:32632"
IMAGERY = Imagery(id="planted", date=dt.date(2024, 6, 1), licence="CC0-1.0")
WHOLE = (9.475, 47.05, 9.63, 47.265)
"""Liechtenstein without the margins at which the extract ends."""
MIDDLE = (9.5015, 47.2, 9.567, 47.2445)
"""Five kilometres around Schaan and Eschen, with 6,000 buildings."""
MARGIN_DEG = 0.003

Field = Literal["shift", "rotated", "wavy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """An extract that lacks known buildings."""

    path: Path
    """The extract without them."""
    shapes: NDArray[np.object_]
    """All buildings that were mapped as ways, in `CRS`."""
    taken: NDArray[np.int64]
    """Positions of those that were taken out."""


def plant(source: Path, path: Path, *, n_taken: int = 200, window: tuple[float, ...] = WHOLE) -> Planted:
    """Write the part of an extract inside a window of degrees, without `n_taken` isolated buildings."""
    frame = read_osm(source).frame()
    area = shapely.box(*window)
    shapes = transform_geometries(frame.geometry.to_numpy(), source=LON_LAT, target=CRS)
    houses = ((frame["role"] == "area") & (frame["label"] == "building") & (frame["osm_type"] == "way")).to_numpy()
    inside = shapely.contains_properly(area, frame.geometry.to_numpy())
    near = shapely.STRtree(shapes).query(shapes[houses], predicate="dwithin", distance=5.0)[0]
    size = shapely.area(shapes[houses])
    alone = (np.bincount(near, minlength=houses.sum()) == 1) & (size > 40) & (size < 2000) & inside[houses]
    taken = np.random.default_rng(7).choice(np.flatnonzero(alone), n_taken, replace=False)
    ids = set(frame["osm_id"].to_numpy()[houses][taken].tolist())
    kept = shapely.intersects(area.buffer(MARGIN_DEG), frame.geometry.to_numpy())
    ways = set(frame["osm_id"][kept & (frame["osm_type"] == "way")]) - ids if window != WHOLE else None
    with osmium.SimpleWriter(str(path), overwrite=True) as writer:
        for item in osmium.FileProcessor(str(source)):
            if not item.is_way() or (item.id in ways if ways is not None else item.id not in ids):
                writer.add(item)
    seen = inside[houses] if window != WHOLE else np.ones(houses.sum(), bool)
    return Planted(path=path, shapes=shapes[houses][seen], taken=np.cumsum(seen)[taken] - 1)


def displacement(xy: NDArray[np.float64], *, shift: tuple[float, float], field: Field) -> NDArray[np.float64]:
    """Return by how much the imagery is off at points of the ground, shape (N, 2)."""
    away = xy - np.array([540_500.0, 5_230_000.0])
    if field == "rotated":  # one metre to either side over five kilometres
        return np.asarray(np.column_stack([-away[:, 1], away[:, 0]]) * 0.0004 + shift)
    if field == "wavy":
        return np.asarray(np.sin(away[:, ::-1] * (2 * np.pi / 10_000)) + shift)
    return np.tile(np.array(shift, np.float64), (len(xy), 1))


def detections(
    planted: Planted, *, shift: tuple[float, float], field: Field = "shift", wrong: float = 0.0
) -> gpd.GeoDataFrame:
    """Return the buildings displaced, with 0.25 m of noise, five percent missed and a share of wrong ones.

    Wrong ones are copies of buildings 5 to 60 m beside them, with scores that are lower on average only.
    """
    rng = np.random.default_rng(8)
    seen = rng.random(len(planted.shapes)) > 0.05
    seen[planted.taken] = True
    det = planted.shapes[seen]
    xy, owner = shapely.get_coordinates(det, return_index=True)
    # Equal corners of a building get equal noise, so that rings stay closed.
    _, corner = np.unique(np.column_stack([owner, xy]), axis=0, return_inverse=True)
    noise = rng.normal(0, 0.25, (corner.max() + 1, 2))[corner.reshape(-1)]
    off = displacement(shapely.get_coordinates(shapely.centroid(det)), shift=shift, field=field)
    det = shapely.make_valid(shapely.transform(det, lambda at: at + noise + off[owner]))
    extra = det[rng.integers(0, len(det), int(len(det) * wrong / (1 - wrong)))]
    angle, far = rng.uniform(0, 2 * np.pi, len(extra)), rng.uniform(5, 60, len(extra))
    moves = np.column_stack([np.cos(angle), np.sin(angle)]) * far[:, None]
    counts = shapely.get_num_coordinates(extra)
    extra = shapely.transform(extra, lambda at: at + np.repeat(moves, counts, axis=0))
    score = np.r_[rng.uniform(0.7, 1.0, len(det)), rng.uniform(0.5, 0.8, len(extra))]
    shapes = np.concatenate([det, extra])
    return gpd.GeoDataFrame({"label": "building", "score": score}, geometry=shapes, crs=CRS)


def judge(planted: Planted, changes: gpd.GeoDataFrame, report: dict[str, Any], **how: Any) -> dict[str, float]:
    """Return what was found and how far the offset taken out was from the one planted.

    `new_wrong` counts what is new and was not taken out; `off_m` is the error of the cells' offsets and of the
    buildings found, the 95th percentile of each, the larger.
    """
    new = changes[changes["status"] == "new"].to_crs(CRS).geometry.to_numpy()
    centre = shapely.centroid(planted.shapes[planted.taken])
    found, hit = shapely.STRtree(shapely.centroid(new)).query(centre, predicate="dwithin", distance=1.5)
    placed = shapely.distance(centre[found], shapely.centroid(new[hit]))
    cells = [each for each in report["cells"] if each["source"] == "cell"]
    places = shapely.points([(each["lon"], each["lat"]) for each in cells])
    xy = shapely.get_coordinates(transform_geometries(places, source=LON_LAT, target=CRS))
    given = np.array([(each["east"], each["north"]) for each in cells]).reshape(-1, 2)
    # Cells lie where the detections do, not where the ground is: once more brings the two together.
    truth = displacement(xy - given, **how)
    errors = np.hypot(*(given - truth).T)
    ends = [np.quantile(each, 0.95) for each in (errors, placed) if len(each)]
    return {
        "found": len(set(found.tolist())),
        "taken": len(planted.taken),
        "new_wrong": len(new) - len(set(hit.tolist())),
        "east": report["offset_m"]["east"],
        "north": report["offset_m"]["north"],
        "off_m": float(max(ends, default=np.inf)),
    }
