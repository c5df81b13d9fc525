"""Masks from rings, and holes through COCO's single rings."""

import numpy as np
import rasterio.features
import shapely
from hypothesis import given
from hypothesis import strategies as st

from training.rings import from_coco, keyhole, rasterise, taught_rings, to_coco


def star(seed: int, *, reach: float = 25.0) -> shapely.Polygon:
    """Return a random polygon around (30, 26), with a hole where there is room."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(5, 14))))
    radii = rng.uniform(0.3, 1.0, len(angles)) * reach
    outer = shapely.Polygon(np.column_stack((30 + radii * np.cos(angles), 26 + radii * np.sin(angles))))
    hole = shapely.Point(30, 26).buffer(4)
    return outer - hole if outer.contains(hole) else outer


def rings_of(polygon: shapely.Polygon) -> tuple[np.ndarray, ...]:
    return tuple(shapely.get_coordinates(ring)[:-1] for ring in (polygon.exterior, *polygon.interiors))


@given(st.integers(0, 5000))
def test_masks_are_those_of_gdal(seed: int) -> None:
    polygon = star(seed)
    if not polygon.is_valid or polygon.geom_type != "Polygon":
        return
    ours = rasterise(rings_of(polygon), height=52, width=60)
    theirs = rasterio.features.rasterize([polygon], out_shape=(52, 60)).astype(bool)
    # A centre exactly on an edge may fall to either side.
    assert (ours ^ theirs).sum() <= 2


@given(st.integers(0, 5000))
def test_a_keyhole_holds_the_same_pixels_as_outline_and_hole(seed: int) -> None:
    polygon = star(seed)
    if not polygon.is_valid or polygon.geom_type != "Polygon":
        return
    rings = rings_of(polygon)
    one = rasterise((keyhole(rings),), height=52, width=60)
    assert (one == rasterise(rings, height=52, width=60)).all()
    through = rasterise(from_coco(to_coco(rings, decimals=6)), height=52, width=60)
    assert (through ^ one).sum() <= 2


def test_what_lies_outside_is_cut_off_and_nothing_stays_nothing() -> None:
    square = (np.array([[-5.0, -5.0], [3.0, -5.0], [3.0, 2.0], [-5.0, 2.0]]),)
    mask = rasterise(square, height=4, width=4)
    assert mask.sum() == 6 and mask[:2, :3].all()
    far = (square[0] + 100,)
    assert not rasterise(far, height=4, width=4).any()


def test_a_track_is_taught_as_its_oval_whether_its_ring_is_whole_cut_or_slit() -> None:
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    rings = (30 + 20 * circle, 30 + 15 * circle)
    oval = rasterise(rings[:1], height=60, width=60)
    for one in (rings, (keyhole(rings),)):
        taught = taught_rings("running_track", one)
        assert (rasterise(taught, height=60, width=60) ^ oval).sum() <= 4
    left = (np.vstack([rings[0][15:46], rings[1][15:46][::-1]]),)
    taught = taught_rings("running_track", left)
    assert (rasterise(taught, height=60, width=60)[:, :30] ^ oval[:, :30]).sum() <= 4
    assert taught_rings("soccer_field", rings) is rings
