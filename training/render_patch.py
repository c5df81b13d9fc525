"""The renderer's records: where a thing stands, where the sun is, what is to be drawn, and the drawn patch."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import affine_transform
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from training.render_canvas import Canvas


@dataclass(frozen=True, slots=True, kw_only=True)
class Sun:
    """One direction of light for a whole picture."""

    azimuth_deg: float
    """Direction in which shadows fall, in the picture: 0 = right, 90 = down."""
    reach: float
    """Length of a shadow per metre of height: 1 = sun at 45 degrees."""
    strength: float
    """How much a shadow darkens, 0..1."""

    def shift(self, height_m: float) -> tuple[float, float]:
        """Return how far (x, y in metres) the shadow of a point at a height falls from its foot."""
        angle = math.radians(self.azimuth_deg)
        return (math.cos(angle) * self.reach * height_m, math.sin(angle) * self.reach * height_m)


def any_sun(rng: np.random.Generator) -> Sun:
    """Return a sun as aerial surveys have it: not low, from any side."""
    return Sun(
        azimuth_deg=float(rng.uniform(0, 360)),
        reach=float(rng.uniform(0.35, 1.5)),
        strength=float(rng.uniform(0.3, 0.65)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where a thing's own metres (x along it, y across) lie on the canvas."""

    x_m: float
    """Centre on the canvas, metres."""
    y_m: float
    turn_deg: float
    """Turn of the thing's x axis, from right towards down."""

    def place(self, geometry: BaseGeometry) -> BaseGeometry:
        """Return a geometry of the thing's own metres on the canvas."""
        cos, sin = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        return affine_transform(geometry, [cos, -sin, sin, cos, self.x_m, self.y_m])

    def then(self, x_m: float, y_m: float, turn_deg: float = 0.0) -> "Pose":
        """Return the pose of a part that stands at (x, y) of the thing and is turned against it."""
        cos, sin = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        return Pose(
            x_m=self.x_m + cos * x_m - sin * y_m,
            y_m=self.y_m + sin * x_m + cos * y_m,
            turn_deg=self.turn_deg + turn_deg,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPlan:
    """A field (or several, or none for a look-alike) that can be drawn on a canvas at any pose."""

    variant: str
    """Words for what was chosen, such as ``acrylic-two-colour``."""
    extent: Polygon
    """Ground it takes, in its own metres: outline and run-off."""
    outlines: tuple[tuple[str, Polygon], ...]
    """Labels and truth polygons in its own metres."""
    draw: Callable[[Canvas, Pose], None]
    """Draws everything, the ground included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPatch:
    """A drawn plan that can be pasted into a picture."""

    rgba: NDArray[np.uint8]
    """(H, W, 4); alpha 255 on the drawn ground, 0 outside, between on edges and in shadows beyond it."""
    gsd_m: float
    """Metres per pixel."""
    outlines: tuple[tuple[str, Polygon], ...]
    """Labels and polygons in patch pixels: x to the right, y downwards, pixel corners are whole numbers."""
    heading_deg: float
    """Direction of the field's long axis, from right towards down, 0..180."""
    variant: str
    """Words for what was chosen."""


def draw_plan(plan: FieldPlan, *, gsd_m: float, heading_deg: float, margin_m: float = 4.0) -> FieldPatch:
    """Draw a plan on a patch just large enough for it.

    Parameters
    ----------
    margin_m : float
        Room around the extent, for shadows and soft edges.
    """
    turned = Pose(x_m=0.0, y_m=0.0, turn_deg=heading_deg).place(plan.extent)
    left, top, right, bottom = turned.bounds
    width_px, height_px = (
        math.ceil((far - near + 2.0 * margin_m) / gsd_m) for near, far in ((left, right), (top, bottom))
    )
    pose = Pose(x_m=margin_m - left, y_m=margin_m - top, turn_deg=heading_deg)
    canvas = Canvas(height_px, width_px, gsd_m=gsd_m)
    plan.draw(canvas, pose)
    outlines = tuple(
        (label, shapely.transform(pose.place(outline), lambda xy: xy / gsd_m)) for label, outline in plan.outlines
    )
    return FieldPatch(
        rgba=canvas.rgba(), gsd_m=gsd_m, outlines=outlines, heading_deg=heading_deg % 180.0, variant=plan.variant
    )
