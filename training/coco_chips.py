"""A COCO json of any tool and its folder of images -> chips of even size, split into contiguous ground."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyproj
import rasterio
import rasterio.features
import shapely
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import DataError
from groundplan.labels import check_label
from tiling.ground import apply
from training.chips import ChipWriter, Instance, LonLatBounds
from training.coco_file import GEOTIFF, Picture, read_coco
from training.splits import split_ground


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A rectangle of an image, in its pixels, that becomes a chip."""

    picture: Picture
    number: int
    left: int
    top: int
    right: int
    bottom: int
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chip:
    """What a chip says besides its pixels and objects."""

    split: str
    source: str
    complete: frozenset[str]
    finest_gsd_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoOptions:
    """What a COCO file does not say itself."""

    gsd_m: float | None = None
    """Metres per pixel of the images; None = from each GeoTIFF's header, or the image's own ``gsd_m``."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Their category -> our label, or ``-`` to leave it out; a category with our name needs no entry."""
    complete: tuple[str, ...] | None = None
    """Labels of which every object is annotated; None = all that the file's categories give."""
    finest_gsd_m: float = 0.15
    """Finer images are brought to this: more would only fill the disk."""
    chip_px: int = 640
    """Longest side of a chip; larger images are cut into several."""
    val_share: float = 0.2
    """Of the objects; images that say ``split`` themselves keep theirs."""


def write_coco_chips(
    coco_path: Path,
    images: Path,
    writer: ChipWriter,
    *,
    source: str,
    options: CocoOptions,
    on_chip: Callable[[], None] | None = None,
) -> dict[str, int]:
    """Write chips from a COCO file.

    Polygons and run lengths are read; an annotation with a box alone, or ``iscrowd``, becomes a region to ignore.
    Images whose place is known (GeoTIFF) are cut into training and validation ground across their longer side;
    others are taken in the order of their names, the last ones for validation, because neighbouring names often
    show neighbouring ground.

    Parameters
    ----------
    coco_path : Path
        The json.
    images : Path
        Folder that its ``file_name`` entries start from.
    writer : ChipWriter
    source : str
        Name of the chips' source.
    options : CocoOptions
    on_chip : callable, optional
        Called after each chip.

    Returns
    -------
    dict
        Chips per split, and ``left_out`` for those across the cut.

    Raises
    ------
    DataError
        The json cannot be read, a category is not known, an image is missing or its resolution unknown.
    """
    pictures, given_labels = read_coco(coco_path, images, gsd_m=options.gsd_m, names=options.names)
    complete = given_labels if options.complete is None else frozenset(map(check_label, options.complete))
    pieces = [piece for each in pictures for piece in _pieces(each, options=options)]
    counts = dict.fromkeys(("train", "val", "left_out"), 0)
    for piece, split in zip(pieces, _splits(pieces, val_share=options.val_share), strict=True):
        own = piece.picture.entry.get("split") or split
        if own not in ("train", "val"):
            counts["left_out"] += 1
            continue
        given = piece.picture.entry.get("complete")
        chip = _Chip(
            split=own,
            source=source,
            complete=complete if given is None else frozenset(given),
            finest_gsd_m=options.finest_gsd_m,
        )
        _write(piece, writer, chip)
        counts[own] += 1
        if on_chip is not None:
            on_chip()
    return counts


def _pieces(picture: Picture, *, options: CocoOptions) -> list[_Piece]:
    width, height = picture.entry["width"], picture.entry["height"]
    step = options.chip_px * max(1.0, options.finest_gsd_m / picture.gsd_m)
    cols, rows = (
        np.linspace(0, side, int(np.ceil(side / step)) + 1).round().astype(int) for side in (width, height)
    )
    out: list[_Piece] = []
    for top, bottom in zip(rows[:-1].tolist(), rows[1:].tolist(), strict=True):
        for left, right in zip(cols[:-1].tolist(), cols[1:].tolist(), strict=True):
            out.append(
                _Piece(
                    picture=picture,
                    number=len(out),
                    left=left,
                    top=top,
                    right=right,
                    bottom=bottom,
                    instances=tuple(each for each in picture.instances if _meets(each, left, top, right, bottom)),
                )
            )
    return out


def _meets(instance: Instance, left: int, top: int, right: int, bottom: int) -> bool:
    points = np.vstack(instance.rings)
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return bool(x2 > left and x1 < right and y2 > top and y1 < bottom)


def _splits(pieces: list[_Piece], *, val_share: float) -> list[str]:
    weight = [sum(not each.ignore for each in piece.instances) + 0.05 for piece in pieces]
    scenes = [piece.picture.scene for piece in pieces]
    if pieces and all(scene is not None for scene in scenes):
        crs = {scene.crs for scene in scenes if scene is not None}
        # In one CRS of the images' own, rows and columns of pieces meet exactly; turned ones overlap their bounds.
        target = crs.pop() if len(crs) == 1 else LON_LAT
        box = np.array([_bounds(piece, target) for piece in pieces], float)
        if target.is_geographic:
            # Degrees of longitude are shorter: without this the longer side would be chosen wrongly.
            box[:, [0, 2]] *= np.cos(np.radians(box[:, 1].mean()))
        return split_ground(box, weight, val_share=val_share)
    paths = list(dict.fromkeys(piece.picture.path for piece in pieces))
    if len(paths) == 1:
        box = np.array([[each.left, each.top, each.right, each.bottom] for each in pieces], float)
        return split_ground(box, weight, val_share=val_share)
    # Images side by side in the order of their names: whole images fall on one side of the cut.
    at = np.array([paths.index(piece.picture.path) for piece in pieces], float)
    return split_ground(np.column_stack((at, 0 * at, at + 1, 0 * at)), weight, val_share=val_share)


def _bounds(piece: _Piece, crs: pyproj.CRS) -> LonLatBounds | None:
    """Return left, bottom, right, top of a piece; None where its place is not known."""
    scene = piece.picture.scene
    if scene is None:
        return None
    cols = np.array([piece.left, piece.right, piece.right, piece.left], float)
    rows = np.array([piece.top, piece.top, piece.bottom, piece.bottom], float)
    outline = shapely.Polygon(np.column_stack(apply(scene.transform, cols, rows)))
    (moved,) = transform_geometries([outline], source=scene.crs, target=crs)
    left, bottom, right, top = moved.bounds
    return left, bottom, right, top


def _write(piece: _Piece, writer: ChipWriter, chip: _Chip) -> None:
    pixels = _pixels(piece)
    factor = min(1.0, piece.picture.gsd_m / chip.finest_gsd_m)
    if factor < 1:
        size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    scale = np.array([pixels.shape[1] / (piece.right - piece.left), pixels.shape[0] / (piece.bottom - piece.top)])
    writer.add(
        pixels,
        [
            Instance(
                label=each.label,
                rings=tuple((ring - (piece.left, piece.top)) * scale for ring in each.rings),
                ignore=each.ignore,
            )
            for each in piece.instances
        ],
        name=f"{_slug(piece.picture.path.stem)}_{piece.picture.entry['id']}_{piece.number}",
        gsd_m=piece.picture.gsd_m / float(scale.mean()),
        split=chip.split,
        source=chip.source,
        complete=chip.complete,
        bounds=_bounds(piece, LON_LAT),
    )


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)


def _pixels(piece: _Piece) -> NDArray[np.uint8]:
    path = piece.picture.path
    box = (piece.left, piece.top, piece.right, piece.bottom)
    if path.suffix.lower() not in GEOTIFF:
        try:
            with Image.open(path) as image:
                return np.asarray(image.convert("RGB").crop(box))
        except (OSError, UnidentifiedImageError) as err:
            raise DataError(f"cannot read image {path}: {err}; export it again") from err
    with rasterio.open(path) as dataset:
        bands = [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]
        if dataset.dtypes[0] != "uint8":
            raise DataError(
                f"{path} has {dataset.dtypes[0]} pixels; convert it with gdal_translate -ot Byte -scale"
            )
        values = dataset.read(bands, window=((piece.top, piece.bottom), (piece.left, piece.right)))
    return np.ascontiguousarray(values.transpose(1, 2, 0))
