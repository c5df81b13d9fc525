"""The labelled imagery groundplan's own weights learn from -> chips; one function per source.

Folders are those of the data collection's README; each function returns how many chips it wrote.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from groundplan.crs import transform_geometries, utm_crs
from groundplan.labels import FIELD_LABELS, LABELS
from training.chips import ChipWriter, Instance
from training.rings import Rings, from_coco

UC_MERCED_GSD_M = 0.3048
NAIP_GSD_M = 0.6
NAIP_HELD_OUT = ("riverside",)
"""Cities kept for validation; nothing is trained on them."""
NAIP_VAL = frozenset(
    {f"eureka_2020_{number}" for number in (15, 16, 20)}
    | {f"santa_monica_2020_{number}" for number in (17, 30, 33, 45, 46, 61, 87)}
)
"""Chips of other cities that are kept as well: their buildings, like those of the city held out, were drawn before
groundplan-14. The rest of these cities was drawn over its claims, which flatters it."""
ADDED_LABELS = Path(__file__).parent / "added_labels"
"""What the collections show and do not annotate, drawn for this project, by eye or over corrected claims of its
weights: of each, fields and buildings."""
BANEPA_VAL_FROM_PX = 2048
"""First column of the eastern third of the Banepa scene, which is for validation only."""
BANEPA_CHIP_GSD_M = 0.2
BANEPA_CHIP_PX = 640
AUTZEN_VAL_TO_PX = 2200
"""Rows of the Autzen scene above this - the stadium, halls and car parks - are for validation only."""
AUTZEN_GSD_M = 0.3048
AUTZEN_CHIP_PX = 512
ADDED_CHIP_PX = 256
"""Side of the pieces of Banepa's second scene whose buildings were drawn; named after row and column in pixels."""


def add_fields(folder: Path, writer: ChipWriter) -> int:
    """Add the UC Merced tiles: tennis courts, baseball infields, some buildings, many negatives."""
    coco = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    added = read_added("fields")
    names = {entry["id"]: entry["name"] for entry in coco["categories"]}
    found: dict[int, list[Instance]] = {entry["id"]: [] for entry in coco["images"]}
    replaced = read_replaced("fields")
    buildings = read_added_buildings("fields")
    for entry in coco["annotations"]:
        if entry["id"] in replaced:
            continue
        found[entry["image_id"]].append(
            Instance(
                label=names[entry["category_id"]],
                rings=from_coco(entry["segmentation"]),
                ignore=bool(entry["iscrowd"]),
            )
        )
    for entry in coco["images"]:
        name = Path(entry["file_name"]).stem
        # Every tile was looked through for all kinds of fields: what the collection lacks is in `added`.
        complete = {*entry["complete"], *FIELD_LABELS, *({"building"} if name in buildings else ())}
        with Image.open(folder / "images" / entry["file_name"]) as image:
            pixels = np.asarray(image.convert("RGB"))
        writer.add(
            pixels,
            [*found[entry["id"]], *added.get(name, ()), *buildings.get(name, ())],
            name=name,
            gsd_m=UC_MERCED_GSD_M,
            split=entry["split"],
            source="fields",
            complete=frozenset(complete),
            quality=95,
        )
    return len(coco["images"])


def read_added(collection: str) -> dict[str, list[Instance]]:
    """Return the fields drawn for this project, by image; what may be a field or not is an ignored region.

    Parameters
    ----------
    collection : str
        ``fields`` or ``naip``.
    """
    return {
        name: [
            Instance(
                label=each["label"],
                rings=tuple(np.asarray(ring, np.float64) for ring in each["rings"]),
                ignore=kind == "doubtful",
            )
            for kind in ("fields", "doubtful")
            for each in found.get(kind, ())
        ]
        for name, found in _added(collection).items()
    }


def read_added_buildings(collection: str) -> dict[str, list[Instance]]:
    """Return the buildings drawn for this project, by image: each image named is complete for buildings.

    An image without any is as good as one with many: it says that crowns, aprons, sand and cars are no roofs. What
    may be a building or not is an ignored region.

    Parameters
    ----------
    collection : str
        ``fields``, ``naip``, ``banepa`` or ``autzen``, which is one image: its scene.

    Returns
    -------
    dict
        Name of the image to its instances, in pixels of the image.
    """
    return {
        name: [
            Instance(label="building", rings=(np.asarray(ring, np.float64),), ignore=kind == "doubtful")
            for kind in ("buildings", "doubtful")
            for ring in found.get(kind, ())
        ]
        for name, found in _added(f"{collection}_buildings").items()
    }


def read_replaced(collection: str) -> frozenset[int]:
    """Return the ids of a collection's annotations that lie beside what they mean; `read_added` has better."""
    return frozenset(number for found in _added(collection).values() for number in found.get("replaced", ()))


def _added(collection: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((ADDED_LABELS / f"{collection}.json").read_text(encoding="utf-8"))
    return table


def add_naip(folder: Path, writer: ChipWriter) -> int:
    """Add the NAIP chips, few of which show a field; buildings are labelled in a part of them."""
    count = 0
    added = read_added("naip")
    buildings = read_added_buildings("naip")
    for path in sorted(folder.glob("*.jpg")):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        held_out = path.stem.split("_")[0] in NAIP_HELD_OUT or path.stem in NAIP_VAL
        writer.add(
            pixels,
            [*added.get(path.stem, ()), *buildings.get(path.stem, ())],
            name=f"naip_{path.stem}",
            gsd_m=NAIP_GSD_M,
            split="val" if held_out else "train",
            source="naip",
            complete=frozenset(LABELS if path.stem in buildings else FIELD_LABELS),
        )
        count += 1
    return count


def add_banepa(folder: Path, writer: ChipWriter) -> int:
    """Add both Banepa scenes, a dense town without sports fields: one as OSM maps it, one drawn by us."""
    truth = gpd.read_file(folder / "buildings.geojson")
    count = 0
    with rasterio.open(folder / "banepa_train_z19.tif") as scene, _metric(scene) as view:
        split_lon = (scene.transform * (BANEPA_VAL_FROM_PX, 0))[0]
        shapes = transform_geometries(truth.geometry.to_numpy(), source=truth.crs, target=view.crs)
        middle_lat = (scene.bounds.top + scene.bounds.bottom) / 2
        (split_point,) = transform_geometries(
            [shapely.Point(split_lon, middle_lat)], source=scene.crs, target=view.crs
        )
        to_px = ~view.transform
        split_col = int((to_px * (split_point.x, split_point.y))[0])
        rings = [_rings(shape, to_px) for shape in shapely.get_parts(shapely.force_2d(shapes))]
        for split, first, last in (("train", 0, split_col), ("val", split_col, view.width)):
            for col in _starts(first, last, BANEPA_CHIP_PX):
                for row in _starts(0, view.height, BANEPA_CHIP_PX):
                    _add_window(
                        view,
                        Window(col, row, BANEPA_CHIP_PX, BANEPA_CHIP_PX),
                        _inside(rings, col, row, BANEPA_CHIP_PX),
                        writer,
                        name=f"banepa_{split}_{row}_{col}",
                        split=split,
                    )
                    count += 1
    with rasterio.open(folder / "banepa_predict_z19.tif") as scene, _metric(scene) as view:
        for name, instances in read_added_buildings("banepa").items():
            row, col = (int(number) for number in name.split("_")[1:])
            _add_window(
                view, Window(col, row, ADDED_CHIP_PX, ADDED_CHIP_PX), instances, writer, name=name, split="train"
            )
            count += 1
    return count


def add_autzen(scene_path: Path, writer: ChipWriter) -> int:
    """Add a scene of fields, woods and a river in haze, with few buildings: what is no roof in another light."""
    labelled = read_added_buildings("autzen")["autzen"]
    count = 0
    with rasterio.open(scene_path) as scene:
        for split, first, last in (("val", 0, AUTZEN_VAL_TO_PX), ("train", AUTZEN_VAL_TO_PX, scene.height)):
            for row in _starts(first, last, AUTZEN_CHIP_PX):
                for col in _starts(0, scene.width, AUTZEN_CHIP_PX):
                    pixels = scene.read((1, 2, 3), window=Window(col, row, AUTZEN_CHIP_PX, AUTZEN_CHIP_PX))
                    writer.add(
                        np.ascontiguousarray(pixels.transpose(1, 2, 0)),
                        _cut(labelled, col, row, AUTZEN_CHIP_PX),
                        name=f"autzen_{split}_{row}_{col}",
                        gsd_m=AUTZEN_GSD_M,
                        split=split,
                        source="autzen",
                        # The northern part has a stadium and practice grounds, which nobody outlined.
                        complete=frozenset(LABELS if split == "train" else ("building",)),
                    )
                    count += 1
    return count


@contextmanager
def _metric(scene: rasterio.DatasetReader) -> Iterator[WarpedVRT]:
    """Open a scene in metres, at the resolution of Banepa's chips."""
    crs = utm_crs(*scene.lnglat())
    with WarpedVRT(scene, crs=crs, resampling=Resampling.cubic) as native:
        bounds = native.bounds
    with WarpedVRT(
        scene,
        crs=crs,
        transform=rasterio.transform.from_origin(bounds.left, bounds.top, BANEPA_CHIP_GSD_M, BANEPA_CHIP_GSD_M),
        width=int((bounds.right - bounds.left) / BANEPA_CHIP_GSD_M),
        height=int((bounds.top - bounds.bottom) / BANEPA_CHIP_GSD_M),
        resampling=Resampling.average,
    ) as view:
        yield view


def _add_window(
    view: WarpedVRT, window: Window, instances: Sequence[Instance], writer: ChipWriter, *, name: str, split: str
) -> None:
    writer.add(
        np.ascontiguousarray(view.read(window=window).transpose(1, 2, 0)),
        instances,
        name=name,
        gsd_m=BANEPA_CHIP_GSD_M,
        split=split,
        source="banepa",
        complete=frozenset(LABELS),
    )


def _starts(first: int, last: int, size: int) -> list[int]:
    """Return evenly spaced starts of windows that cover first..last and stay inside it."""
    count = max(1, int(np.ceil((last - first) / size)))
    return sorted({round(float(v)) for v in np.linspace(first, max(first, last - size), count)})


def _rings(polygon: shapely.Polygon, to_px: rasterio.Affine) -> Rings:
    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(to_px * (xy[:, 0], xy[:, 1]))

    return tuple(move(shapely.get_coordinates(ring))[:-1] for ring in (polygon.exterior, *polygon.interiors))


def _inside(rings: list[Rings], col: int, row: int, size: int) -> list[Instance]:
    return _cut([Instance(label="building", rings=each) for each in rings], col, row, size)


def _cut(instances: Sequence[Instance], col: int, row: int, size: int) -> list[Instance]:
    """Return what a square window shows of a scene's objects, in pixels of the window."""
    out = []
    for each in instances:
        moved = tuple(ring - (col, row) for ring in each.rings)
        (left, top), (right, bottom) = moved[0].min(axis=0), moved[0].max(axis=0)
        if right > 0 and bottom > 0 and left < size and top < size:
            out.append(replace(each, rings=moved))
    return out
