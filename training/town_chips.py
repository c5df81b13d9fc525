"""Rendered towns -> chips in which every building and field is annotated, so that all the rest is background."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import shapely

from groundplan.labels import LABELS
from training.chips import ChipWriter, Instance
from training.render_town import Town, render_town

log = logging.getLogger(__name__)


def write_town_chips(
    out: Path,
    *,
    count: int,
    size_m: float,
    gsd_m: float,
    chip_px: int,
    split: str,
    seed: int,
    source: str,
    render: Callable[..., Town] = render_town,
) -> int:
    """Render towns and cut them into chips.

    Parameters
    ----------
    out : Path
        Folder to write.
    count : int
        Number of towns.
    size_m : float
        Side of a town, in metres; the largest fields need about 600.
    gsd_m : float
        Metres per pixel; each town is drawn up to a fifth finer or coarser.
    chip_px : int
        Side of a chip; towns are cut into whole chips only.
    split : str
        ``train`` or ``val``.
    seed : int
    source : str
        Source named in the chips.
    render : callable
        `render_town`, `render_village`, `render_quarter`, `render_open`, `render_works` or `render_wild`.

    Returns
    -------
    int
        Number of chips.
    """
    writer = ChipWriter(out)
    written = 0
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        town = render(
            size_m=size_m * float(rng.uniform(0.8, 1.2)),
            gsd_m=gsd_m * float(rng.uniform(0.8, 1.2)),
            seed=int(rng.integers(2**31)),
        )
        height, width = town.image.shape[1:]
        pixels = town.image.transpose(1, 2, 0)
        outlines = _in_pixels(town)
        for row in range(0, height - chip_px + 1, chip_px):
            for col in range(0, width - chip_px + 1, chip_px):
                writer.add(
                    np.ascontiguousarray(pixels[row : row + chip_px, col : col + chip_px]),
                    _inside(outlines, row=row, col=col, side=chip_px),
                    name=f"{source}_{split}_{number:04d}_{row}_{col}",
                    gsd_m=town.gsd_m,
                    split=split,
                    source=source,
                    complete=frozenset(LABELS),
                    quality=int(rng.integers(80, 95)),
                )
                written += 1
    writer.close(description="rendered towns; nothing in them exists anywhere")
    log.info("%d chips of %d rendered towns in %s", written, count, out)
    return written


def _in_pixels(town: Town) -> list[tuple[str, shapely.Polygon]]:
    height_m = town.image.shape[1] * town.gsd_m

    def to_px(xy: np.ndarray) -> np.ndarray:
        return np.column_stack([xy[:, 0], height_m - xy[:, 1]]) / town.gsd_m

    return [(label, shapely.transform(outline, to_px)) for label, outline in town.truth]


def _inside(outlines: list[tuple[str, shapely.Polygon]], *, row: int, col: int, side: int) -> list[Instance]:
    out = []
    for label, polygon in outlines:
        left, top, right, bottom = polygon.bounds
        if right > col and bottom > row and left < col + side and top < row + side:
            rings = tuple(
                shapely.get_coordinates(ring)[:-1] - (col, row) for ring in (polygon.exterior, *polygon.interiors)
            )
            out.append(Instance(label=label, rings=rings))
    return out
