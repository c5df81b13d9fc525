"""A reviewer's decision <-> one line of decisions.jsonl, checked in both directions."""

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import shapely

from groundplan.errors import SchemaError
from groundplan.labels import LABELS

DECISIONS: Final[tuple[str, ...]] = ("accepted", "rejected", "pending")
"""``pending`` takes an earlier decision back: the file only grows, and the last line about an id counts."""

REJECT_REASONS: Final[dict[str, str]] = {
    "not_there": "Nothing of this kind is there",
    "wrong_label": "Something else (wrong label)",
    "bad_outline": "It is there, but the outline is bad",
    "already_mapped": "Already in OpenStreetMap",
    "gone": "Gone, or not built yet",
    "unclear": "The imagery does not show it clearly",
    "other": "Another reason",
}
"""Why a proposal is rejected, and how the page says it. Only ``not_there`` and ``wrong_label`` make a
detection a hard negative for its label; the others say nothing against the detector."""

MAX_TEXT: Final = 255
"""Longest reviewer name and reason kept; the same limit OSM sets for values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one person decided about one proposal."""

    id: str
    """change_id of the proposal."""
    label: str
    """One of `groundplan.labels.LABELS`."""
    polygon: str
    """WKT in EPSG:4326, seven decimals; the outline that was looked at."""
    decision: str
    """One of `DECISIONS`."""
    reason: str = ""
    """One of `REJECT_REASONS`, or free text; empty for accepted and pending."""
    who: str = ""
    """Name the reviewer gave; empty means none was given."""
    when: str
    """ISO 8601 time with an offset, such as 2026-06-01T12:00:00Z."""
    imagery: str = ""
    """Id of the imagery that was looked at."""
    shown: str = ""
    """`groundplan.shown.shown_as` of the proposal: an acceptance holds while that stays."""


def decision_line(decision: Decision) -> str:
    """Return the decision as one line of JSON, newline included, keys in the record's order."""
    return json.dumps(asdict(decision), ensure_ascii=False) + "\n"


def parse_decision(text: str, *, what: str = "decision") -> Decision:
    """Return the decision in one line of decisions.jsonl.

    Parameters
    ----------
    text : str
        One JSON object. Keys that are not a decision's are ignored; ``reason``, ``who``, ``imagery`` and
        ``shown`` may be missing.
    what : str
        Names the line in messages.

    Raises
    ------
    SchemaError
        The line is no JSON object, or a value is missing or of the wrong kind.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise SchemaError(f"{what} is not JSON ({err}); give one JSON object per line") from err
    if not isinstance(value, dict):
        raise SchemaError(f"{what} is a JSON {type(value).__name__}; give one JSON object per line")
    texts = {name: _text(value, name, what=what) for name in Decision.__dataclass_fields__}
    return check_decision(Decision(**texts), what=what)


def _text(value: dict[str, Any], name: str, *, what: str) -> str:
    given = value.get(name, "" if name in ("reason", "who", "imagery", "shown") else None)
    if not isinstance(given, str):
        raise SchemaError(f"{what} has {name}={given!r}; it needs a text there")
    return given


def check_decision(decision: Decision, *, what: str = "decision") -> Decision:
    """Return the decision unchanged when each value is one that can be kept.

    Raises
    ------
    SchemaError
        The id is empty, the decision or label unknown, the polygon no polygon, the time no time, or a text
        is too long or has control characters.
    """
    if not decision.id:
        raise SchemaError(f"{what} has an empty id; give the change_id of a proposal")
    if decision.decision not in DECISIONS:
        raise SchemaError(f"{what} has decision={decision.decision!r}; it must be one of {', '.join(DECISIONS)}")
    if decision.label not in LABELS:
        raise SchemaError(f"{what} has label={decision.label!r}; it must be one of {', '.join(LABELS)}")
    for name in ("id", "reason", "who", "imagery", "shown"):
        given = getattr(decision, name)
        if len(given) > MAX_TEXT or not given.isprintable():
            raise SchemaError(
                f"{what} has a {name} of {len(given)} characters; up to {MAX_TEXT} printable ones are kept"
            )
    try:
        moment = dt.datetime.fromisoformat(decision.when)
    except ValueError as err:
        raise SchemaError(f"{what} has when={decision.when[:40]!r}; give an ISO 8601 time") from err
    if moment.tzinfo is None:
        raise SchemaError(f"{what} has when={decision.when!r} without an offset; end it with Z for UTC")
    shape = shapely.from_wkt(decision.polygon, on_invalid="ignore")
    if shape is None or shape.geom_type not in ("Polygon", "MultiPolygon") or shape.is_empty:
        raise SchemaError(f"{what} has polygon={decision.polygon[:40]!r}; give a POLYGON in WKT, longitude first")
    return decision


def current_decisions(lines: Iterable[str], *, what: str = "decisions.jsonl") -> dict[str, Decision]:
    """Return the decisions that hold after all lines: the last one about each id, none when it is pending.

    Parameters
    ----------
    lines : iterable of str
        The file's text split at its line ends, so that the last one is empty; one that is not, and cannot be read,
        was cut off while being written and is left out.
    what : str
        Names the file in messages.

    Raises
    ------
    SchemaError
        Another line cannot be read; the message names its number.
    """
    out: dict[str, Decision] = {}
    held = list(lines)
    for number, line in enumerate(held, start=1):
        if not line.strip():
            continue
        try:
            decision = parse_decision(line, what=f"{what} line {number}")
        except SchemaError:
            if number == len(held):
                break
            raise
        out.pop(decision.id, None)
        if decision.decision != "pending":
            out[decision.id] = decision
    return out
