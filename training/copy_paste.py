"""A crop and a donor -> the crop with some of the donor's objects in it, where there was nothing before.

What stands where is learned with it: roofs beside bare soil in one survey, between lawns in another. An object
moved onto other ground teaches what it looks like itself. Its seam would give it away, so pieces of bare ground
are moved with the same outlines and seams, and are nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from training.chips import Instance
from training.recolour import in_colours_of
from training.rings import rasterise

TRIES = 8
"""Places looked at for each piece; where all are taken it is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a camera saw of a chip, before blur and colours."""

    image: NDArray[np.uint8]
    """(S, S, 3)."""
    instances: tuple[Instance, ...]
    """In the image's pixels; they may reach beyond it."""
    seen: NDArray[np.bool_]
    """(S, S): False where the chip has no pixels."""


def paste_objects(view: View, donor: View, *, labels: frozenset[str], rng: np.random.Generator) -> View:
    """Return a view with objects of another, and pieces of its bare ground, on free places.

    Parameters
    ----------
    view, donor : View
        Of equal size. Both show every object of `labels` as an instance.
    labels : frozenset of str
        Objects of these are moved.
    rng : numpy Generator
        Equal states give equal views.

    References
    ----------
    .. [1] Ghiasi et al. 2021, https://arxiv.org/abs/2012.07177; there objects may hide others, roofs do not.
    """
    size_px = len(view.image)
    taken = ~view.seen | _covered(view.instances, size_px)
    theirs = _covered(donor.instances, size_px)
    image, added = view.image.copy(), list(view.instances)
    colours = in_colours_of(donor.image, view.image, amount=float(rng.uniform(0, 1)))
    whole = [
        each for each in donor.instances if each.label in labels and not each.ignore and _inside(each, size_px)
    ]
    for at in rng.permutation(len(whole))[: int(rng.integers(2, 9))]:
        rings = whole[at].rings
        shape = rasterise(rings, height=size_px, width=size_px)
        # Some take the ground around them along, with its kerbs, shadows and run-off; others come alone.
        around_px = int(rng.integers(0, 10)) if rng.random() < 0.7 else 0
        piece = _grown(shape, around_px) & donor.seen & (shape | ~theirs)
        if rng.random() < 0.35:
            away = _place(piece, ~donor.seen | theirs, rng)
            if away is not None and (onto := _place(_moved(piece, away), taken, rng)) is not None:
                _lay(image, colours, _moved(piece, away), onto)
                taken |= _moved(_moved(piece, away), onto)
            continue
        onto = _place(piece, taken, rng)
        if onto is not None:
            _lay(image, colours, piece, onto)
            taken |= _moved(piece, onto)
            added.append(replace(whole[at], rings=tuple(ring + onto[::-1] for ring in rings)))
    return View(image=image, instances=tuple(added), seen=view.seen)


Shift = tuple[int, int]
"""Rows and columns."""


def _covered(instances: Sequence[Instance], size_px: int) -> NDArray[np.bool_]:
    covered = np.zeros((size_px, size_px), bool)
    for each in instances:
        if (each.rings[0].max(axis=0) <= 0).any() or (each.rings[0].min(axis=0) >= size_px).any():
            continue
        covered |= rasterise(each.rings, height=size_px, width=size_px)
    return covered


def _inside(instance: Instance, size_px: int) -> bool:
    points = np.vstack(instance.rings)
    return bool((points >= 1).all() and (points <= size_px - 1).all())


def _grown(mask: NDArray[np.bool_], by_px: int) -> NDArray[np.bool_]:
    return mask if by_px == 0 else ndimage.distance_transform_cdt(~mask, "chessboard") <= by_px


def _place(piece: NDArray[np.bool_], taken: NDArray[np.bool_], rng: np.random.Generator) -> Shift | None:
    """Return a shift that brings the piece whole onto free pixels, or None."""
    rows, cols = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
    if len(rows) == 0:
        return None
    top, left = int(rows[0]), int(cols[0])
    cut = piece[top : rows[-1] + 1, left : cols[-1] + 1]
    for _ in range(TRIES):
        row, col = (int(rng.integers(0, taken.shape[axis] - cut.shape[axis] + 1)) for axis in (0, 1))
        if not (taken[row : row + cut.shape[0], col : col + cut.shape[1]] & cut).any():
            return row - top, col - left
    return None


def _moved(mask: NDArray[np.bool_], shift: Shift) -> NDArray[np.bool_]:
    """Return a mask whose true pixels, none of which leaves it, lie elsewhere."""
    return np.roll(mask, shift, axis=(0, 1))


def _lay(image: NDArray[np.uint8], source: NDArray[np.uint8], piece: NDArray[np.bool_], shift: Shift) -> None:
    """Copy a piece of the source into the image in place, its edge as soft as a camera's."""
    rows, cols = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))
    to = tuple(slice(part.start + by, part.stop + by) for part, by in zip(box, shift, strict=True))
    # Only inwards: the ground around the piece may be something else's.
    alpha = np.minimum(ndimage.gaussian_filter(piece[box].astype(np.float32), 0.7, mode="nearest") * 2, 1)
    alpha = (alpha * piece[box])[..., None]
    image[to] = np.rint(image[to] + alpha * (source[box].astype(np.float32) - image[to])).astype(np.uint8)
