"""Chips as a detector saw them -> pictures with both outlines, the best and the worst of them."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as rle

from groundplan.labels import LABELS
from review.markup import Element, element
from training.chips import Chip, read_pixels
from training.looks import Pass, RunLengths

SHOWN_PX = 320
"""Longest side of a picture; more would make the report heavy."""
MATCH_IOU = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One chip, what is true, what was found, and how well both agree."""

    chip: Chip
    f1: float
    """At IoU 0.5 over the labels that are complete in the chip."""
    n_truth: int
    n_wrong: int
    """Detections above the threshold without a true object."""
    n_missed: int
    outlines: tuple[tuple[str, str, shapely.Geometry], ...] = field(repr=False)
    """Class (truth, found), text, outline in shares of the chip's width and height."""


def judge_chips(passes: Sequence[Pass], min_score: dict[str, float]) -> list[Shown]:
    """Return every chip in which there is something to judge, the best first; the fuller first where equal."""
    by_chip: dict[str, list[tuple[Pass, int]]] = {}
    for every in passes:
        for number, look in enumerate(every.looks):
            by_chip.setdefault(str(look.chip.path), []).append((every, number))
    shown = [_judge(of, min_score) for of in by_chip.values()]
    kept = [each for each in shown if each.n_truth + each.n_wrong]
    return sorted(kept, key=lambda each: (-each.f1, -each.n_truth, each.n_wrong, str(each.chip.path)))


def _judge(looks: Sequence[tuple[Pass, int]], min_score: dict[str, float]) -> Shown:
    outlines: list[tuple[str, str, shapely.Geometry]] = []
    n_truth = n_found = n_hits = 0
    for every, number in looks:
        look = every.looks[number]
        size = np.array([look.width_px, look.height_px], float)
        for label in every.labels:
            if label not in look.chip.complete:
                continue
            of = [(mask, ignore) for label_id, ignore, mask in look.truth if LABELS[label_id - 1] == label]
            true = [mask for mask, ignore in of if not ignore]
            crowd = [mask for mask, ignore in of if ignore]
            found = [
                (score, mask)
                for label_id, score, mask in look.found
                if LABELS[label_id - 1] == label and score >= min_score[label]
            ]
            found.sort(key=lambda each: -each[0])
            hits, counted = _match([mask for _, mask in found], true, crowd)
            n_truth, n_found, n_hits = n_truth + len(true), n_found + counted, n_hits + hits
            outlines += [("truth", label, _outline(mask, size)) for mask in true]
            outlines += [("unsure", f"{label}: ignored", _outline(mask, size)) for mask in crowd]
            outlines += [("found", f"{label} {score:.2f}", _outline(mask, size)) for score, mask in found]
    chip = looks[0][0].looks[looks[0][1]].chip
    f1 = 2 * n_hits / (n_truth + n_found) if n_truth + n_found else 1.0
    return Shown(
        chip=chip,
        f1=f1,
        n_truth=n_truth,
        n_wrong=n_found - n_hits,
        n_missed=n_truth - n_hits,
        outlines=tuple(outlines),
    )


def _match(
    found: Sequence[RunLengths], true: Sequence[RunLengths], crowd: Sequence[RunLengths]
) -> tuple[int, int]:
    """Return hits and how many detections count; each takes the free true object it overlaps most."""
    free = set(range(len(true)))
    hits = counted = 0
    overlap = rle.iou(list(found), list(true), [0] * len(true)) if found and true else np.zeros((len(found), 0))
    for number, mask in enumerate(found):
        best = max(free, key=lambda each: overlap[number, each], default=None)
        if best is not None and overlap[number, best] >= MATCH_IOU:
            free.remove(best)
            hits, counted = hits + 1, counted + 1
        # Of a crowd region pycocotools takes the share of the detection that lies inside it.
        elif not crowd or float(rle.iou([mask], list(crowd), [1] * len(crowd)).max()) < MATCH_IOU:
            counted += 1
    return hits, counted


def _outline(mask: RunLengths, size: NDArray[np.float64]) -> shapely.Geometry:
    pixels = rle.decode(mask)
    shapes = [shapely.geometry.shape(each) for each, value in rasterio.features.shapes(pixels) if value]
    return shapely.transform(shapely.union_all(shapes), lambda xy: xy / size)


def picture(shown: Shown) -> Element:
    """Return a chip as a figure: truth solid, detections dashed, ignored regions dotted."""
    image = Image.fromarray(read_pixels(shown.chip))
    image.thumbnail((SHOWN_PX, SHOWN_PX))
    width, height = image.size
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    data = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    paths: list[Element] = []
    for kind, text, outline in shown.outlines:
        line = _path(outline, width, height)
        if line:
            paths.append(element("path", {"d": line, "class": kind}, element("title", {}, text)))
    said = f"F1 {shown.f1:.2f}: {shown.n_truth} there, {shown.n_missed} missed, {shown.n_wrong} wrong"
    svg = element(
        "svg",
        {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": f"{shown.chip.path.name}: {said}"},
        element("image", {"href": data, "width": width, "height": height}),
        *paths,
    )
    caption = element("figcaption", {}, shown.chip.path.name, element("br"), said)
    return element("figure", {}, svg, caption)


def _path(outline: shapely.Geometry, width: int, height: int) -> str:
    parts = []
    for polygon in shapely.get_parts(outline):
        if polygon.geom_type != "Polygon":
            continue
        for ring in (polygon.exterior, *polygon.interiors):
            points = shapely.get_coordinates(ring.simplify(0.5 / max(width, height))) * (width, height)
            parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z")
    return "".join(parts)
