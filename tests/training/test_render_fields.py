"""Drawn fields: their truth has regulation sizes, their pixels agree with it, equal seeds give equal bytes."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from groundplan.errors import DataError
from groundplan.labels import FIELD_LABELS
from training.render_canvas import Canvas
from training.render_fields import draw_battery, draw_field
from training.render_patch import FieldPatch

AREAS_M2 = {
    "tennis_court": (23.77 * 10.97 - 1, 23.77 * 10.97 + 1),
    "basketball_court": (100.0, 28.65 * 15.24 + 1),
    "baseball_diamond": (350.0, 2500.0),
    "soccer_field": (1100.0, 116.0 * 74.0),
    "american_football_field": (109.73 * 48.77 - 5, 109.73 * 48.77 + 5),
    "running_track": (700.0, 6500.0),
}


def main_outline(label: str, patch: FieldPatch) -> shapely.Polygon:
    return next(outline for name, outline in patch.outlines if name == label)


def inside(outline: shapely.Polygon, shape: tuple[int, int]) -> np.ndarray:
    canvas = Canvas(shape[0], shape[1], gsd_m=1.0)
    layer = canvas.cover(outline)
    out = np.zeros(shape, bool)
    if layer is not None:
        out[layer.rows, layer.cols] = layer.cover > 0.99
    return out


@pytest.mark.parametrize("label", FIELD_LABELS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), gsd_m=st.sampled_from([0.3, 0.6, 1.0]))
def test_outlines_have_regulation_areas_and_lie_on_opaque_ground(label: str, seed: int, gsd_m: float) -> None:
    patch = draw_field(label, gsd_m=gsd_m, rng=np.random.default_rng(seed))
    outline = main_outline(label, patch)
    low, high = AREAS_M2[label]
    assert outline.is_valid
    assert low <= outline.area * gsd_m**2 <= high
    height, width = patch.rgba.shape[:2]
    assert shapely.box(0, 0, width, height).contains(outline)
    alpha = patch.rgba[..., 3][inside(outline, (height, width))]
    assert np.mean(alpha > 200) > 0.97
    assert patch.rgba[0, 0, 3] < 128


@pytest.mark.parametrize("label", FIELD_LABELS)
def test_equal_seeds_draw_equal_bytes_and_other_seeds_do_not(label: str) -> None:
    one, same, other = (draw_field(label, gsd_m=0.6, rng=np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert one.rgba.tobytes() == same.rgba.tobytes()
    assert one.outlines == same.outlines
    assert one.rgba.shape != other.rgba.shape or one.rgba.tobytes() != other.rgba.tobytes()


def test_the_heading_turns_the_outline() -> None:
    patch = draw_field("tennis_court", gsd_m=0.3, rng=np.random.default_rng(1), heading_deg=30.0)
    corners = np.asarray(main_outline("tennis_court", patch).exterior.coords)
    edges = np.diff(corners, axis=0)
    longest = edges[np.argmax(np.hypot(*edges.T))]
    assert np.rad2deg(np.arctan2(longest[1], longest[0])) % 180 == pytest.approx(30.0, abs=1e-6)
    assert np.hypot(*longest) * 0.3 == pytest.approx(23.77, abs=1e-6)


def test_painted_lines_lie_on_the_outline() -> None:
    # Mean over many courts: the ring of pixels on the outline is lighter than the ground on both sides of it.
    ahead = []
    for seed in range(20):
        patch = draw_field("tennis_court", gsd_m=0.15, rng=np.random.default_rng(seed))
        outline, grey = main_outline("tennis_court", patch), patch.rgba[..., :3].mean(axis=2)
        ring = [
            grey[inside(outline.buffer(b + 0.8).difference(outline.buffer(b - 0.8)), grey.shape)]
            for b in (-4, -0.3, 4)
        ]
        ahead.append(np.median(ring[1]) - max(np.median(ring[0]), np.median(ring[2])))
    assert np.median(ahead) > 8.0


def test_a_track_is_a_ring_with_its_pitch_inside_the_hole() -> None:
    pitches = 0
    for seed in range(12):
        patch = draw_field("running_track", gsd_m=1.0, rng=np.random.default_rng(seed))
        (label, ring), *rest = patch.outlines
        assert label == "running_track" and len(ring.interiors) == 1
        for _, pitch in rest:
            assert shapely.Polygon(ring.interiors[0]).buffer(0.05).contains(pitch)
            pitches += 1
    assert pitches >= 4


@pytest.mark.parametrize("label", [label for label in FIELD_LABELS if label != "running_track"])
def test_a_battery_has_as_many_outlines_as_courts_and_none_overlap(label: str) -> None:
    patch = draw_battery(label, gsd_m=0.6, rng=np.random.default_rng(5), count=3)
    outlines = [outline for name, outline in patch.outlines if name == label]
    assert len(outlines) == 3
    for index, outline in enumerate(outlines):
        for other in outlines[index + 1 :]:
            assert outline.intersection(other).area < 1e-6


def test_the_diamond_outline_holds_the_dirt_and_not_the_outfield() -> None:
    hits = 0
    for seed in range(10):
        patch = draw_field("baseball_diamond", gsd_m=0.6, rng=np.random.default_rng(seed))
        outline = main_outline("baseball_diamond", patch)
        colours = patch.rgba[..., :3].astype(float)
        reddish = colours[..., 0] - colours[..., 1]
        within = inside(outline, reddish.shape)
        around = inside(outline.buffer(8).difference(outline.buffer(2)), reddish.shape) & (
            patch.rgba[..., 3] > 250
        )
        hits += bool(around.sum() < 50 or reddish[within].mean() > reddish[around].mean() + 5)
    assert hits >= 8


def test_a_building_is_no_field() -> None:
    with pytest.raises(DataError, match="building"):
        draw_field("building", gsd_m=0.3, rng=np.random.default_rng(0))
    with pytest.raises(DataError, match="running_track"):
        draw_battery("running_track", gsd_m=0.3, rng=np.random.default_rng(0))
