"""Objects of another chip: the picture shows one wherever an instance says so, and nowhere else."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.chips import Instance
from training.copy_paste import View, paste_objects
from training.rings import rasterise

SIDE_PX = 128
GROUND, ROOF = (90, 110, 90), (200, 60, 60)


def painted(corners: list[tuple[int, int, int, int]], *, label: str = "building", turns: int = 0) -> View:
    """Return roofs on plain ground; views of the same roofs, turned, have the same colours on the whole."""
    image = np.full((SIDE_PX, SIDE_PX, 3), GROUND, np.uint8)
    instances = []
    for left, top, width, height in corners:
        ring = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) + (left, top)
        for _ in range(turns):
            ring = np.stack([ring[:, 1], SIDE_PX - ring[:, 0]], axis=1)
        image[rasterise((ring,), height=SIDE_PX, width=SIDE_PX)] = ROOF
        instances.append(Instance(label=label, rings=(ring,)))
    return View(image=image, instances=tuple(instances), seen=np.ones((SIDE_PX, SIDE_PX), bool))


def covered(view: View) -> NDArray[np.int64]:
    """Return how many instances lie on each pixel."""
    return sum(rasterise(each.rings, height=SIDE_PX, width=SIDE_PX).astype(np.int64) for each in view.instances)  # type: ignore[return-value]


roofs = st.lists(
    st.tuples(st.integers(-10, 120), st.integers(-10, 120), st.integers(8, 40), st.integers(8, 40)),
    min_size=1,
    max_size=5,
)


@given(roofs, st.integers(0, 3), st.integers(0, 2**31))
@settings(max_examples=80, deadline=None)
def test_the_picture_shows_roofs_where_instances_are_and_nowhere_else(
    corners: list[tuple[int, int, int, int]], turns: int, seed: int
) -> None:
    view, donor = painted(corners), painted(corners, turns=turns)
    before = view.image.copy()
    out = paste_objects(view, donor, labels=frozenset({"building"}), rng=np.random.default_rng(seed))
    assert (view.image == before).all()
    assert out.instances[: len(view.instances)] == view.instances
    # The seam is soft within two pixels; a roof's own edge may be anywhere between roof and ground there.
    red = out.image[..., 0] > 180
    green = out.image[..., 0] < 95
    depth = covered(out)
    assert not red[depth == 0].any()
    inner = np.zeros_like(red)
    for each in out.instances:
        low, high = each.rings[0].min(axis=0).astype(int) + 2, each.rings[0].max(axis=0).astype(int) - 2
        inner[max(0, low[1]) : max(0, high[1]), max(0, low[0]) : max(0, high[0])] = True
    assert not green[inner].any()
    # What was pasted lies on nothing.
    new = View(image=out.image, instances=out.instances[len(view.instances) :], seen=out.seen)
    if new.instances:
        assert not (covered(new)[covered(view) > 0] > 0).any() and covered(new).max() == 1


def test_objects_are_pasted_and_so_is_bare_ground() -> None:
    donor = painted([(50, 50, 30, 20)])
    donor.image[:, ::2] += np.uint8(12)  # a ground that can be told from the view's
    empty = View(image=np.full_like(donor.image, 90), instances=(), seen=donor.seen)
    seen = set()
    for seed in range(40):
        out = paste_objects(empty, donor, labels=frozenset({"building"}), rng=np.random.default_rng(seed))
        seen.add((len(out.instances), bool((out.image != empty.image).any())))
    assert {(1, True), (0, True)} <= seen


def test_only_the_labels_asked_for_are_moved_and_none_that_the_donor_shows_in_part() -> None:
    free = View(
        image=np.full((SIDE_PX, SIDE_PX, 3), GROUND, np.uint8), instances=(), seen=np.ones((128, 128), bool)
    )
    for donor in (painted([(40, 40, 20, 20)], label="soccer_field"), painted([(-5, 40, 20, 20)])):
        for seed in range(10):
            out = paste_objects(free, donor, labels=frozenset({"building"}), rng=np.random.default_rng(seed))
            assert out.instances == () and (out.image == free.image).all()


def test_nothing_comes_where_the_view_has_no_data() -> None:
    donor = painted([(40, 40, 20, 20), (80, 10, 20, 20)])
    view = View(image=np.zeros_like(donor.image), instances=(), seen=np.zeros((SIDE_PX, SIDE_PX), bool))
    out = paste_objects(view, donor, labels=frozenset({"building"}), rng=np.random.default_rng(1))
    assert out.instances == () and not out.image.any()
