"""Look-alikes: no field's outline on any of them, every kind can be drawn, equal seeds give equal bytes."""

import numpy as np
import pytest

from groundplan.errors import DataError
from training.render_lookalikes import LOOKALIKES, draw_lookalike


@pytest.mark.parametrize("kind", list(LOOKALIKES))
def test_a_lookalike_has_pixels_and_no_field(kind: str) -> None:
    for seed in range(4):
        patch = draw_lookalike(gsd_m=0.6, rng=np.random.default_rng(seed), kind=kind)
        assert (patch.rgba[..., 3] > 200).sum() > 20
        assert {label for label, _ in patch.outlines} <= {"building"}
        assert bool(patch.outlines) == (kind == "roof")
        again = draw_lookalike(gsd_m=0.6, rng=np.random.default_rng(seed), kind=kind)
        assert patch.rgba.tobytes() == again.rgba.tobytes()


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"castle.*pool"):
        draw_lookalike(gsd_m=0.3, rng=np.random.default_rng(0), kind="castle")
