"""Counts and figures -> small SVG pictures with text labels, for the report."""

import math
from collections.abc import Mapping, Sequence

from review.markup import Element, element

WIDTH = 360
"""Units across each picture; the page scales it to a phone's width."""


def _svg(height: float, label: str, *children: Element | None) -> Element:
    attributes: dict[str, str | float] = {"viewBox": f"0 0 {WIDTH} {height:g}", "role": "img", "class": "plot"}
    return element("svg", attributes, element("title", {}, label), *children)


def _text(x: float, y: float, text: str, *, anchor: str = "start", name: str = "t") -> Element:
    return element("text", {"x": round(x, 1), "y": round(y, 1), "text-anchor": anchor, "class": name}, text)


def _rect(x: float, y: float, width: float, height: float, name: str, title: str = "") -> Element:
    attributes: dict[str, str | float] = {
        "x": round(x, 2),
        "y": round(y, 2),
        "width": round(max(width, 0.0), 2),
        "height": round(max(height, 0.0), 2),
        "class": name,
    }
    return element("rect", attributes, element("title", {}, title) if title else None)


def share_bars(
    rows: Sequence[tuple[str, Mapping[str, int], str]], *, classes: Mapping[str, str], label: str
) -> Element:
    """Return one bar a row, cut by status; each bar has the full width, so that rare labels are seen too.

    Parameters
    ----------
    rows : sequence of (name, counts, text)
        Drawn from the top; the text stands at the right.
    classes : mapping of str to str
        Status to CSS class, in drawing order; other statuses are not drawn.
    label : str
        What the picture shows, for those who do not see it.
    """
    children = []
    for at, (name, counts, text) in enumerate(rows):
        y, x = 8 + at * 42, 0.0
        total = sum(counts.get(key, 0) for key in classes)
        children += [_text(0, y + 8, name), _text(WIDTH, y + 8, text, anchor="end", name="t num")]
        for key, name_of in classes.items():
            width = counts.get(key, 0) / total * WIDTH if total else 0.0
            if width:
                children.append(_rect(x, y + 14, width, 15, name_of, f"{key}: {counts[key]:,}"))
            x += width
    return _svg(max(1, len(rows)) * 42 + 2, label, *children)


def histogram(counts: Sequence[int], *, label: str, low: float = 0.0, high: float = 1.0) -> Element:
    """Return a histogram of equal bins from `low` to `high`; the largest bin says its count."""
    height, base = 130.0, 106.0
    most = max([*counts, 1])
    step = WIDTH / max(1, len(counts))
    edges = [low + (high - low) * at / max(1, len(counts)) for at in range(len(counts) + 1)]
    children: list[Element | None] = []
    for at, count in enumerate(counts):
        tall = count / most * (base - 20)
        title = f"{edges[at]:.2g} to {edges[at + 1]:.2g}: {count:,}"
        children.append(_rect(at * step + 1, base - tall, step - 2, tall, "mark", title))
        if count == most and count:
            children.append(_text((at + 0.5) * step, base - tall - 4, f"{count:,}", anchor="middle"))
    children.append(_rect(0, base, WIDTH, 1, "axis"))
    for part in (0.0, 0.5, 1.0):
        anchor = ("start", "middle", "end")[int(part * 2)]
        children.append(_text(part * WIDTH, base + 17, f"{low + part * (high - low):.2g}", anchor=anchor))
    return _svg(height, label, *children)


def bars(rows: Sequence[tuple[str, float, str]], *, label: str, most: float | None = None) -> Element:
    """Return one bar a row of (name, value, text beside it); `most` is the scale's end, else the largest value."""
    end = most or max((value for _, value, _ in rows), default=0.0) or 1.0
    children = []
    for at, (name, value, text) in enumerate(rows):
        y = 8 + at * 36
        children += [
            _text(0, y + 8, name),
            _text(WIDTH, y + 8, text, anchor="end", name="t num"),
            _rect(0, y + 13, WIDTH, 10, "rail"),
            _rect(0, y + 13, min(value / end, 1.0) * WIDTH, 10, "mark"),
        ]
    return _svg(max(1, len(rows)) * 36 + 4, label, *children)


def arrows(
    cells: Sequence[tuple[float, float, float, float]], *, label: str, errors_m: Sequence[float | None] = ()
) -> Element:
    """Return the offset of each cell as an arrow on a map, all enlarged by one factor that is written below.

    Parameters
    ----------
    cells : sequence of (x, y, east, north)
        Centres and offsets in metres, in one metric CRS.
    label : str
        What the picture shows.
    errors_m : sequence of float or None
        Standard error of each cell, drawn as a circle around the arrow's tip; None or missing = not drawn.
    """
    if not cells:
        return _svg(30, label, _text(0, 18, "no cell has an offset of its own"))
    xs, ys = [cell[0] for cell in cells], [cell[1] for cell in cells]
    span = max(max(xs) - min(xs), max(ys) - min(ys), 1.0)
    side = span / max(1.0, math.sqrt(len(cells)))
    scale = (WIDTH - 110) / span
    longest = max(math.hypot(cell[2], cell[3]) for cell in cells) or 1.0
    enlarged = min(max(0.8 * side * scale, 34.0), 48.0) / longest  # the ground has 53 units around the outermost
    height = (max(ys) - min(ys)) * scale + 130
    children: list[Element | None] = [_rect(0, 0, WIDTH, height - 24, "ground")]
    left = (WIDTH - (max(xs) - min(xs)) * scale) / 2
    for at, (x, y, east, north) in enumerate(cells):
        at_x, at_y = left + (x - min(xs)) * scale, 53 + (max(ys) - y) * scale
        error_m = errors_m[at] if at < len(errors_m) else None
        title = f"{east:+.2f} m east, {north:+.2f} m north"
        if error_m is not None:
            title += f", give or take {error_m:.2f} m"
            circle: dict[str, str | float] = {
                "cx": round(at_x + east * enlarged, 1),
                "cy": round(at_y - north * enlarged, 1),
                "r": round(min(error_m * enlarged, 45.0), 1),
                "class": "error",
            }
            children.append(element("circle", circle))
        children.append(_arrow(at_x, at_y, east * enlarged, -north * enlarged, title))
    length_m = _round_length(longest)
    children.append(_arrow(2, height - 9, length_m * enlarged, 0.0, ""))
    children.append(_text(length_m * enlarged + 12, height - 5, f"{length_m:g} m; north is up"))
    return _svg(height, label, *children)


def _round_length(longest: float) -> float:
    power = 10 ** math.floor(math.log10(longest))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= longest)


def _arrow(x: float, y: float, dx: float, dy: float, title: str) -> Element:
    length = math.hypot(dx, dy)
    parts = [f"M{x:.1f} {y:.1f}l{dx:.1f} {dy:.1f}"]
    if length > 3:
        ux, uy = dx / length, dy / length
        for turn in (0.5, -0.5):
            cos, sin = math.cos(math.pi + turn), math.sin(math.pi + turn)
            parts.append(
                f"M{x + dx:.1f} {y + dy:.1f}l{6 * (ux * cos - uy * sin):.1f} {6 * (ux * sin + uy * cos):.1f}"
            )
    path = element("path", {"d": "".join(parts), "class": "arrow"})
    dot = element("circle", {"cx": round(x, 1), "cy": round(y, 1), "r": 2.2, "class": "dot"})
    return element("g", {}, element("title", {}, title) if title else None, path, dot)


def tile_map(rows: Sequence[str], *, classes: Mapping[str, str], names: Mapping[str, str], label: str) -> Element:
    """Return the tile grid as a map, one character a tile, tiles of one kind in a row drawn as one bar.

    Parameters
    ----------
    rows : sequence of str
        From north to south; each character is a tile's state, from west to east.
    classes : mapping of str to str
        Character to CSS class; other characters stay empty.
    names : mapping of str to str
        Character to the state's name, for the tooltips.
    label : str
        What the picture shows.
    """
    columns = max((len(row) for row in rows), default=0)
    if not columns:
        return _svg(30, label, _text(0, 18, "no tiles"))
    step = min(WIDTH / columns, 420 / len(rows), 28.0)
    gap = 1.0 if step > 5 else 0.0
    left = (WIDTH - step * columns) / 2
    children: list[Element | None] = []
    for row, states in enumerate(rows):
        column = 0
        while column < len(states):
            state, first = states[column], column
            # Failed tiles stay single so that each can be pointed at; the others join into bars.
            while column < len(states) and states[column] == state and (column == first or gap == 0.0):
                column += 1
            if state in classes:
                size = (column - first) * step - gap
                title = (
                    f"row {row}, column {first}: {names.get(state, state)}" if names.get(state) == "failed" else ""
                )
                children.append(_rect(left + first * step, row * step, size, step - gap, classes[state], title))
    return _svg(len(rows) * step + 2, label, *children)
