"""A COCO json of any tool -> its images with their resolution and their objects under our labels."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from pycocotools import mask as rle

from groundplan.errors import DataError, SceneError
from groundplan.labels import LABELS
from tiling.scene import Scene, read_scene
from training.chips import Instance
from training.rings import Rings, from_coco

GEOTIFF: Final = (".tif", ".tiff")
LEAVE_OUT: Final = "-"
"""Stands for "no label" in the names given by the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image of the file."""

    path: Path
    entry: Mapping[str, Any]
    """As the json has it."""
    gsd_m: float
    scene: Scene | None
    """Header of a GeoTIFF; None = its place is not known."""
    instances: tuple[Instance, ...] = field(repr=False)


def read_coco(
    path: Path, images: Path, *, gsd_m: float | None, names: Mapping[str, str]
) -> tuple[list[Picture], frozenset[str]]:
    """Return the images of a COCO file in the natural order of their names, and the labels its categories give.

    Parameters
    ----------
    path : Path
        The json.
    images : Path
        Folder that its ``file_name`` entries start from.
    gsd_m : float, optional
        Metres per pixel of all images; None = from the image's ``gsd_m`` or its GeoTIFF header.
    names : mapping of str to str
        Their category -> our label, or ``-`` to leave it out.

    Raises
    ------
    DataError
        The json cannot be read, a category is not known, an image is missing or its resolution unknown.
    """
    coco = _read(path)
    try:
        ours = _names(coco, names)
        entries: dict[Any, list[Mapping[str, Any]]] = {each["id"]: [] for each in coco["images"]}
        for each in coco["annotations"]:
            entries[each["image_id"]].append(each)
        pictures = [
            _picture(each, images, gsd_m=gsd_m, instances=_instances(entries[each["id"]], ours))
            for each in coco["images"]
        ]
    except (KeyError, TypeError, IndexError) as err:
        raise DataError(f"{path} lacks {err}; give COCO json with images, categories, annotations") from err
    return sorted(pictures, key=_natural), frozenset(label for label in ours.values() if label)


def _read(path: Path) -> dict[str, Any]:
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise DataError(f"no COCO file at {path}; give the path of a .json file") from err
    except (OSError, ValueError) as err:
        raise DataError(f"cannot read {path} as JSON: {err}; export it again") from err
    lacking = [key for key in ("images", "annotations", "categories") if not isinstance(coco.get(key), list)]
    if lacking:
        raise DataError(f"{path} has no list {', '.join(lacking)}; give a COCO file of object instances")
    return dict(coco)


def _names(coco: Mapping[str, Any], given: Mapping[str, str]) -> dict[int, str]:
    """Return our label, or "" to leave out, for each category id."""
    out, unknown = {}, []
    for entry in coco["categories"]:
        theirs = str(entry["name"])
        ours = given.get(theirs, re.sub(r"[\s-]+", "_", theirs.strip().lower()))
        if ours == LEAVE_OUT:
            out[entry["id"]] = ""
        elif ours in LABELS:
            out[entry["id"]] = ours
        else:
            unknown.append(theirs)
    if unknown:
        raise DataError(
            f"categories {', '.join(map(repr, unknown))} are not known; say which label each is with --label "
            f"'{unknown[0]}={LABELS[0]}', or --label '{unknown[0]}={LEAVE_OUT}' to leave it out; "
            f"labels are {', '.join(LABELS)}"
        )
    return out


def _picture(
    entry: Mapping[str, Any], folder: Path, *, gsd_m: float | None, instances: tuple[Instance, ...]
) -> Picture:
    path = folder / entry["file_name"]
    if not path.is_file():
        raise DataError(f"no image {path}; give the folder that the json's file names start from with --images")
    scene = None
    if path.suffix.lower() in GEOTIFF:
        try:
            scene = read_scene(path)
        except SceneError:
            if gsd_m is None and "gsd_m" not in entry:
                raise
    size_m = gsd_m or entry.get("gsd_m") or (scene.gsd_m if scene is not None else None)
    if not size_m:
        raise DataError(f"{path} does not say how large its pixels are; give metres per pixel with --gsd-m")
    return Picture(path=path, entry=entry, gsd_m=float(size_m), scene=scene, instances=instances)


def _natural(picture: Picture) -> list[tuple[int, str]]:
    """Order names as people count: part_9 before part_10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", str(picture.path))]


def _instances(entries: list[Mapping[str, Any]], names: Mapping[int, str]) -> tuple[Instance, ...]:
    out = []
    for entry in entries:
        label = names[entry["category_id"]]
        if not label:
            continue
        given = entry.get("segmentation")
        ignore = bool(entry.get("iscrowd", 0)) or not given
        if not given:
            x, y, width, height = entry["bbox"]
            corners = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]
            rings: Rings = (np.array(corners, float),)
        else:
            rings = _rings_of_mask(given) if isinstance(given, dict) else from_coco(given)
        if rings:
            out.append(Instance(label=label, rings=rings, ignore=ignore))
    return tuple(out)


def _rings_of_mask(encoded: Mapping[str, Any]) -> Rings:
    height, width = encoded["size"]
    whole = rle.frPyObjects(encoded, height, width) if isinstance(encoded["counts"], list) else encoded
    mask: NDArray[np.uint8] = rle.decode(whole)
    shapes = [shapely.geometry.shape(each) for each, value in rasterio.features.shapes(mask) if value]
    # Pieces of one object stay one object: the even-odd rule fills them all.
    parts = [ring for shape in shapes for ring in (shape.exterior, *shape.interiors)]
    return tuple(shapely.get_coordinates(ring)[:-1] for ring in parts)
