"""What MapRoulette exports of a challenge (GeoJSON or CSV) -> the decisions people took there."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import shapely

from groundplan.errors import SchemaError
from groundplan.labels import check_label
from groundplan.tangles import repaired
from osm.maproulette import RECORD_SEPARATOR
from osm.memory import Decision, read_decisions

STATUS: Final = {
    "fixed": "done",
    "alreadyfixed": "done",
    "falsepositive": "rejected",
    "notanissue": "rejected",
    "created": "",
    "skipped": "",
    "deleted": "",
    "toohard": "",
    "cantcomplete": "",
    "answered": "",
    "validated": "",
    "disabled": "",
}
"""Task statuses without case and punctuation, and the decision each stands for; "" = nobody decided."""

NUMBERS: Final = {
    "0": "created",
    "1": "fixed",
    "2": "falsepositive",
    "3": "skipped",
    "4": "deleted",
    "5": "alreadyfixed",
    "6": "toohard",
    "7": "answered",
    "8": "validated",
    "9": "disabled",
}
"""The same statuses as MapRoulette's API numbers them."""


def read_memory(path: Path) -> tuple[Decision, ...]:
    """Read decisions from a decisions.jsonl or from MapRoulette's export of a challenge.

    Parameters
    ----------
    path : Path
        ``.geojson`` or ``.json``: MapRoulette's GeoJSON export; ``.csv``: its CSV export, beside which the
        maproulette.geojsonl of the challenge must lie, because it holds no outlines; anything else:
        decisions.jsonl.

    Raises
    ------
    SchemaError
        The file cannot be read or is none of these.
    """
    source = Path(path)
    suffix = source.suffix.lower()
    if suffix in (".geojson", ".json"):
        return tuple(_decisions(_exported(source), source))
    if suffix == ".csv":
        return tuple(_decisions(_listed(source), source))
    return read_decisions(source)


def memory_files(path: Path) -> list[Path]:
    """Return the files that `read_memory` reads, the one given first."""
    source = Path(path)
    beside = source.parent.glob("maproulette*.geojsonl") if source.suffix.lower() == ".csv" else ()
    return [source, *sorted(beside)]


def _decisions(tasks: Iterator[tuple[dict[str, Any], Any]], source: Path) -> Iterator[Decision]:
    """Yield the decisions in tasks: properties with mr_taskStatus, and the geometry as GeoJSON."""
    for properties, geometry in tasks:
        raw = str(properties.get("mr_taskStatus", ""))
        status = re.sub(r"[^a-z0-9]", "", raw.lower())
        status = NUMBERS.get(status, status)
        if status not in STATUS:
            raise SchemaError(
                f"{source}: task {properties.get('id')!r} has mr_taskStatus {raw!r}; give MapRoulette's own "
                "export of a challenge made from maproulette.geojsonl"
            )
        if not STATUS[status]:
            continue
        try:
            polygon = repaired(shapely.from_geojson(json.dumps(geometry)))
            label = check_label(str(properties["groundplan_label"]))
            name = str(properties["id"])
        except (KeyError, TypeError, ValueError, RecursionError, shapely.errors.ShapelyError) as err:
            raise SchemaError(
                f"{source}: task {properties.get('id')!r} is not one of ours ({type(err).__name__}: {err}); give "
                "the export of a challenge made from maproulette.geojsonl"
            ) from err
        if polygon.area == 0:
            raise SchemaError(f"{source}: task {name!r} has no outline; export the tasks with their geometry")
        yield Decision(
            id=name,
            label=label,
            polygon=polygon,
            decision=STATUS[status],
            reason=f"maproulette:{raw}",
            who=str(properties.get("mr_mapper") or ""),
            when=str(properties.get("mr_mappedOn") or ""),
            imagery=str(properties.get("groundplan_imagery") or ""),
            imagery_date=str(properties.get("groundplan_imagery_date") or ""),
        )


def _exported(source: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    collection = _load(source, _text(source))
    features = collection.get("features") if isinstance(collection, dict) else None
    if not isinstance(features, list):
        raise SchemaError(f"{source} is no FeatureCollection; give MapRoulette's GeoJSON export of a challenge")
    for number, feature in enumerate(features, start=1):
        if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
            raise SchemaError(
                f"{source}: feature {number} is no Feature with properties; give MapRoulette's GeoJSON "
                "export of a challenge"
            )
        yield feature.get("properties") or {}, feature.get("geometry")


def _listed(source: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    _, *files = memory_files(source)
    if not files:
        raise SchemaError(
            f"{source} holds no outlines and there is no maproulette.geojsonl beside it; put the file that the "
            "challenge was made from there, or export the challenge as GeoJSON"
        )
    tasks = {}
    for file in files:
        # Not splitlines: the record separator and others in names are line ends to it.
        for number, line in enumerate(_text(file).split("\n"), start=1):
            if line.strip(f"{RECORD_SEPARATOR} \r"):
                name, task = _task(_load(file, line.lstrip(RECORD_SEPARATOR)), f"{file}, line {number}")
                tasks[name] = task
    for row in _table(source):
        if "TaskName" not in row or "TaskStatus" not in row:
            raise SchemaError(f"{source} has no columns TaskName and TaskStatus; give MapRoulette's CSV export")
        found = tasks.get(row["TaskName"])
        if found is None:
            raise SchemaError(
                f"{source}: task {row['TaskName']!r} is not in {', '.join(each.name for each in files)}; put the "
                "file that the challenge was made from beside it"
            )
        about = {
            "mr_taskStatus": row["TaskStatus"],
            "mr_mapper": row.get("Mapper"),
            "mr_mappedOn": row.get("MappedOn"),
        }
        yield found[0] | about, found[1]


def _task(collection: Any, what: str) -> tuple[str, tuple[dict[str, Any], Any]]:
    """Return name, properties and geometry of a line of the challenge."""
    try:
        feature = collection["features"][0]
        name, properties, geometry = feature["id"], feature["properties"], feature["geometry"]
    except (KeyError, IndexError, TypeError):
        name = properties = None
    if not isinstance(name, str) or not isinstance(properties, dict):
        raise SchemaError(
            f"{what} is no task of ours; put the maproulette.geojsonl that the challenge was made from there"
        )
    return name, (properties, geometry)


def _table(source: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from csv.DictReader(io.StringIO(_text(source), newline=""))
    except csv.Error as err:
        raise SchemaError(f"{source} is no CSV ({err}); give MapRoulette's CSV export") from err


def _text(source: Path) -> str:
    try:
        return source.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise SchemaError(f"cannot read decisions from {source}: {err}; give MapRoulette's export") from err


def _load(source: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as err:
        raise SchemaError(
            f"{source} is no JSON ({err}); give MapRoulette's GeoJSON export of a challenge"
        ) from err
