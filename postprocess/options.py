"""The numbers that turn grids into polygons and parts into objects, each with its unit and default."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from groundplan.errors import ConfigError
from groundplan.labels import check_label

MIN_AREA_M2: Final[Mapping[str, float]] = {
    "building": 10.0,  # a garage has 15; smaller outlines are sheds, cars and shadows
    "tennis_court": 100.0,  # painted lines enclose 261
    "basketball_court": 60.0,  # half of the smallest school court
    "baseball_diamond": 150.0,  # the square of the smallest youth infield has 335
    "soccer_field": 300.0,  # five-a-side pitches begin at 25 x 15 m
    "american_football_field": 1000.0,  # a full field has 5,350
    "running_track": 800.0,  # a 200 m ring of four lanes
}
"""Smallest object kept for each label, after merging; about half of the smallest that is built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolygonOptions:
    """How outlines are drawn, parts compared and objects kept. Pixels mean tile pixels of `gsd_m`."""

    gsd_m: float = 0.3
    """Metres per tile pixel; scales the tolerances given in pixels when parts are merged."""
    threshold: float = 0.5
    """Level of the probability grid at which the outline runs, 0..1."""
    min_area_m2: Mapping[str, float] = field(default_factory=lambda: dict(MIN_AREA_M2))
    """Smallest object kept, by label; a label that is missing keeps everything."""
    min_hole_m2: float = 4.0
    """Holes of a mask below this are filled: a courtyard is larger, noise is smaller."""
    simplify_m: float = 0.08
    """Largest move of an outline when vertices are left out; 0 keeps all of them."""
    min_component_share: float = 0.1
    """A separate piece of a mask is kept from this share of the largest piece on, or at the tile's border."""
    border_px: float = 2.0
    """A part nearer than this to its tile's border may go on beyond it."""
    sliver_px: float = 3.0
    """A cut part thinner than this proves nothing: it links no others and vanishes unless it is joined."""
    agree_iou: float = 0.5
    """Two tiles' parts are one object when their IoU inside the seam reaches this."""
    agree_cover: float = 0.8
    """... or when this share of the smaller lies in the larger inside the seam and one of them is cut."""
    covered_share: float = 0.75
    """A part of which this share lies under whole parts of its object adds nothing and is dropped."""
    duplicate_iou: float = 0.5
    """Objects of one label above this IoU are one object; the better is kept."""
    duplicate_cover: float = 0.8
    """... and so is an object of which this share lies under better ones."""
    conflict_iou: float = 0.5
    """Objects of different labels above this IoU are one thing; the better scored is kept."""
    coexist_score: float = 0.8
    """... unless their lines are painted on one ground and both score this or more."""

    def __post_init__(self) -> None:
        for label in self.min_area_m2:
            check_label(label)
        if not (math.isfinite(self.gsd_m) and self.gsd_m > 0):
            raise ConfigError(f"gsd_m={self.gsd_m} is no pixel size; give metres per pixel above 0")
        for name in ("min_hole_m2", "simplify_m", "border_px", "sliver_px"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name}={value} is negative or not finite; give 0 or more")
        shares = (
            "agree_iou",
            "agree_cover",
            "covered_share",
            "duplicate_iou",
            "duplicate_cover",
            "conflict_iou",
            "coexist_score",
        )
        for name in ("threshold", "min_component_share", *shares):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ConfigError(f"{name}={value} is out of range; choose a share between 0 and 1")

    @property
    def border_m(self) -> float:
        """`border_px` in metres."""
        return self.border_px * self.gsd_m

    @property
    def sliver_m(self) -> float:
        """`sliver_px` in metres."""
        return self.sliver_px * self.gsd_m


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeOptions:
    """How far a regular shape may be from the outline that it stands for."""

    min_iou: float = 0.9
    """A shape below this IoU with the free outline is not used; of certain fields, one below `laid_out_iou`."""
    simpler_iou: float = 0.02
    """A building stays a rectangle unless right angles raise the IoU by more than this."""
    corner_m: float = 0.6
    """Bends of a building's outline smaller than this are noise, not corners."""
    step_m: float = 1.0
    """Walls of a building shorter than this are left out."""
    shapeless_score: float = 0.8
    """A court, pitch or track that the shape of its label does not fit is kept from this score on: real ones are
    laid out to measure. One that the imagery's end cuts is kept at any score."""
    laid_out_iou: float = 0.8
    """From `shapeless_score` on, a whole court, pitch or track takes its shape from this IoU on, if that is less
    than `min_iou`: it can have no other, so a ragged outline tells of the mask and not of the ground."""

    def __post_init__(self) -> None:
        for name in ("min_iou", "laid_out_iou"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ConfigError(f"{name}={value} is out of range; choose a share above 0 and up to 1")
        if not 0 <= self.shapeless_score <= 1:
            raise ConfigError(
                f"shapeless_score={self.shapeless_score} is out of range; choose a score from 0 to 1"
            )
        for name in ("simpler_iou", "corner_m", "step_m"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ConfigError(f"{name}={getattr(self, name)} is negative or not finite; give 0 or more")
