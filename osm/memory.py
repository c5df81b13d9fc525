"""decisions.jsonl -> what people decided before; detections -> which of them that concerns, by place and label."""

import codecs
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import SchemaError
from groundplan.labels import check_label
from groundplan.tangles import repaired
from osm.match import overlaps
from osm.options import DiffOptions

WORDS: Final = {
    "accepted": "accepted",
    "accept": "accepted",
    "rejected": "rejected",
    "reject": "rejected",
    "done": "done",
    "pending": "",
    "skipped": "",
    "skip": "",
    "undo": "",
}
"""Words in the file and what they mean; "" takes an earlier decision back."""

SAME_IOU = 0.5
"""From this IoU on a remembered outline and a detection of its label are the same object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One person's decision about one object."""

    id: str
    """change_id at the time."""
    label: str
    """One of groundplan.labels.LABELS."""
    polygon: Any
    """Outline in EPSG:4326 as it was shown."""
    decision: str
    """"accepted", "rejected", "done" (seen to in OSM), or "": what was decided before is taken back."""
    reason: str = ""
    """Why; empty = not said."""
    who: str = ""
    """Who decided; empty = not said."""
    when: str = ""
    """ISO 8601; empty = not said."""
    imagery: str = ""
    """Imagery id; empty = not said."""
    imagery_date: str = ""
    """Day of that imagery, ISO 8601; empty = not said."""
    shown: str = ""
    """`groundplan.shown.shown_as` of what the person saw; empty = not said."""

    @property
    def looked_at(self) -> str:
        """Latest day that the decision can speak of, ISO 8601: of its imagery, or else on which it was taken."""
        return (self.imagery_date or self.when)[:10]


def read_decisions(path: Path) -> tuple[Decision, ...]:
    """Read a decisions file; of several lines with one id the last counts.

    Parameters
    ----------
    path : Path
        One JSON object a line: id, label, polygon (WKT in EPSG:4326), decision, and optionally reason, who, when,
        imagery and shown. A last line that was cut off while being written is left out.

    Returns
    -------
    tuple of Decision
        Those that take one back too: the earlier one may have another id, or stand in another file.

    Raises
    ------
    SchemaError
        The file is missing, or a line is not such an object; the message names the line.
    """
    source = Path(path)
    try:
        # This decoder says nothing of a last character that was cut off, as a torn line may end.
        text = codecs.getincrementaldecoder("utf-8")().decode(source.read_bytes())
    except (OSError, UnicodeDecodeError) as err:
        raise SchemaError(
            f"cannot read decisions from {source}: {err}; give the decisions.jsonl of a review"
        ) from err
    latest: dict[str, Decision] = {}
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            decision = _parse(line)
        except (ValueError, KeyError, TypeError, RecursionError, shapely.errors.ShapelyError) as err:
            if number == len(lines):
                break
            raise SchemaError(
                f"{source}, line {number} is no decision: {type(err).__name__}: {err}; needed are id, label, "
                "polygon (WKT) and decision (accepted, rejected or done); correct the line or remove it"
            ) from err
        latest.pop(decision.id, None)
        latest[decision.id] = decision
    return tuple(latest.values())


def _parse(line: str) -> Decision:
    raw = json.loads(line)
    word = str(raw["decision"]).lower()
    if word not in WORDS:
        raise ValueError(f"decision {raw['decision']!r} is unknown")
    polygon = repaired(shapely.from_wkt(raw["polygon"]))
    if polygon.area == 0:
        raise ValueError("the polygon has no area")
    optional = {
        name: str(raw.get(name) or "") for name in ("reason", "who", "when", "imagery", "imagery_date", "shown")
    }
    label = check_label(str(raw["label"] if "label" in raw else raw["class"]))
    return Decision(id=str(raw["id"]), label=label, polygon=polygon, decision=WORDS[word], **optional)


def decision_line(decision: Decision) -> str:
    """Return the line that stands for a decision, with its line end."""
    fields = {name: getattr(decision, name) for name in decision.__slots__}
    fields["polygon"] = shapely.to_wkt(decision.polygon, rounding_precision=7, trim=False)
    return json.dumps(fields, ensure_ascii=False) + "\n"


def still_valid(
    decisions: Sequence[Decision], *, imagery_date: dt.date | None, options: DiffOptions
) -> tuple[Decision, ...]:
    """Return the decisions that still count: all, unless the user lets rejections expire.

    A rejection then ends when newer imagery is looked at than the one it was taken on. Where it does not say
    which that was, the day on which it was taken stands for it; where neither is known it stays.
    """
    if options.rejections == "keep" or imagery_date is None:
        return tuple(decisions)
    today = imagery_date.isoformat()
    return tuple(each for each in decisions if each.decision != "rejected" or not "" < each.looked_at < today)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """D decisions in the order in which they were taken, as arrays in a metric CRS."""

    id: NDArray[np.object_]
    """(D,): change_id at the time."""
    label: NDArray[np.object_]
    """(D,): labels."""
    decision: NDArray[np.object_]
    """(D,): "accepted", "rejected", "done", or "" where an earlier one is taken back."""
    shown: NDArray[np.object_]
    """(D,): what the person saw; "" = not said."""
    polygon: NDArray[np.object_]
    """(D,): outlines as they were shown."""

    def __len__(self) -> int:
        return len(self.id)

    def within(self, bounds: NDArray[np.float64]) -> "Remembered":
        """Return those whose bounds meet left, bottom, right, top."""
        box = shapely.bounds(self.polygon)
        near = (box[:, :2] <= bounds[2:]).all(axis=1) & (box[:, 2:] >= bounds[:2]).all(axis=1)
        return Remembered(**{name: getattr(self, name)[near] for name in self.__slots__})


def remember(decisions: Sequence[Decision], *, crs: Any) -> Remembered:
    """Return decisions as arrays in the metric CRS `crs`."""

    def column(values: list[Any]) -> NDArray[np.object_]:
        out = np.empty(len(values), dtype=object)
        out[:] = values
        return out

    polygons = column([each.polygon for each in decisions])
    return Remembered(
        id=column([each.id for each in decisions]),
        label=column([each.label for each in decisions]),
        decision=column([each.decision for each in decisions]),
        shown=column([each.shown for each in decisions]),
        polygon=transform_geometries(polygons, source=LON_LAT, target=crs),
    )


def recall(
    remembered: Remembered,
    *,
    ids: NDArray[np.object_],
    labels: NDArray[np.object_],
    polygons: NDArray[np.object_],
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return what was decided about each detection, and what the person saw.

    A decision concerns the detections of its label with an IoU of at least 0.5: a rejected object stays rejected
    when another model draws it a little differently. Where none fits, the one with the detection's id and label
    counts if the two at least overlap. The latest that fits counts. An accepted object is one object: of several
    detections only the one that fits best is it.

    Parameters
    ----------
    remembered : Remembered
    ids : ndarray of str, shape (N,)
    labels : ndarray of str, shape (N,)
    polygons : ndarray of geometry, shape (N,)
        In OSM's frame, in the CRS of `remembered`.

    Returns
    -------
    tuple of ndarray of str, shape (N,)
        "accepted", "rejected", "done" or ""; and `Decision.shown`.
    """
    word, shown = (np.full(len(labels), "", dtype=object) for _ in range(2))
    if len(remembered) == 0 or len(labels) == 0:
        return word, shown
    latest, fit = np.full(len(labels), -1, np.int64), np.zeros(len(labels))
    pairs = overlaps(polygons, remembered.polygon)
    pairs = pairs.where(labels[pairs.det] == remembered.label[pairs.osm])
    same = pairs.where(pairs.iou >= SAME_IOU)
    np.maximum.at(latest, same.det, same.osm)
    named = pairs.where((ids[pairs.det] == remembered.id[pairs.osm]) & (latest[pairs.det] < 0))
    latest[named.det] = named.osm
    chosen = pairs.where(latest[pairs.det] == pairs.osm)
    fit[chosen.det] = chosen.iou
    found = np.flatnonzero(latest >= 0)
    found = found[np.lexsort((ids[found].astype("str"), -fit[found], latest[found]))]
    first = np.r_[True, latest[found][1:] != latest[found][:-1]] if len(found) else np.empty(0, bool)
    found = found[first | (remembered.decision[latest[found]] != "accepted")]
    word[found], shown[found] = remembered.decision[latest[found]], remembered.shown[latest[found]]
    return word, shown
