"""One OSM element's tags -> the rows it becomes: role, label and the tags that matter."""

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from osm.tags import LIFECYCLE_KEYS, Get, blocks, families, lifecycle_labels

Row: TypeAlias = tuple[str, str, dict[str, str]]
"""Role, label, tags."""


def area_roles(get: Get) -> list[Row]:
    """Return the rows of an area: a closed way or a multipolygon.

    A closed ``leisure=track`` way is an area only where it says ``area=yes``: see `line_roles`; the caller
    tells them apart with `is_track_line`.
    """
    building, leisure = get("building"), get("leisure")
    is_building = building is not None and building != "no"
    if is_building and leisure is None:
        # Nine of ten areas are plain buildings: they share their rows, which nobody changes.
        return _plain_building(str(building))
    rows: list[Row] = []
    if is_building:
        rows.append(("area", "building", {"building": str(building)}))
    elif (part := get("building:part")) is not None and part != "no":
        rows.append(("other_sport", "building", {"building:part": part}))
    if leisure in ("pitch", "track"):
        rows += _sport_rows(leisure, get)
    elif leisure == "swimming_pool":
        rows.append(("blocker", "", {"leisure": leisure}))
    if not rows and (get("natural") == "water" or get("waterway") == "riverbank"):
        rows.append(("blocker", "", {"natural": "water"}))
    return rows


@lru_cache(maxsize=1024)
def _plain_building(value: str) -> list[Row]:
    return [("area", "building", {"building": value})]


@lru_cache(maxsize=1024)
def _blocker(key: str, value: str) -> list[Row]:
    return [("blocker", "", {key: value})]


def node_roles(get: Get) -> list[Row]:
    """Return the rows of a tagged node."""
    building = get("building")
    if building is not None and building != "no":
        return [("node", "building", {"building": building})]
    leisure = get("leisure")
    if leisure == "pitch":
        return [
            ("node", label, tags) if role == "area" else (role, label, tags)
            for role, label, tags in _sport_rows(leisure, get)
        ]
    return []


def line_roles(get: Get, *, closed: bool) -> list[Row]:
    """Return the rows of a way taken as a line: tracks, and roads, rails and waterways."""
    if get("leisure") == "track" and (not closed or is_track_line(get)):
        if not closed and get("sport") is None:  # most are for running, and none is to be mapped twice
            return [("line", "running_track", {"leisure": "track"})]
        return [("line", label, tags) for role, label, tags in _sport_rows("track", get) if role == "area"]
    blocker = blocks(get)
    return _blocker(*blocker) if blocker else []


def is_track_line(get: Get) -> bool:
    """Tell whether a closed way is the centre line of a track and not its surface."""
    return get("leisure") == "track" and get("area") != "yes"


def _sport_rows(leisure: str, get: Get) -> list[Row]:
    sport = get("sport")
    tags = {"leisure": leisure} if sport is None else {"leisure": leisure, "sport": sport}
    labels = families(leisure, sport)
    return [("area", label, tags) for label in labels] or [("other_sport", "", tags)]


def veto_roles(keys: Iterable[str], get: Get) -> list[Row]:
    """Return the rows of an area or node that says it is gone, out of use, or not there yet.

    Parameters
    ----------
    keys : iterable of str
        The element's keys; asking for each of the twenty lifecycle keys would take longer.
    """
    rows: list[Row] = []
    for key in keys:
        if key in LIFECYCLE_KEYS:
            rows += [("veto", label, {key: str(get(key))}) for label in lifecycle_labels(key, get)]
    return rows
