"""Colours of the style sheets, light and dark, against WCAG 2.2 AA, computed from the custom properties alone."""

import re
from importlib import resources

import pytest

TEXTS = {
    "app.css": [
        ("ink", "ground"),
        ("ink", "panel"),
        ("quiet", "ground"),
        ("quiet", "panel"),
        ("accent", "panel"),
        ("ink", "chosen"),
        ("quiet", "chosen"),
        ("yes", "panel"),
        ("yes", "chosen"),
        ("no", "panel"),
        ("no", "chosen"),
        ("on-strong", "yes"),
        ("on-strong", "no"),
        ("warn-ink", "warn-ground"),
    ],
    "report.css": [
        ("ink", "ground"),
        ("ink", "panel"),
        ("quiet", "ground"),
        ("quiet", "panel"),
        ("warn-ink", "warn-ground"),
    ],
}
"""Text and the ground it stands on: at least 4.5 (success criterion 1.4.3)."""
SHAPES = {
    "app.css": [("field", "panel"), ("accent", "panel"), ("accent", "ground"), ("accent", "chosen")],
    "report.css": [
        ("mark", "panel"),
        ("new", "panel"),
        ("review", "panel"),
        ("matched", "panel"),
        ("failed", "panel"),
    ],
}
"""Borders of controls, the focus ring, and bars: at least 3 (success criterion 1.4.11)."""


def properties(name: str) -> dict[str, dict[str, str]]:
    """Return the custom properties by scheme; dark ones are laid over the light ones."""
    text = resources.files("review").joinpath("static", name).read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", text, flags=re.DOTALL)[:2]
    found = {
        scheme: dict(re.findall(r"--([\w-]+): (#\w+)", part))
        for scheme, part in (("light", light), ("dark", dark))
    }
    return {"light": found["light"], "dark": found["light"] | found["dark"]}


def luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    digits = "".join(2 * each for each in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_formula_gives_wcags_own_figures() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("table", "least"), [(TEXTS, 4.5), (SHAPES, 3.0)])
@pytest.mark.parametrize("sheet", ["app.css", "report.css"])
def test_colours_have_the_contrast_of_level_aa(sheet: str, table: dict, least: float, scheme: str) -> None:
    colours = properties(sheet)[scheme]
    low = {pair: contrast(*(colours[name] for name in pair)) for pair in table[sheet]}
    assert {pair: round(ratio, 2) for pair, ratio in low.items() if ratio < least} == {}
