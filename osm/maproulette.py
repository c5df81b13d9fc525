"""Changes that wait for a person -> MapRoulette tasks, line by line, each with its own osmChange."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from groundplan.records import Imagery
from osm.elements import Elements, Proposal, closed_ring, make_elements_apart
from osm.osmchange import osmchange_text

RECORD_SEPARATOR = "\x1e"
"""Starts each line (RFC 7464): MapRoulette reads cooperative tasks only in this form."""

MAX_TASKS = 50_000
"""MapRoulette's own limit for one challenge."""


_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of a challenge."""

    proposal: Proposal
    """What is proposed."""
    status: str
    """"new" or "review"."""
    reasons: tuple[str, ...]
    """Reason codes."""
    notes: tuple[str, ...]
    """Notes for the mapper."""
    score: float
    """0..1."""
    osm: tuple[str, ...]
    """Existing elements concerned, as "way/1"."""
    imagery: Imagery | None = None
    """What it was seen on; comes back with MapRoulette's export."""


def maproulette_text(tasks: Sequence[Task]) -> str:
    """Write tasks as line-by-line GeoJSON with cooperative work of type 2 (a change file opened in JOSM).

    Nothing is applied by MapRoulette itself: the person opens the change in an editor, looks, and uploads or not.

    References
    ----------
    .. [1] https://learn.maproulette.org
    """
    drawn = make_elements_apart([task.proposal for task in tasks])
    return "".join(map(_line, tasks, drawn))


def _line(task: Task, elements: Elements) -> str:
    proposal = task.proposal
    properties = {
        "id": proposal.id,
        **proposal.tags,
        "groundplan_label": proposal.label,
        "groundplan_status": task.status,
        "groundplan_reasons": ";".join(task.reasons),
        "groundplan_score": round(task.score, 3),
    }
    if task.notes:
        properties["groundplan_notes"] = ";".join(task.notes)
    if task.osm:
        properties["groundplan_osm"] = ";".join(task.osm)
    if task.imagery is not None:
        properties["groundplan_imagery"] = task.imagery.id
        if task.imagery.date is not None:
            properties["groundplan_imagery_date"] = task.imagery.date.isoformat()
    geometry = {"type": "Polygon", "coordinates": [closed_ring(elements, way) for way in elements.ways]}
    feature = {"type": "Feature", "id": proposal.id, "properties": properties, "geometry": geometry}
    content = base64.b64encode(osmchange_text(elements).encode("utf-8")).decode("ascii")
    work = {
        "meta": {"version": 2, "type": 2},
        "file": {"type": "xml", "format": "osc", "encoding": "base64", "content": content},
    }
    collection = {"type": "FeatureCollection", "features": [feature], "cooperativeWork": work}
    return RECORD_SEPARATOR + _encode(collection) + "\n"
