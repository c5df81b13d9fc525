"""What a run wrote as report.json -> report.html: one file, without scripts, readable on a phone."""

from collections.abc import Mapping, Sequence
from typing import Any

from review.markup import Child, Element, element
from review.report_parts import (
    accuracy_part,
    counts_part,
    coverage_part,
    offset_part,
    provenance_part,
    scores_part,
    stages_part,
    versions_part,
)
from review.sheet import sheet_html


def report_html(report: Mapping[str, Any]) -> str:
    """Return the report as one self-contained HTML text.

    Parameters
    ----------
    report : mapping
        What the pipeline writes as report.json. Only ``region`` is needed; what is missing or None is left
        out of the page:

        - ``region`` : str; ``created`` : str, ISO 8601; ``area_km2`` : float, area with imagery looked at
        - ``imagery`` : {id, date, licence, attribution} (texts)
        - ``model`` : {name, sha256, gsd_m, labels: [str]}
        - ``scenes`` : [{path, width_px, height_px, gsd_m, crs}]
        - ``counts`` : {label: {features: int, new: int, review: int, matched: int, ...}} by status
        - ``scores`` : {label: [10 ints]}, features by score in bins of 0.1
        - ``score`` : {label: {precision, recall, f1, mean_iou, n_truth}} where truth was given
        - ``offset_m`` : {east, north, n_pairs, mad, error_m}; ``cells`` : [{x, y, column, row, east, north,
          n_pairs, error_m, source}], centres and offsets in metres of the region's CRS
        - ``tiles`` : {total, done, skipped, failed: [{row, col, error, coarse}], map: [str]}; ``map`` has a text
          for each row of tiles from north to south: ``.`` done, ``-`` skipped (no imagery), ``x`` failed,
          space = outside; tiles of the coarse pass have rows and columns of their own and are not on it
        - ``stages`` : [{name, seconds, km2_per_h, note}]; ``versions`` : {name: version}; ``commit`` : str
        - ``proposals`` : {files: int, features: int}; ``warnings`` : [str]

    Returns
    -------
    str
        Equal reports give equal texts. All texts are escaped; a content security policy allows nothing but
        the one style sheet inside.
    """
    parts = [
        counts_part(report),
        coverage_part(report),
        scores_part(report),
        accuracy_part(report),
        offset_part(report),
        stages_part(report),
        provenance_part(report),
        versions_part(report),
    ]
    return sheet_html(
        f"Report: {report['region']}",
        *_header(report),
        _tiles(report),
        _warnings(report.get("warnings") or []),
        element("div", {"class": "cards"}, *parts),
        element("footer", {}, "Written by groundplan. Map data © OpenStreetMap contributors, ODbL 1.0."),
    )


def _header(report: Mapping[str, Any]) -> list[Child]:
    imagery = report.get("imagery") or {}
    said = [str(imagery[key]) for key in ("id", "date", "licence", "attribution") if imagery.get(key)]
    return [
        element("h1", {}, str(report["region"])),
        element("p", {"class": "quiet"}, "Imagery: " + ", ".join(said)) if said else None,
        element("p", {"class": "quiet"}, f"Run of {report['created']}") if report.get("created") else None,
    ]


def _tiles(report: Mapping[str, Any]) -> Element | None:
    counts = report.get("counts") or {}
    stages = report.get("stages") or []
    tiles = report.get("tiles") or {}

    def total(key: str) -> int:
        return sum(int(of.get(key) or 0) for of in counts.values())

    shown: list[tuple[str, str]] = []
    if counts:
        shown = [
            (f"{total('features'):,}", "objects found"),
            (f"{total('new'):,}", "new to OSM"),
            (f"{total('review'):,}", "need a look"),
            (f"{total('matched') + total('matched_group'):,}", "mapped already"),
        ]
    if report.get("area_km2") is not None:
        shown.append((f"{report['area_km2']:,.3g} km²", "looked at"))
    if stages:
        shown.append((duration(sum(float(stage.get("seconds") or 0) for stage in stages)), "in all stages"))
    if tiles:
        shown.append((f"{len(tiles.get('failed') or []):,}", "tiles failed"))
    if not shown:
        return None
    items = [element("li", {}, element("b", {}, value), element("span", {}, name)) for value, name in shown]
    return element("ul", {"class": "tiles"}, *items)


def _warnings(warnings: Sequence[Any]) -> Element | None:
    if not warnings:
        return None
    lines = [element("li", {}, str(text)) for text in warnings]
    return element("div", {"class": "warn"}, element("ul", {}, *lines))


def duration(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> [duration(4.25), duration(75), duration(7260)]
    ['4.2 s', '1 min 15 s', '2 h 1 min']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds) // 60} min {int(seconds) % 60} s"
    return f"{int(seconds) // 3600} h {int(seconds) % 3600 // 60} min"
