"""Name of a surface -> a paint for it: colours, mottling, stripes and grain that vary from place to place."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from training.render_canvas import Colour, Paint
from training.render_texture import Floats, cloud, gradient, smooth_noise

COLOURS: Final[dict[str, tuple[Colour, ...]]] = {
    "grass": (
        (62, 88, 46), (78, 104, 58), (88, 112, 70), (104, 118, 72), (118, 124, 82), (140, 134, 92),
        (154, 142, 104), (132, 116, 84), (52, 72, 42), (70, 98, 74), (96, 108, 88),
    ),
    "turf": (
        (52, 94, 58), (44, 104, 62), (60, 116, 76), (74, 118, 66), (40, 78, 54), (92, 128, 84), (108, 122, 84),
        (126, 136, 98), (98, 112, 74), (128, 150, 116),
    ),
    "clay": ((172, 104, 76), (152, 88, 64), (188, 124, 96), (140, 80, 62), (104, 124, 108), (122, 136, 116)),
    "asphalt": ((98, 98, 100), (118, 116, 114), (134, 132, 128), (82, 82, 86), (150, 146, 142), (112, 104, 98)),
    "concrete": ((178, 174, 166), (196, 192, 184), (164, 160, 152), (208, 202, 190)),
    "acrylic": (
        (70, 112, 88), (98, 140, 124), (50, 84, 66), (112, 136, 112), (58, 92, 140), (92, 128, 166),
        (70, 108, 128), (150, 74, 70), (176, 98, 96), (122, 64, 62), (108, 88, 132), (168, 148, 116),
        (128, 142, 140), (84, 72, 66),
    ),
    "dirt": (
        (198, 172, 132), (176, 140, 104), (152, 112, 82), (136, 78, 54), (206, 178, 154), (164, 150, 132),
        (184, 152, 132), (120, 92, 70), (214, 192, 158),
    ),
    "track": (
        (158, 84, 72), (178, 106, 92), (134, 72, 62), (190, 124, 108), (146, 92, 84), (72, 104, 150), (82, 80, 82),
        (120, 116, 112), (168, 140, 110), (128, 120, 100), (78, 112, 84),
    ),
    "sand": ((214, 200, 168), (226, 216, 192), (200, 182, 148), (208, 196, 180)),
    "water": ((92, 170, 190), (70, 150, 180), (120, 186, 196), (60, 120, 150)),
    "pond": ((52, 62, 58), (66, 76, 64), (44, 54, 62), (84, 88, 72)),
    "soil": ((118, 94, 72), (138, 116, 90), (98, 80, 64), (156, 134, 108), (84, 72, 60)),
}  # fmt: skip
"""Base colours (0..255) as public-domain aerial imagery shows them: duller and hazier than paint cards."""

ROUGHNESS: Final[dict[str, tuple[float, float, float]]] = {
    "grass": (0.05, 0.04, 0.04),
    "turf": (0.02, 0.012, 0.015),
    "clay": (0.03, 0.016, 0.014),
    "asphalt": (0.035, 0.018, 0.018),
    "concrete": (0.03, 0.018, 0.015),
    "acrylic": (0.018, 0.010, 0.010),
    "dirt": (0.04, 0.025, 0.022),
    "track": (0.02, 0.012, 0.012),
    "sand": (0.03, 0.03, 0.02),
    "water": (0.03, 0.04, 0.02),
    "pond": (0.05, 0.02, 0.012),
    "soil": (0.07, 0.06, 0.05),
}
"""Relative deviation of brightness in spots of about 14 m, 2.5 m and one pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What covers a piece of ground."""

    kind: str
    """A key of `COLOURS`."""
    colour: Colour
    """Base colour."""
    rough: float = 1.0
    """Factor on the kind's `ROUGHNESS`."""
    stripe_m: float = 0.0
    """Width of one mowing stripe or plough row; 0 = none."""
    stripe_deg: float = 0.0
    """Direction across which stripes alternate, in the picture."""
    stripe_depth: float = 0.0
    """Relative brightness between stripes."""
    patchy: float = 0.0
    """0..1: how much a second, drier colour shows in patches."""
    second: Colour = (150.0, 138.0, 100.0)
    """The colour of these patches."""


def jittered(colour: Colour, *, rng: np.random.Generator, by: float = 0.08) -> Colour:
    """Return the colour a little lighter or darker and of a slightly other hue."""
    light = 1.0 + rng.normal(0.0, by)
    grey, dull = sum(colour) / 3.0, rng.uniform(0.0, 2.5 * by)
    red, green, blue = (
        float(np.clip((c + (grey - c) * dull) * light + rng.normal(0.0, 30.0 * by), 12, 245)) for c in colour
    )
    return (red, green, blue)


def choose_surface(kind: str, *, rng: np.random.Generator, colour: Colour | None = None) -> Surface:
    """Return a surface of the kind with everything that varies chosen.

    Parameters
    ----------
    kind : str
        A key of `COLOURS`.
    colour : tuple of float, optional
        Base colour instead of a random one of the kind.
    """
    palette = COLOURS[kind]
    base = jittered(palette[int(rng.integers(len(palette)))] if colour is None else colour, rng=rng)
    surface = Surface(kind=kind, colour=base, rough=float(rng.uniform(0.6, 1.5)))
    if kind == "grass":
        dry = COLOURS["grass"][int(rng.integers(4, 8))]
        surface = replace(surface, patchy=float(rng.uniform(0.0, 1.0) ** 3 * 0.7), second=jittered(dry, rng=rng))
    return surface


def mown(surface: Surface, *, stripe_deg: float, rng: np.random.Generator) -> Surface:
    """Return the surface with mowing stripes."""
    return replace(
        surface,
        stripe_m=float(rng.uniform(1.8, 5.5)),
        stripe_deg=stripe_deg,
        stripe_depth=float(rng.uniform(0.04, 0.16)),
    )


def paint_of(surface: Surface, *, gsd_m: float, rng: np.random.Generator) -> Paint:
    """Return the paint that covers a piece of canvas with the surface."""
    coarse, middle, fine = (value * surface.rough for value in ROUGHNESS[surface.kind])
    # Grain averages out in larger pixels; 0.3 m is where the table was looked at.
    fine *= float(np.clip(0.3 / gsd_m, 0.4, 1.4))

    def paint(y_m: Floats, x_m: Floats) -> Floats:
        shape = (y_m.shape[0], x_m.shape[1])
        light = 1.0 + np.float32(coarse) * cloud(shape, scales_px=(14.0 / gsd_m, 6.0 / gsd_m), rng=rng)
        light += np.float32(middle) * cloud(shape, scales_px=(2.5 / gsd_m, 1.0 / gsd_m), rng=rng)
        light += np.float32(fine) * smooth_noise(shape, scale_px=1.0, rng=rng)
        light += np.float32(rng.uniform(0.0, 0.06)) * gradient(shape, rng=rng)
        if surface.stripe_m > 0.0:
            angle = np.deg2rad(surface.stripe_deg)
            across = x_m * np.float32(np.cos(angle)) + y_m * np.float32(np.sin(angle))
            wave = np.tanh(3.0 * np.sin(across * np.float32(np.pi / surface.stripe_m)))
            light += np.float32(0.5 * surface.stripe_depth) * wave
        colours = np.asarray(surface.colour, np.float32) * light[..., None]
        if surface.patchy > 0.0:
            spots = cloud(shape, scales_px=(18.0 / gsd_m, 5.0 / gsd_m, 1.6 / gsd_m), rng=rng)
            share = np.clip(0.5 + 0.4 * spots, 0.0, 1.0)[..., None] * np.float32(surface.patchy)
            colours += (np.asarray(surface.second, np.float32) * light[..., None] - colours) * share
        return np.asarray(colours, np.float32)

    return paint
