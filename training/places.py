"""Folders of the data collection that no weights learn from -> regions with truth, for the whole pipeline.

Zanzibar and the Philippines are tiles of a web map, Dubai is images without a place, Banepa's eastern third is
kept for validation. Each function writes a folder with scenes, truth and region.toml, and returns the latter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.features
import shapely
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from shapely.affinity import affine_transform

from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import DataError
from groundplan.geojson import write_geojson
from groundplan.vector import read_vector
from groundplan.whole import whole_file, write_text_whole
from training.sources import AUTZEN_VAL_TO_PX, BANEPA_VAL_FROM_PX, read_added_buildings

TILE_PX: Final = 256
MERCATOR_HALF_M: Final = 20_037_508.342789244
"""Half the side of the web map's square, in EPSG:3857."""
DUBAI_GSD_M: Final = 0.5
"""Nobody states it; between the 0.3 and 0.8 m that cars and roads suggest."""
DUBAI_BUILDING: Final = (0x3C, 0x10, 0x98)
MIN_BLOB_PX: Final = 40
"""Smaller blobs of a colour mask are its noise."""
NOWHERE_CRS: Final = "EPSG:32631"
NOWHERE_M: Final = (500_000.0, 5_000_000.0)
"""Where images without a place are laid, side by side."""
SPACING_M: Final = 896 * 0.3 * 3
"""Between them: three strides of the default tiles, so that each begins at the same place of a tile."""
SHIFT_M: Final = 128 * 0.3
"""A chip of up to 768 px then lies within the part that its tile shares with no other: one tile a chip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedImage:
    """An image without a place, and its objects."""

    name: str
    pixels: NDArray[np.uint8] = field(repr=False)
    """(H, W, 3)."""
    gsd_m: float
    truth: tuple[tuple[str, shapely.Geometry], ...] = field(repr=False)
    """Label and outline, in pixels."""
    doubtful: tuple[tuple[str, shapely.Geometry], ...] = field(default=(), repr=False)
    """The same where nobody can tell; not counted."""


def write_web_tiles(folder: Path, out: Path, *, weights: str, zoom: int = 20) -> Path:
    """Write one scene per group of touching tiles (``OAM-x-y-z.png``), and the labels as truth.

    Raises
    ------
    DataError
        There are no tiles of that zoom.
    """
    found = {}
    for path in sorted((folder / f"z{zoom}").glob("*.png")):
        match = re.fullmatch(r"OAM-(\d+)-(\d+)-\d+", path.stem)
        if match:
            found[int(match[1]), int(match[2])] = path
    if not found:
        raise DataError(f"no tiles OAM-x-y-{zoom}.png in {folder / f'z{zoom}'}; give the data collection's folder")
    xs, ys = (np.array(axis) for axis in zip(*found, strict=True))
    seen = np.zeros((int(np.ptp(ys)) + 1, int(np.ptp(xs)) + 1), bool)
    seen[ys - ys.min(), xs - xs.min()] = True
    groups, count = ndimage.label(seen, structure=np.ones((3, 3)))
    size_m = 2 * MERCATOR_HALF_M / 2**zoom / TILE_PX
    for number in range(1, count + 1):
        rows, cols = np.nonzero(groups == number)
        top, left = int(rows.min()), int(cols.min())
        image = np.zeros((int(np.ptp(rows) + 1) * TILE_PX, int(np.ptp(cols) + 1) * TILE_PX, 3), np.uint8)
        valid = np.zeros(image.shape[:2], bool)
        for row, col in zip(rows.tolist(), cols.tolist(), strict=True):
            y, x = (row - top) * TILE_PX, (col - left) * TILE_PX
            with Image.open(found[col + int(xs.min()), row + int(ys.min())]) as tile:
                image[y : y + TILE_PX, x : x + TILE_PX] = np.asarray(tile.convert("RGB"))
            valid[y : y + TILE_PX, x : x + TILE_PX] = True
        corner = (
            (left + int(xs.min())) * TILE_PX * size_m - MERCATOR_HALF_M,
            MERCATOR_HALF_M - (top + int(ys.min())) * TILE_PX * size_m,
        )
        transform = Affine(size_m, 0.0, corner[0], 0.0, -size_m, corner[1])
        _write_scene(out / f"scene_{number}.tif", image, transform=transform, crs="EPSG:3857", valid=valid)
    truth = read_vector(folder / "labels.geojson")
    _write_truth(out, ["building"] * len(truth), truth.geometry.to_list(), crs=truth.crs)
    return _write_region(out, weights=weights, scenes=["scene_*.tif"], labels=("building",))


def write_dubai(folder: Path, out: Path, *, weights: str, count: int) -> Path:
    """Write at most `count` of the images, evenly spread; each blob of the building colour is one building."""
    images = []
    paths = sorted(folder.glob("tile*/images/*.jpg"))
    count = min(count, len(paths))
    for path in [paths[at * len(paths) // count] for at in range(count)]:
        with Image.open(path) as image, Image.open(path.parents[1] / "masks" / f"{path.stem}.png") as mask:
            pixels, colours = np.asarray(image.convert("RGB")), np.asarray(mask.convert("RGB"))
        blobs, _ = ndimage.label((colours == DUBAI_BUILDING).all(axis=2))
        shapes = rasterio.features.shapes(blobs.astype(np.int32), mask=blobs > 0)
        outlines = [shapely.geometry.shape(shape) for shape, _ in shapes]
        truth = tuple(("building", each) for each in outlines if each.area >= MIN_BLOB_PX)
        name = f"{path.parents[1].name}_{path.stem}"
        images.append(PlacedImage(name=name, pixels=pixels, gsd_m=DUBAI_GSD_M, truth=truth))
    if not images:
        raise DataError(f"no tile*/images/*.jpg in {folder}; give the data collection's folder")
    return write_placed(images, out, weights=weights, labels=("building",))


def write_placed(images: Sequence[PlacedImage], out: Path, *, weights: str, labels: tuple[str, ...]) -> Path:
    """Write images without a place as scenes side by side on invented ground; the pipeline can run these."""
    names, shapes, unclear = [], [], []
    for number, image in enumerate(images):
        left, top = NOWHERE_M[0] + number * SPACING_M + SHIFT_M, NOWHERE_M[1] - SHIFT_M
        transform = Affine(image.gsd_m, 0.0, left, 0.0, -image.gsd_m, top)
        _write_scene(out / f"{image.name}.tif", image.pixels, transform=transform, crs=NOWHERE_CRS)
        scale = np.array([image.gsd_m, -image.gsd_m])
        for place, (label, outline) in enumerate((*image.truth, *image.doubtful)):
            names.append(label)
            unclear.append(place >= len(image.truth))
            shapes.append(shapely.transform(outline, lambda xy: xy * scale + (left, top)))  # noqa: B023
    # One dark pixel at the grid's origin, so that every image begins at the same place of a tile.
    origin = Affine(0.3, 0.0, NOWHERE_M[0], 0.0, -0.3, NOWHERE_M[1])
    _write_scene(out / "origin.tif", np.zeros((1, 1, 3), np.uint8), transform=origin, crs=NOWHERE_CRS)
    _write_truth(out, names, shapes, crs=NOWHERE_CRS, unclear=unclear)
    return _write_region(out, weights=weights, scenes=["*.tif"], labels=labels, crs=NOWHERE_CRS)


def write_banepa_east(folder: Path, out: Path, *, weights: str) -> Path:
    """Write a region of Banepa's eastern third, which is not trained on."""
    scene = folder / "banepa_train_z19.tif"
    if not scene.is_file():
        raise DataError(f"no scene {scene}; give the data collection's folder")
    with rasterio.open(scene) as dataset:
        left = (dataset.transform * (BANEPA_VAL_FROM_PX, 0))[0]
        area = shapely.box(left, dataset.bounds.bottom, dataset.bounds.right, dataset.bounds.top)
        crs = dataset.crs
    truth = read_vector(folder / "buildings.geojson")
    shapes = shapely.force_2d(transform_geometries(truth.geometry.to_numpy(), source=truth.crs, target=crs))
    inside = shapely.area(shapely.intersection(shapely.make_valid(shapes), area)) >= 0.5 * shapely.area(shapes)
    _write_truth(out, ["building"] * int(inside.sum()), list(shapes[inside]), crs=crs)
    aoi = gpd.GeoDataFrame({"name": ["east"]}, geometry=[area], crs=crs)
    write_geojson(aoi, out / "aoi.geojson", id_column="name")
    return _write_region(out, weights=weights, scenes=[str(scene.resolve())], labels=("building",), aoi=True)


def write_autzen_north(scene: Path, out: Path, *, weights: str) -> Path:
    """Write a region of the northern half of the Autzen scene, which is not trained on, with its buildings."""
    if not scene.is_file():
        raise DataError(f"no scene {scene}; give the data collection's folder")
    with rasterio.open(scene) as dataset:
        area = shapely.box(0, 0, dataset.width, AUTZEN_VAL_TO_PX)
        to_ground = dataset.transform.to_shapely()
        crs = dataset.crs
    drawn = [(each, shapely.Polygon(each.rings[0])) for each in read_added_buildings("autzen")["autzen"]]
    inside = [(each.ignore, affine_transform(shape, to_ground)) for each, shape in drawn if area.contains(shape)]
    unclear, shapes = [each[0] for each in inside], [each[1] for each in inside]
    _write_truth(out, ["building"] * len(shapes), shapes, crs=crs, unclear=unclear)
    aoi = gpd.GeoDataFrame({"name": ["north"]}, geometry=[affine_transform(area, to_ground)], crs=crs)
    write_geojson(aoi, out / "aoi.geojson", id_column="name")
    return _write_region(out, weights=weights, scenes=[str(scene.resolve())], labels=("building",), aoi=True)


def write_scene_region(scene: Path, out: Path, *, weights: str) -> Path:
    """Write a region of one scene without truth, for every label the weights know."""
    if not scene.is_file():
        raise DataError(f"no scene {scene}; give the data collection's folder")
    return _write_region(out, weights=weights, scenes=[str(scene.resolve())], labels=(), truth=False)


def _write_scene(
    path: Path,
    image: NDArray[np.uint8],
    *,
    transform: Affine,
    crs: str,
    valid: NDArray[np.bool_] | None = None,
) -> None:
    height, width = image.shape[:2]
    profile = {"driver": "GTiff", "height": height, "width": width, "count": 3, "dtype": "uint8", "nodata": None}
    with (
        whole_file(path) as part,
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(part, "w", crs=crs, transform=transform, compress="deflate", **profile) as dataset,
    ):
        dataset.write(image.transpose(2, 0, 1))
        if valid is not None:
            dataset.write_mask(valid)


def _write_truth(
    out: Path, labels: list[str], shapes: list[Any], *, crs: Any, unclear: Sequence[bool] = ()
) -> None:
    geometry = transform_geometries(shapely.make_valid(np.array(shapes, object)), source=crs, target=LON_LAT)
    frame = gpd.GeoDataFrame(
        {"id": range(len(labels)), "label": labels, "ignore": list(unclear) or False},
        geometry=list(shapely.force_2d(geometry)),
        crs=LON_LAT,
    )
    write_geojson(frame, out / "truth.geojson", id_column="id")


def _write_region(
    out: Path,
    *,
    weights: str,
    scenes: Sequence[str],
    labels: tuple[str, ...],
    crs: str = "auto",
    aoi: bool = False,
    truth: bool = True,
) -> Path:
    quoted = ", ".join(f'"{name}"' for name in scenes)
    lines = [f'name = "{out.name}"', f"scenes = [{quoted}]", f'crs = "{crs}"']
    lines += ['aoi = "aoi.geojson"'] if aoi else []
    lines += ['truth = "truth.geojson"'] if truth else []
    lines += ["[model]", f'weights = "{weights}"']
    lines += [f"labels = [{', '.join(f'{chr(34)}{label}{chr(34)}' for label in labels)}]"] if labels else []
    lines += ["[output]", f'dir = "{out.resolve() / "run"}"']
    write_text_whole(out / "region.toml", "\n".join(lines) + "\n")
    return out / "region.toml"
