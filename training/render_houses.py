"""Kind of building -> a house of wings with a roof: homes, sheds, terraces, apartment blocks, halls."""

from collections.abc import Callable
from typing import Final

import numpy as np
from shapely.geometry import box

from training.render_roofs import House, RoofKind, Wing, choose_colour


def centred(long: float, wide: float) -> Wing:
    """Return a wing about the building's own zero."""
    return Wing(x0=-long / 2, y0=-wide / 2, x1=long / 2, y1=wide / 2)


def home(*, rng: np.random.Generator) -> House:
    """Return a detached house: a rectangle, an L or a T; the front is towards negative y."""
    long, wide = float(rng.uniform(9.5, 19.0)), float(rng.uniform(7.5, 11.5))
    wings = [centred(long, wide)]
    pick = rng.random()
    if pick > 0.4:
        # A side wing reaches to the middle of the main one, so that the ridges meet.
        across, deep = float(rng.uniform(0.32, 0.48)) * long, float(rng.uniform(2.5, 6.0))
        left = -long / 2 if pick < 0.65 else long / 2 - across if pick < 0.85 else -across / 2
        front = rng.random() < 0.6
        y0, y1 = (-wide / 2 - deep, 0.0) if front else (0.0, wide / 2 + deep)
        wings.append(Wing(x0=left, y0=y0, x1=left + across, y1=y1))
    roof: RoofKind = "hip" if rng.random() < 0.45 else "gable"
    if rng.random() < 0.08:
        roof = "flat"
    return House(
        wings=tuple(wings),
        roof=roof,
        height_m=float(rng.uniform(2.7, 6.0)),
        slope=0.0 if roof == "flat" else float(rng.uniform(0.3, 0.75)),
        colour=choose_colour(roof, rng=rng),
    )


def shed(*, rng: np.random.Generator) -> House:
    """Return a garden shed or a garage."""
    long = float(rng.uniform(3.5, 7.5))
    roof: RoofKind = "gable" if rng.random() < 0.6 else "flat"
    return House(
        wings=(centred(long, long * float(rng.uniform(0.65, 1.0))),),
        roof=roof,
        height_m=2.4,
        slope=0.0 if roof == "flat" else 0.4,
        colour=choose_colour(roof, rng=rng),
    )


def terrace(*, rng: np.random.Generator) -> House:
    """Return a row of attached houses under one roof."""
    units = int(rng.integers(4, 9))
    roof: RoofKind = "gable" if rng.random() < 0.75 else "flat"
    return House(
        wings=(centred(units * float(rng.uniform(5.5, 7.5)), float(rng.uniform(8.5, 11.0))),),
        roof=roof,
        height_m=float(rng.uniform(5.0, 7.5)),
        slope=0.0 if roof == "flat" else float(rng.uniform(0.5, 0.8)),
        colour=choose_colour(roof, rng=rng),
    )


def apartments(*, rng: np.random.Generator) -> House:
    """Return a block of flats: a slab, an L, a U, or four wings about a courtyard."""
    long, wide, deep = float(rng.uniform(30, 52)), float(rng.uniform(11, 14)), float(rng.uniform(26, 40))
    shape = str(rng.choice(["slab", "L", "U", "court"]))
    top = -deep / 2
    front = Wing(x0=-long / 2, y0=top, x1=long / 2, y1=top + wide)
    left = Wing(x0=-long / 2, y0=top, x1=-long / 2 + wide, y1=deep / 2)
    right = Wing(x0=long / 2 - wide, y0=top, x1=long / 2, y1=deep / 2)
    back = Wing(x0=-long / 2, y0=deep / 2 - wide, x1=long / 2, y1=deep / 2)
    wings = {"slab": (centred(long, wide),), "L": (front, left), "U": (front, left, right)}.get(
        shape, (front, left, right, back)
    )
    court = None
    if shape == "court" and long > 2 * wide + 4 and deep > 2 * wide + 4:
        court = box(-long / 2 + wide, top + wide, long / 2 - wide, deep / 2 - wide)
    elif shape == "court":
        wings = (front, left, right)
    roof: RoofKind = "flat" if rng.random() < 0.6 else "hip"
    return House(
        wings=wings,
        roof=roof,
        height_m=float(rng.uniform(8.0, 16.0)),
        slope=0.0 if roof == "flat" else float(rng.uniform(0.35, 0.6)),
        colour=choose_colour(roof, rng=rng),
        courtyard=court,
    )


def hall(*, rng: np.random.Generator) -> House:
    """Return a shop, school or factory hall: large, mostly flat, sometimes with a lower annexe."""
    long, wide = float(rng.uniform(26, 68)), float(rng.uniform(18, 38))
    wings = [centred(long, wide)]
    if rng.random() < 0.5:
        across = long * float(rng.uniform(0.25, 0.5))
        left = float(rng.uniform(-long / 2, long / 2 - across))
        wings.append(Wing(x0=left, y0=wide / 2 - 1.0, x1=left + across, y1=wide / 2 + float(rng.uniform(6, 14))))
    roof: RoofKind = "flat" if rng.random() < 0.75 else "gable"
    return House(
        wings=tuple(wings),
        roof=roof,
        height_m=float(rng.uniform(5.0, 10.0)),
        slope=0.0 if roof == "flat" else 0.18,
        colour=choose_colour(roof, rng=rng),
    )


HOUSES: Final[dict[str, Callable[..., House]]] = {
    "home": home,
    "shed": shed,
    "terrace": terrace,
    "apartments": apartments,
    "hall": hall,
}
"""Kinds of buildings a block can hold."""
