"""A folder of chips (images/ and annotations.json, COCO with a few extras) -> records, and back.

Extras per image: ``gsd_m``; ``split`` (train or val); ``source``; ``complete`` (labels of which every object in
the image is annotated; only these may give a loss or a score); ``bounds`` (west, south, east, north in degrees,
where the place is known). ``iscrowd`` 1 marks regions to ignore.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from groundplan.errors import DataError
from groundplan.labels import LABEL_IDS, LABELS
from groundplan.whole import write_text_whole
from training.rings import Rings, from_coco, to_coco

LonLatBounds = tuple[float, float, float, float]
"""West, south, east, north in degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One annotated object of a chip."""

    label: str
    rings: Rings
    """Outline in the chip's pixels."""
    ignore: bool = False
    """True: objects may hide here, nothing is learned or scored from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One training image and what is known about it; pixels are read when needed."""

    path: Path
    width: int
    height: int
    gsd_m: float
    split: str
    source: str
    complete: frozenset[str]
    instances: tuple[Instance, ...] = field(repr=False)
    bounds: LonLatBounds | None = None
    """Where the chip lies; None = unknown."""


def read_chips(folder: Path) -> list[Chip]:
    """Return the chips of a folder in the order of their image ids.

    Raises
    ------
    DataError
        annotations.json is missing or lacks what is needed.
    """
    path = folder / "annotations.json"
    try:
        coco = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise DataError(f"no {path}; prepare the chips first (`make chips`)") from err
    except ValueError as err:
        raise DataError(f"{path} is not JSON: {err}; prepare the chips again") from err
    try:
        labels = {entry["id"]: entry["name"] for entry in coco["categories"]}
        found: dict[int, list[Instance]] = {entry["id"]: [] for entry in coco["images"]}
        for entry in coco["annotations"]:
            found[entry["image_id"]].append(
                Instance(
                    label=labels[entry["category_id"]],
                    rings=from_coco(entry["segmentation"]),
                    ignore=bool(entry.get("iscrowd", 0)),
                )
            )
        return [
            Chip(
                path=folder / "images" / entry["file_name"],
                width=entry["width"],
                height=entry["height"],
                gsd_m=entry["gsd_m"],
                split=entry["split"],
                source=entry["source"],
                complete=frozenset(entry["complete"]),
                instances=tuple(found[entry["id"]]),
                bounds=None if entry.get("bounds") is None else tuple(entry["bounds"]),
            )
            for entry in sorted(coco["images"], key=lambda entry: entry["id"])
        ]
    except (KeyError, TypeError) as err:
        raise DataError(f"{path} lacks {err}; prepare the chips again (`make chips`)") from err


def read_pixels(chip: Chip) -> NDArray[np.uint8]:
    """Return a chip's image, shape (H, W, 3), dtype uint8."""
    with Image.open(chip.path) as image:
        return np.asarray(image.convert("RGB"))


class ChipWriter:
    """Collects chips and writes them as one folder; annotations.json comes last, so a folder with it is whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._images: list[dict[str, object]] = []
        self._annotations: list[dict[str, object]] = []
        (folder / "images").mkdir(parents=True, exist_ok=True)
        (folder / "annotations.json").unlink(missing_ok=True)

    def add(
        self,
        image: NDArray[np.uint8],
        instances: Sequence[Instance],
        *,
        name: str,
        gsd_m: float,
        split: str,
        source: str,
        complete: frozenset[str],
        quality: int = 92,
        bounds: LonLatBounds | None = None,
    ) -> None:
        """Write one image of shape (H, W, 3) and remember its objects."""
        file_name = f"{name}.jpg"
        Image.fromarray(image).save(self.folder / "images" / file_name, quality=quality, subsampling=0)
        height, width = image.shape[:2]
        self._note(
            Chip(
                path=self.folder / "images" / file_name,
                width=width,
                height=height,
                gsd_m=gsd_m,
                split=split,
                source=source,
                complete=complete,
                instances=tuple(instances),
                bounds=bounds,
            )
        )

    def add_copy(self, chip: Chip) -> None:
        """Take over a chip of another folder: its image byte for byte, not coded a second time."""
        path = self.folder / "images" / chip.path.name
        shutil.copyfile(chip.path, path)
        self._note(replace(chip, path=path))

    def _note(self, chip: Chip) -> None:
        number = len(self._images) + 1
        entry = {
            "id": number,
            "file_name": chip.path.name,
            "width": chip.width,
            "height": chip.height,
            "gsd_m": chip.gsd_m,
            "split": chip.split,
            "source": chip.source,
            "complete": sorted(chip.complete),
        }
        # Seven decimals are a centimetre.
        placed = {} if chip.bounds is None else {"bounds": [round(v, 7) for v in chip.bounds]}
        self._images.append(entry | placed)
        for instance in chip.instances:
            points = np.vstack(instance.rings)
            (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": number,
                    "category_id": LABEL_IDS[instance.label],
                    "iscrowd": int(instance.ignore),
                    "segmentation": to_coco(instance.rings),
                    "bbox": [round(float(v), 1) for v in (left, top, right - left, bottom - top)],
                    "area": round(float((right - left) * (bottom - top)), 1),
                }
            )

    def close(self, *, description: str) -> None:
        """Write annotations.json."""
        coco = {
            "info": {"description": description},
            "categories": [{"id": number, "name": label} for number, label in enumerate(LABELS, start=1)],
            "images": self._images,
            "annotations": self._annotations,
        }
        write_text_whole(self.folder / "annotations.json", json.dumps(coco))
