"""Sizes of a field in metres -> the lines painted on it, in its own metres (x along, y across, centre 0)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from shapely.geometry import LineString, box

TENNIS_M: Final = (23.77, 10.97)
"""Doubles court, outer edges of the lines. Source: ITF Rules of Tennis, rule 1."""


def ring(x0: float, y0: float, x1: float, y1: float) -> LineString:
    """Return the border of a rectangle."""
    return LineString(box(x0, y0, x1, y1).exterior.coords)


def segment(x0: float, y0: float, x1: float, y1: float) -> LineString:
    """Return one straight line."""
    return LineString([(x0, y0), (x1, y1)])


def arc(x: float, y: float, radius: float, start_deg: float, stop_deg: float) -> LineString:
    """Return an arc; its chords leave the circle by less than 3 cm at the sizes of fields."""
    steps = max(6, int(abs(stop_deg - start_deg) / 360.0 * max(24.0, 9.0 * radius)))
    angle = np.deg2rad(np.linspace(start_deg, stop_deg, steps + 1))
    return LineString(np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)]))


def tennis_lines() -> list[LineString]:
    """Return the lines of a doubles court."""
    half, wide, single, service = 11.885, 5.485, 4.115, 6.40
    lines = [ring(-half, -wide, half, wide)]
    lines += [segment(-half, y, half, y) for y in (-single, single)]
    lines += [segment(x, -single, x, single) for x in (-service, service)]
    lines += [segment(-service, 0, service, 0), segment(-half, 0, -half + 0.3, 0), segment(half - 0.3, 0, half, 0)]
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Hoop:
    """One end of a basketball court; metres."""

    key_m: tuple[float, float] = (5.8, 4.9)
    """Depth and width of the free-throw lane (FIBA 2010 on)."""
    key_end_m: float = 4.9
    """Width at the baseline: 6.0 in the trapezoid that FIBA used before 2010."""
    three_m: float = 6.75
    """Radius of the three-point arc; 0 = none."""
    side_m: float = 0.9
    """Distance of the straight part of the three-point line from the side line."""


def hoop_lines(hoop: Hoop, *, base_x: float, width_m: float, into: float) -> list[LineString]:
    """Return the lines at one basket.

    Parameters
    ----------
    base_x : float
        Where the baseline is.
    width_m : float
        Width of the court.
    into : float
        1.0 when the court lies towards larger x, -1.0 otherwise.
    """
    depth, wide = hoop.key_m
    far = base_x + into * depth
    end = hoop.key_end_m / 2.0
    face = 0.0 if into > 0 else 180.0
    lines = [LineString([(base_x, -end), (far, -wide / 2), (far, wide / 2), (base_x, end)])]
    lines.append(arc(far, 0.0, 1.8, face - 90.0, face + 90.0))
    if hoop.three_m > 0.0:
        rim_x = base_x + into * 1.575
        side = min(width_m / 2.0 - hoop.side_m, hoop.three_m)
        angle = float(np.rad2deg(np.arcsin(side / hoop.three_m)))
        bow = arc(rim_x, 0.0, hoop.three_m, face - angle, face + angle)
        lines.append(LineString([(base_x, bow.coords[0][1]), *bow.coords, (base_x, bow.coords[-1][1])]))
    return lines


def soccer_lines(length_m: float, width_m: float) -> list[LineString]:
    """Return the lines of a soccer pitch; boxes shrink with pitches smaller than full size.

    References
    ----------
    IFAB Laws of the Game, law 1: 16.5 m penalty area, 5.5 m goal area, 9.15 m circle.
    """
    half, wide = length_m / 2.0, width_m / 2.0
    scale = min(1.0, length_m / 95.0, width_m / 58.0)
    lines = [ring(-half, -wide, half, wide), segment(0, -wide, 0, wide), arc(0, 0, 9.15 * scale, 0, 360)]
    for side in (-1.0, 1.0):
        for depth, breadth in ((16.5, 40.32), (5.5, 18.32)):
            x0, x1 = sorted((side * half, side * (half - depth * scale)))
            lines.append(ring(x0, -breadth / 2 * scale, x1, breadth / 2 * scale))
        face = 180.0 if side > 0 else 0.0
        lines.append(arc(side * (half - 11.0 * scale), 0, 9.15 * scale, face - 53.0, face + 53.0))
        for y in (-wide, wide):
            corner = {(-1.0, -1): 0, (1.0, -1): 90, (1.0, 1): 180, (-1.0, 1): 270}[(side, int(np.sign(y)))]
            lines.append(arc(side * half, y, 1.0, corner, corner + 90))
    return lines


FOOTBALL_M: Final = (109.73, 48.77)
"""120 x 53 1/3 yards, end zones included. Source: NFHS and NCAA football rules, rule 1."""

YARD_M: Final = 0.9144


def football_lines() -> list[LineString]:
    """Return border, goal lines, five-yard lines and hash marks of an American football field."""
    half, wide = FOOTBALL_M[0] / 2.0, FOOTBALL_M[1] / 2.0
    lines = [ring(-half, -wide, half, wide)]
    lines += [segment(5 * k * YARD_M, -wide, 5 * k * YARD_M, wide) for k in range(-10, 11)]
    hash_y = 8.13  # high-school hash marks cut the width in thirds
    for k in range(-49, 50):
        if k % 5:
            x = k * YARD_M
            lines += [segment(x, y - 0.3, x, y + 0.3) for y in (-wide + 0.6, -hash_y, hash_y, wide - 0.6)]
    return lines


DIGITS: Final[dict[str, str]] = {
    "0": "111101101101111",
    "1": "010110010010111",
    "2": "111001111100111",
    "3": "111001111001111",
    "4": "101101111001001",
    "5": "111100111001111",
}
"""Five rows of three cells: yard numbers need no font."""


def yard_numbers(cell_m: float = 0.36) -> list[tuple[float, float, float, float]]:
    """Return the filled cells (x0, y0, x1, y1) of the yard numbers 10..50..10 along both side lines.

    Parameters
    ----------
    cell_m : float
        Side of a cell; a digit is five cells tall, and six feet in the rule books.
    """
    cell_x, cell_y = cell_m, cell_m
    cells = []
    for k in range(-4, 5):
        for side in (-1.0, 1.0):
            for place, digit in enumerate(f"{50 - 10 * abs(k)}"):
                left = 10 * k * YARD_M + (-0.42 - 3.0 * cell_m if place == 0 else 0.42)
                for index, on in enumerate(DIGITS[digit]):
                    if on == "1":
                        row, col = divmod(index, 3)
                        x = side * (left + col * cell_x)
                        y = side * (FOOTBALL_M[1] / 2.0 - 8.2 + row * cell_y)
                        x1, y1 = x + side * cell_x, y + side * cell_y
                        cells.append((min(x, x1), min(y, y1), max(x, x1), max(y, y1)))
    return cells
