"""Label, resolution, random generator -> a drawn sports field (or several side by side) with its outlines."""

from collections.abc import Callable
from typing import Final

import numpy as np

from groundplan.errors import DataError
from groundplan.labels import FIELD_LABELS
from training.render_battery import plan_battery
from training.render_courts import plan_basketball, plan_tennis
from training.render_diamond import plan_diamond
from training.render_patch import FieldPatch, FieldPlan, Sun, any_sun, draw_plan
from training.render_pitches import plan_football, plan_soccer
from training.render_stands import with_stands
from training.render_track import plan_track

PLANS: Final[dict[str, Callable[..., FieldPlan]]] = {
    "tennis_court": plan_tennis,
    "basketball_court": plan_basketball,
    "baseball_diamond": plan_diamond,
    "soccer_field": plan_soccer,
    "american_football_field": plan_football,
    "running_track": plan_track,
}

WITH_STANDS: Final = frozenset({"soccer_field", "american_football_field", "running_track"})
"""Fields that people watch from stands."""
STANDS_SHARE: Final = 0.35


def plan_field(label: str, *, rng: np.random.Generator, sun: Sun | None = None) -> FieldPlan:
    """Plan one field of a label; a track may hold a pitch, which then has its own outline.

    Raises
    ------
    DataError
        The label is no sports field.
    """
    if label not in PLANS:
        raise DataError(f"label {label!r} cannot be drawn as a field; choose one of {', '.join(FIELD_LABELS)}")
    return PLANS[label](sun=any_sun(rng) if sun is None else sun, rng=rng)


def draw_field(
    label: str,
    *,
    gsd_m: float,
    rng: np.random.Generator,
    heading_deg: float | None = None,
    sun: Sun | None = None,
) -> FieldPatch:
    """Draw one field with regulation geometry; sizes, colours, paint, wear and things around it vary.

    Parameters
    ----------
    label : str
        One of `groundplan.labels.FIELD_LABELS`.
    gsd_m : float
        Metres per pixel; lines are anti-aliased, so 0.1 to 1.2 all work.
    rng : numpy.random.Generator
    heading_deg : float, optional
        Direction of the long axis, from right towards down; None = any.
    sun : Sun, optional
        None = any.

    Returns
    -------
    FieldPatch
        Outlines: tennis and basketball the outer painted lines, soccer the touch lines, football with its end
        zones, tracks the ring with its hole, baseball the infield (dirt and the grass inside it).

    Raises
    ------
    DataError
        The label is no sports field.
    """
    light = any_sun(rng) if sun is None else sun
    plan = plan_field(label, rng=rng, sun=light)
    if label in WITH_STANDS and rng.random() < STANDS_SHARE:
        plan = with_stands(plan, sun=light, rng=rng)
    heading = float(rng.uniform(0.0, 360.0)) if heading_deg is None else heading_deg
    return draw_plan(plan, gsd_m=gsd_m, heading_deg=heading)


def draw_battery(
    label: str,
    *,
    gsd_m: float,
    rng: np.random.Generator,
    count: int | None = None,
    heading_deg: float | None = None,
    sun: Sun | None = None,
) -> FieldPatch:
    """Draw several courts, pitches or diamonds side by side, each with its own outline.

    Parameters
    ----------
    label : str
        Any field label but ``running_track``.
    count : int, optional
        Courts on the slab; None = 1 to 6.

    Raises
    ------
    DataError
        The label does not come in batteries.
    """
    light = any_sun(rng) if sun is None else sun
    plan = plan_battery(label, count=count, sun=light, rng=rng)
    heading = float(rng.uniform(0.0, 360.0)) if heading_deg is None else heading_deg
    return draw_plan(plan, gsd_m=gsd_m, heading_deg=heading)
