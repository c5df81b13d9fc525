"""Losses and validation chips of a training run -> training_report.html: curves, figures, best and worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from review.markup import Child, Element, element
from review.plots import WIDTH
from review.sheet import sheet_html
from training.gallery import Shown, picture

GALLERY = 6
"""Pictures of the best, and of the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """What the report shows."""

    name: str
    facts: Mapping[str, str]
    """Name -> text: steps, chips, seed, data."""
    losses: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Name -> value per step."""
    figures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Label -> as `training.evaluate.figures`, on the chips shown."""
    chips: Sequence[Shown] = ()
    """Best first."""


def training_report(report: TrainingReport) -> str:
    """Return the report as one self-contained HTML text; what is empty is left out."""
    few = len(report.chips) <= 2 * GALLERY
    best = list(report.chips) if few else list(report.chips[:GALLERY])
    worst = [] if few else list(report.chips[-GALLERY:])[::-1]
    return sheet_html(
        f"Training: {report.name}",
        element("h1", {}, f"Training: {report.name}"),
        _facts(report.facts),
        _losses(report.losses),
        _figures(report.figures),
        _gallery("Validation chips" if few else "Best validation chips", best),
        _gallery("Worst validation chips", worst),
        element("footer", {}, "Green: what is there. Red, dashed: what was found. Yellow, dotted: not judged."),
    )


def curve(values: Sequence[float], *, label: str) -> Element:
    """Return a line plot of values by step: faint as they are, strong their running mean; it starts at 0."""
    height, base, top = 130.0, 106.0, 16.0
    given = np.asarray(values, float)
    smooth = _running_mean(given, max(1, len(given) // 50))
    most = float(np.percentile(given, 99)) if len(given) else 1.0
    most = most if np.isfinite(most) and most > 0 else 1.0
    said = f"{label}: {smooth[-1]:.4f} at the end" if len(given) else label
    children: list[Child] = [element("title", {}, said)]
    for line, name in ((given, "curve faint"), (smooth, "curve")):
        kept = np.unique(np.linspace(0, max(len(line) - 1, 0), min(len(line), 400)).astype(int))
        points = [
            f"{at / max(len(line) - 1, 1) * WIDTH:.1f} {base - min(line[at] / most, 1.0) * (base - top):.1f}"
            for at in kept
        ]
        if points:
            children.append(element("path", {"d": "M" + "L".join(points), "class": name}))
    children.append(element("rect", {"x": 0, "y": base, "width": WIDTH, "height": 1, "class": "axis"}))
    under = base + 17
    for x, y, anchor, text in (
        (0, 12.0, "start", f"{most:.3g}"),
        (0, under, "start", "step 1"),
        (WIDTH, under, "end", str(len(given))),
    ):
        children.append(element("text", {"x": x, "y": y, "text-anchor": anchor, "class": "t"}, text))
    return element("svg", {"viewBox": f"0 0 {WIDTH} {height:g}", "role": "img", "class": "plot"}, *children)


def _running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    total = np.concatenate(([0.0], np.cumsum(values)))
    start = np.maximum(np.arange(len(values)) + 1 - width, 0)
    return np.asarray((total[1:] - total[start]) / np.maximum(np.arange(len(values)) + 1 - start, 1))


def _facts(facts: Mapping[str, str]) -> Element | None:
    if not facts:
        return None
    entries: list[Child] = []
    for name, text in facts.items():
        entries += [element("dt", {}, name), element("dd", {}, text)]
    return element("section", {}, element("h2", {}, "The run"), element("dl", {}, *entries))


def _losses(losses: Mapping[str, Sequence[float]]) -> Element | None:
    shown = {name: values for name, values in losses.items() if len(values)}
    if not shown:
        return None
    plots = [
        element("div", {}, element("h3", {}, _words(name)), curve(values, label=_words(name)))
        for name, values in shown.items()
    ]
    return element("section", {}, element("h2", {}, "Losses"), element("div", {"class": "small"}, *plots))


def _figures(figures: Mapping[str, Mapping[str, Any]]) -> Element | None:
    if not figures:
        return None
    names = ("n_truth", "ap", "ap50", "ap75", "threshold", "precision50", "recall50", "false_per_km2")
    head = element("tr", {}, *(element("th", {"scope": "col"}, each) for each in ("label", *map(_words, names))))
    rows = []
    for label, of in figures.items():
        cells = [element("td", {}, _value(of.get(name))) for name in names]
        rows.append(element("tr", {}, element("td", {}, _words(label)), *cells))
    table = element("table", {}, element("thead", {}, head), element("tbody", {}, *rows))
    box = {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": "Figures by label"}
    return element("section", {}, element("h2", {}, "On the validation chips below"), element("div", box, table))


def _gallery(title: str, chips: Sequence[Shown]) -> Element | None:
    if not chips:
        return None
    return element(
        "section", {}, element("h2", {}, title), element("div", {"class": "gallery"}, *map(picture, chips))
    )


def _words(slug: str) -> str:
    return slug.replace("_", " ")


def _value(value: Any) -> str:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
