"""Stands around a pitch change what is seen around it, never what is true of it."""

import numpy as np
import pytest
import shapely

from training.render_fields import plan_field
from training.render_patch import any_sun, draw_plan
from training.render_stands import with_stands


@pytest.mark.parametrize("label", ["soccer_field", "american_football_field", "running_track"])
@pytest.mark.parametrize("seed", range(6))
def test_stands_leave_the_truth_and_lie_outside_the_field(label: str, seed: int) -> None:
    rng = np.random.default_rng([7, seed])
    sun = any_sun(rng)
    plan = plan_field(label, rng=rng, sun=sun)
    seated = with_stands(plan, sun=sun, rng=rng)
    assert seated.outlines == plan.outlines
    assert seated.extent.contains(plan.extent) and seated.extent.is_valid
    assert "stands" in seated.variant
    patch = draw_plan(seated, gsd_m=0.9, heading_deg=30.0)
    shape = patch.rgba.shape[:2]
    assert all(shapely.box(0, 0, shape[1], shape[0]).contains(outline) for _, outline in patch.outlines)
    # More ground is drawn than the field alone takes.
    assert (patch.rgba[..., 3] > 200).sum() * 0.9**2 > plan.extent.area * 1.02
