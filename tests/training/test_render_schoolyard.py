"""School yards: courts are outlined where their lines are, and none lies on another."""

import numpy as np
import shapely

from training.render_patch import any_sun, draw_plan
from training.render_schoolyard import plan_schoolyard
from training.visible import lines_show


def test_courts_lie_apart_on_their_yard_and_their_lines_show() -> None:
    shown = courts = 0
    counts = set()
    for seed in range(24):
        rng = np.random.default_rng(seed)
        plan = plan_schoolyard(sun=any_sun(rng), rng=rng)
        outlines = [outline for label, outline in plan.outlines if label == "basketball_court"]
        counts.add(len(outlines))
        assert len(outlines) == len(plan.outlines) >= 1
        assert all(plan.extent.contains(outline) for outline in outlines)
        assert shapely.union_all(outlines).area > 0.999 * sum(outline.area for outline in outlines)
        left, top, right, bottom = plan.extent.bounds
        assert max(right - left, bottom - top) < 140
        patch = draw_plan(plan, gsd_m=0.3, heading_deg=float(rng.uniform(0, 360)))
        picture = patch.rgba[..., :3]
        courts += len(outlines)
        rings = [(np.asarray(each.exterior.coords)[:-1],) for _, each in patch.outlines]
        # On pale concrete lines are dark.
        shown += sum(lines_show(picture, own) or lines_show(255 - picture, own) for own in rings)
    assert len(counts) > 3
    # Where lines are too old to be seen, courts teach nothing: `training.composites`.
    assert shown > 0.8 * courts


def test_equal_seeds_draw_equal_yards() -> None:
    def drawn() -> bytes:
        rng = np.random.default_rng(5)
        return draw_plan(plan_schoolyard(sun=any_sun(rng), rng=rng), gsd_m=0.6, heading_deg=20.0).rgba.tobytes()

    assert drawn() == drawn()
