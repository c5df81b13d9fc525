"""The ground that was looked at, and for what: only of that can be said that something mapped was not detected."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely

from groundplan.errors import SchemaError
from groundplan.labels import check_label
from groundplan.whole import write_text_whole
from osm.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a run has looked at."""

    outline: Any
    """Polygon or MultiPolygon in EPSG:4326."""
    labels: frozenset[str]
    """What it looked for."""


def write_ground(path: Path, ground: Ground) -> None:
    """Write the ground as GeoJSON, one feature."""
    # Rounded as it is: across the 180th meridian it is no valid polygon, but comes back as one in metres.
    geometry = json.loads(shapely.to_geojson(shapely.transform(ground.outline, lambda xy: xy.round(7))))
    feature = {"type": "Feature", "properties": {"labels": sorted(ground.labels)}, "geometry": geometry}
    write_text_whole(path, json.dumps({"type": "FeatureCollection", "features": [feature]}) + "\n")


def read_ground(path: Path) -> Ground | None:
    """Return the ground that `write_ground` wrote; None where there is no such file.

    Raises
    ------
    SchemaError
        It holds something else.
    """
    if not path.is_file():
        return None
    try:
        (feature,) = json.loads(path.read_text(encoding="utf-8"))["features"]
        outline = shapely.from_geojson(json.dumps(feature["geometry"]))
        labels = frozenset(check_label(label) for label in feature["properties"]["labels"])
        if outline.geom_type not in ("Polygon", "MultiPolygon"):
            raise ValueError("its outline is no polygon")
    except (OSError, ValueError, KeyError, TypeError, RecursionError, shapely.errors.ShapelyError) as err:
        raise SchemaError(
            f"{path} does not say what was looked at ({type(err).__name__}: {err}); "
            "delete it, or run `groundplan detect` again"
        ) from err
    return Ground(outline=outline, labels=labels)


def with_ground(window: Window, ground: Ground | None) -> Window:
    """Return the window around both."""
    if ground is None or ground.outline.is_empty:
        return window
    west, south, east, north = ground.outline.bounds
    if east - west >= 180.0:
        return -180.0, -90.0, 180.0, 90.0
    return min(window[0], west), min(window[1], south), max(window[2], east), max(window[3], north)
