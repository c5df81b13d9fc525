"""A part of report.json -> the card of the report that shows it, or None when the run has nothing to show."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from review.markup import Child, Element, element
from review.plots import arrows, bars, histogram, share_bars, tile_map

STATUS_CLASSES: Final[dict[str, str]] = {
    "new": "new",
    "review": "review",
    "matched": "matched",
    "matched_group": "group",
    "suppressed": "suppressed",
    "osm_only": "osm",
}
TILE_STATES: Final[dict[str, str]] = {".": "done", "-": "skipped", "x": "failed"}
MAX_CELLS: Final = 400
"""Cells of the offset listed; diff_report.json has them all."""
MAX_ERRORS: Final = 20
"""Failed tiles listed by name; the run's manifest has them all."""


def _card(title: str, *children: Child, wide: bool = False) -> Element:
    return element("section", {"class": "wide"} if wide else {}, element("h2", {}, title), *children)


def _words(slug: str) -> str:
    return str(slug).replace("_", " ")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Element:
    cells = [element("tr", {}, *(element("td", {}, cell) for cell in row)) for row in rows]
    top = element("tr", {}, *(element("th", {"scope": "col"}, name) for name in head))
    # Keyboard users scroll a wide table too, so its box takes the focus.
    attributes = {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Table"}
    table = element("table", {}, element("thead", {}, top), element("tbody", {}, *cells))
    return element("div", attributes, table)


def _legend(entries: Sequence[tuple[str, str]]) -> Element:
    items = [element("li", {}, element("i", {"class": name}), text) for name, text in entries]
    return element("ul", {"class": "legend"}, *items)


def counts_part(report: Mapping[str, Any]) -> Element | None:
    """Return what was found, by label and status, as bars and as a table."""
    counts: Mapping[str, Mapping[str, int]] = report.get("counts") or {}
    if not counts:
        return None
    used = [status for status in STATUS_CLASSES if any(of.get(status) for of in counts.values())]
    compared = bool(used)
    columns = ["features", *used]
    rows = [[_words(label), *(f"{of.get(name) or 0:,}" for name in columns)] for label, of in counts.items()]
    classes = {status: STATUS_CLASSES[status] for status in used} if compared else {"features": "mark"}
    bars_of = [(_words(label), of, f"{of.get('features') or 0:,} found") for label, of in counts.items()]
    plot = share_bars(bars_of, classes=classes, label="Share of each status, by label")
    return _card(
        "What was found, and what OSM has of it" if compared else "What was found",
        plot,
        _legend([(STATUS_CLASSES[status], _words(status)) for status in used]) if compared else None,
        _table(["label", *(_words(name) for name in columns)], rows),
        _proposed(report.get("proposals")),
        wide=True,
    )


def _proposed(proposals: Mapping[str, Any] | None) -> Element | None:
    if not proposals:
        return None
    n_files = proposals.get("files", 0)
    text = f"{proposals.get('features', 0):,} objects proposed in {n_files:,} file{'' if n_files == 1 else 's'}"
    return element("p", {"class": "quiet"}, text + "; a person decides on each.")


def coverage_part(report: Mapping[str, Any]) -> Element | None:
    """Return the map of tiles, and which failed with what error."""
    tiles: Mapping[str, Any] = report.get("tiles") or {}
    if not tiles:
        return None
    failed = tiles.get("failed") or []
    said = f"{tiles.get('done', 0):,} of {tiles.get('total', 0):,} tiles done, "
    said += f"{tiles.get('skipped', 0):,} skipped, {len(failed):,} failed"
    plot = None
    if tiles.get("map"):
        plot = tile_map(
            tiles["map"], classes=TILE_STATES, names=TILE_STATES, label=f"Map of tiles, north up: {said}"
        )
    lines = [
        element(
            "li",
            {},
            element("code", {}, f"row {each.get('row')}, column {each.get('col')}"),
            " of the coarse pass" if each.get("coarse") else None,
            f": {each.get('error')}",
        )
        for each in failed[:MAX_ERRORS]
    ]
    more = len(failed) - len(lines)
    coarse = sum(bool(each.get("coarse")) for each in failed)
    if coarse:
        said += f" ({coarse:,} of them in the coarse pass, which the map does not show)"
    return _card(
        "Coverage",
        plot,
        _legend([("done", "done"), ("skipped", "skipped: no imagery"), ("failed", "failed")]),
        element("p", {}, said + "."),
        element("ul", {}, *lines) if lines else None,
        element("p", {"class": "quiet"}, f"and {more:,} more, in manifest.json") if more > 0 else None,
    )


def scores_part(report: Mapping[str, Any]) -> Element | None:
    """Return one histogram of scores a label."""
    scores: Mapping[str, Sequence[int]] = report.get("scores") or {}
    shown = {label: counts for label, counts in scores.items() if sum(counts)}
    if not shown:
        return None
    plots = [
        element(
            "div",
            {},
            element("h3", {}, f"{_words(label)} ({sum(counts):,})"),
            histogram(
                counts, label=f"Scores of {_words(label)}, in {len(counts)} bins from 0 to 1: {list(counts)}"
            ),
        )
        for label, counts in shown.items()
    ]
    return _card("How sure the detector is", element("div", {"class": "small"}, *plots))


def accuracy_part(report: Mapping[str, Any]) -> Element | None:
    """Return precision and recall against the truth that was given."""
    score: Mapping[str, Mapping[str, Any]] = report.get("score") or {}
    if not score:
        return None
    rows = []
    for label, of in score.items():
        for name in ("precision", "recall"):
            value = of.get(name)
            rows.append((f"{_words(label)}: {name}", float(value or 0), _percent(value)))
    names = ("precision", "recall", "f1", "mean_iou")
    table = [
        [_words(label), *(_percent(of.get(name)) for name in names), f"{of.get('n_truth') or 0:,}"]
        for label, of in score.items()
    ]
    return _card(
        "Against the truth given",
        bars(rows, label="Precision and recall by label", most=1.0),
        _table(["label", "precision", "recall", "F1", "mean IoU", "truth"], table),
    )


def _percent(value: Any) -> str:
    return "–" if value is None else f"{float(value) * 100:.1f} %"


def offset_part(report: Mapping[str, Any]) -> Element | None:
    """Return how far the imagery lies from OSM, in all and by cell."""
    offset: Mapping[str, Any] | None = report.get("offset_m")
    if not offset:
        return None
    east, north = float(offset.get("east") or 0), float(offset.get("north") or 0)
    sides = ("east" if east >= 0 else "west", "north" if north >= 0 else "south")
    said = f"Detections lie {abs(east):.2f} m {sides[0]} and {abs(north):.2f} m {sides[1]} of OSM"
    pairs = f", from {offset.get('n_pairs') or 0:,} pairs"
    spread = f", spread (MAD) {float(offset['mad']):.2f} m" if offset.get("mad") is not None else ""
    cells: Sequence[Mapping[str, Any]] = report.get("cells") or []
    drawn = [(float(c["x"]), float(c["y"]), float(c["east"]), float(c["north"])) for c in cells]
    errors = [c.get("error_m") for c in cells] if cells else [offset.get("error_m")]
    known = [float(error) for error in errors if error is not None]
    sure = f"; standard error {_span(known)}" if known else ""
    sure += " by cell" if known and cells else ""
    return _card(
        "Imagery against OSM",
        arrows(drawn or [(0.0, 0.0, east, north)], label=f"{said}; {len(cells)} cells", errors_m=errors),
        element("p", {}, said + pairs + spread + sure + "."),
        None if offset.get("used", True) else element("p", {}, "Too uncertain: it was not taken out."),
        element("p", {"class": "quiet"}, "The circle at an arrow's tip is its standard error.") if known else None,
        _cells_table(cells),
    )


def _span(values: Sequence[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return f"{low} m" if low == high else f"{low} to {high} m"


def _cells_table(cells: Sequence[Mapping[str, Any]]) -> Element | None:
    if not cells:
        return None

    def metres(cell: Mapping[str, Any], key: str) -> str:
        return "–" if cell.get(key) is None else f"{float(cell[key]):.2f}"

    rows = [
        [
            f"{cell.get('column', '')} / {cell.get('row', '')}",
            metres(cell, "east"),
            metres(cell, "north"),
            metres(cell, "error_m"),
            f"{cell.get('n_pairs') or 0:,}",
            _words(cell.get("source") or ""),
        ]
        for cell in cells[:MAX_CELLS]
    ]
    head = ["cell", "east m", "north m", "error m", "pairs", "taken from"]
    title = f"{len(cells):,} cell{'' if len(cells) == 1 else 's'}" + (
        f", the first {MAX_CELLS}" if len(cells) > MAX_CELLS else ""
    )
    return element("details", {}, element("summary", {}, title), _table(head, rows))


def stages_part(report: Mapping[str, Any]) -> Element | None:
    """Return the time each stage took, and how much ground it covered in an hour."""
    stages: Sequence[Mapping[str, Any]] = report.get("stages") or []
    if not stages:
        return None
    rows = []
    for stage in stages:
        speed = stage.get("km2_per_h")
        seconds = float(stage.get("seconds") or 0)
        text = f"{seconds:,.1f} s" + (f", {_figure(float(speed))} km²/h" if speed is not None else "")
        text += f", {stage['note']}" if stage.get("note") else ""
        rows.append((str(stage.get("name")), seconds, text))
    return _card("Time by stage", bars(rows, label="Seconds by stage"))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def provenance_part(report: Mapping[str, Any]) -> Element | None:
    """Return which model looked at which imagery."""
    facts: list[tuple[str, Any]] = []
    for part, title in (("model", "Model"), ("imagery", "Imagery")):
        for key, value in (report.get(part) or {}).items():
            if value not in (None, "", []):
                facts.append((f"{title} {_words(key)}", _said(value)))
    for scene in report.get("scenes") or []:
        size = f"{scene.get('width_px')} × {scene.get('height_px')} px"
        gsd = f", {float(scene['gsd_m']):.3g} m/px" if scene.get("gsd_m") is not None else ""
        facts.append(("Scene", f"{scene.get('path')}: {size}{gsd}, {scene.get('crs')}"))
    return _facts_card("Model and imagery", facts)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def versions_part(report: Mapping[str, Any]) -> Element | None:
    """Return which versions of what made the run."""
    facts: list[tuple[str, Any]] = [("commit", report["commit"])] if report.get("commit") else []
    return _facts_card("Versions", [*facts, *(report.get("versions") or {}).items()])


def _facts_card(title: str, facts: Sequence[tuple[str, Any]]) -> Element | None:
    if not facts:
        return None
    entries: list[Child] = []
    for name, value in facts:
        entries += [element("dt", {}, name), element("dd", {}, element("code", {}, str(value)))]
    return _card(title, element("dl", {}, *entries))
