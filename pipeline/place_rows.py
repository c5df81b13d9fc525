"""Rows of the table of figures that are measured after the whole pipeline: polygons, as a user gets them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from PIL import Image

from groundplan.errors import DataError
from groundplan.labels import FIELD_LABELS
from groundplan.vector import read_vector
from pipeline.chip_rows import Line, Sources
from pipeline.mosaic import evaluate_region, run_region_features
from pipeline.run import RunOptions
from pipeline.training import some_chips
from training import places
from training.chips import Chip, read_pixels


def buildings_row(given: Sources) -> list[Line]:
    """Polygon F1 of US buildings; where the figure wanted is a mean over five trainings, this is one."""
    out = []
    for source, wanted in (("fields", "F1 0.75"), ("naip", "")):
        built, bare = _labelled(given, source)
        built = some_chips(built, given.limit)
        region = _placed_region(given, built, f"us_{source}")
        what = f"{source}/ val: buildings, {len(built)} tiles (one split, not five)"
        out += [_f1_line(what, region, wanted), *_bare_lines(given, some_chips(bare, given.limit), source)]
    return out


def tile_regions(given: Sources, source: str) -> list[Path]:
    """Return regions of the tiles of a source with buildings and, where there are any, of those without."""
    built, bare = _labelled(given, source)
    regions = [_placed_region(given, built, f"built_{source}")]
    return regions + ([_placed_region(given, bare, f"bare_{source}")] if bare else [])


def _labelled(given: Sources, source: str) -> tuple[list[Chip], list[Chip]]:
    """Return the tiles of a source whose buildings are drawn: those with some, and those without any object."""
    chips = [chip for chip in given.kept("real", source=source) if "building" in chip.complete]
    built = [chip for chip in chips if any(each.label == "building" for each in chip.instances)]
    if not built:
        raise DataError(f"no chip in {given.chips / 'real'} has buildings; prepare the chips again")
    return built, [chip for chip in chips if not chip.instances]


def _bare_lines(given: Sources, chips: Sequence[Chip], source: str) -> list[Line]:
    """Count buildings claimed where there are none."""
    if not chips:
        return []
    found = run_region_features(_placed_region(given, chips, f"bare_{source}"), options=RunOptions(workers=0))
    km2 = sum(chip.width * chip.height * chip.gsd_m**2 for chip in chips) / 1e6
    covered = found.geometry.area.sum() / km2 / 1e6
    return [
        Line(
            what=f"{source}/ val: buildings claimed on {len(chips)} tiles without any ({km2:.2f} km2)",
            measured=f"{len(found) / km2:.0f} per km2, {100 * covered:.1f} % of the ground",
            wanted="",
        )
    ]


def _placed_region(
    given: Sources,
    chips: Sequence[Chip],
    name: str,
    *,
    labels: tuple[str, ...] = ("building",),
    gsd_m: float = 0.0,
) -> Path:
    images = [_placed(chip, labels, gsd_m) for chip in chips]
    return places.write_placed(images, given.work / name, weights=str(given.weights), labels=labels)


def coarser_row(given: Sources) -> list[Line]:
    """Measure the tiles of fields/ averaged to coarser pixels, interpolated by the pipeline as a user's are."""
    chips = given.kept("real", source="fields")
    built = some_chips([chip for chip in chips if _shows(chip, ("building",))], given.limit)
    labels = ("tennis_court", "baseball_diamond")
    played = some_chips([chip for chip in chips if _shows(chip, labels)], given.limit)
    if not built or not played:
        raise DataError(f"no chip in {given.chips / 'real'} has buildings and fields; prepare the chips again")
    out = []
    for gsd_m in (0.6, 1.0):
        where = f"fields/ val at {gsd_m:g} m after the pipeline"
        region = _placed_region(given, built, f"built_{100 * gsd_m:.0f}_cm", gsd_m=gsd_m)
        out.append(_f1_line(f"{where}: buildings", region, ""))
        # Every kind of field is looked for: a court taken for another kind is missed and false.
        region = _placed_region(given, played, f"played_{100 * gsd_m:.0f}_cm", labels=FIELD_LABELS, gsd_m=gsd_m)
        found = evaluate_region(region, options=RunOptions(workers=0))["labels"]
        out += [
            Line(what=f"{where}: {label}", measured=_measured(found[label]), wanted="P 0.9, R 0.8")
            for label in FIELD_LABELS
            if label in found and (found[label]["n_truth"] or found[label]["n_features"])
        ]
    return out


def _shows(chip: Chip, labels: Sequence[str]) -> bool:
    """Tell whether all objects of the labels are annotated, and there are some."""
    return {*labels} <= chip.complete and any(each.label in labels for each in chip.instances)


def banepa_row(given: Sources) -> list[Line]:
    """Polygon F1 of the third of Banepa that is not trained on."""
    return [_f1_line("Banepa, eastern third, after the pipeline", banepa_region(given), "F1 0.72")]


def banepa_region(given: Sources) -> Path:
    """Return the third of Banepa that is not trained on, as a region."""
    folder = given.data / "buildings" / "banepa"
    return places.write_banepa_east(folder, given.work / "banepa", weights=str(given.weights))


def zanzibar_row(given: Sources) -> list[Line]:
    """Polygon F1 of a place that no weights have seen."""
    return [_web_tiles_line(given, "zanzibar")]


def philippines_row(given: Sources) -> list[Line]:
    """Polygon F1 of a place that no weights have seen."""
    return [_web_tiles_line(given, "philippines")]


def dubai_row(given: Sources) -> list[Line]:
    """Polygon F1 of images whose resolution nobody states; a few of them, because they are large."""
    count = max(1, given.limit // 12)
    folder = given.data / "buildings" / "dubai"
    region = places.write_dubai(folder, given.work / "dubai", weights=str(given.weights), count=count)
    n_images = len(list(region.parent.glob("tile*.tif")))
    return [_f1_line(f"left out: Dubai, {n_images} images, {places.DUBAI_GSD_M} m assumed", region, PLACES_WANTED)]


PLACES_WANTED: Final = "mean F1 of the places 0.65"


def _web_tiles_line(given: Sources, name: str) -> Line:
    region = places.write_web_tiles(given.data / "buildings" / name, given.work / name, weights=str(given.weights))
    return _f1_line(f"left out: {name.capitalize()}", region, PLACES_WANTED)


def autzen_row(given: Sources) -> list[Line]:
    """Which fields are claimed in a scene that holds one American football field."""
    scene = given.data / "scenes" / "autzen_rgb_1ft.tif"
    region = places.write_scene_region(scene, given.work / "autzen", weights=str(given.weights))
    features = run_region_features(region, options=RunOptions(workers=0))
    own = features[features["label"].isin(FIELD_LABELS)]
    found = [
        f"{row.label} {row.score:.2f} ({row.area_m2:,.0f} m2 at {row.geometry.centroid.x:.0f}, "
        f"{row.geometry.centroid.y:.0f})"
        for row in own.sort_values("score", ascending=False).itertuples()
    ]
    return [
        Line(
            what="Autzen: fields claimed",
            measured=f"{len(own)}" + (": " + "; ".join(found[:8]) if found else ""),
            wanted="1 american_football_field, no other",
        ),
        _autzen_buildings(given),
    ]


def autzen_region(given: Sources) -> Path:
    """Return the northern half of the Autzen scene, which is not trained on, as a region."""
    scene = given.data / "scenes" / "autzen_rgb_1ft.tif"
    return places.write_autzen_north(scene, given.work / "autzen_north", weights=str(given.weights))


def _autzen_buildings(given: Sources) -> Line:
    """Measure where little is built and much is not: a stadium's car parks, meadows and woods, in haze."""
    region = autzen_region(given)
    found = evaluate_region(region, options=RunOptions(workers=0))["labels"]["building"]
    aoi = read_vector(region.parent / "aoi.geojson")
    km2 = float(aoi.to_crs(aoi.estimate_utm_crs()).area.sum()) / 1e6
    false = round(found["n_features"] * (1 - (found["precision"] or 0.0)))
    return Line(
        what=f"Autzen, northern half ({km2:.2f} km2): buildings drawn for this project",
        measured=f"{_measured(found)}; {false} claims match none",
        wanted="",
    )


def _placed(chip: Chip, labels: Sequence[str], gsd_m: float) -> places.PlacedImage:
    """Return a chip, averaged to pixels of `gsd_m` where its own are smaller, and its objects of some labels."""
    times = max(1.0, gsd_m / chip.gsd_m)
    size = (int(chip.width / times), int(chip.height / times))
    shown = (size[0] * times, size[1] * times)
    picture = Image.fromarray(read_pixels(chip)).resize(size, Image.Resampling.BOX, box=(0, 0, *shown))
    found: dict[bool, list[tuple[str, shapely.Geometry]]] = {False: [], True: []}
    for each in chip.instances:
        if each.label in labels:
            shape = shapely.make_valid(shapely.Polygon(each.rings[0], each.rings[1:]))
            inside = shapely.intersection(shape, shapely.box(0, 0, *shown))
            if not inside.is_empty:  # rendered chips name what lies beside them too
                found[each.ignore].append((each.label, shapely.transform(inside, lambda xy: xy / times)))
    return places.PlacedImage(
        name=chip.path.stem,
        pixels=np.asarray(picture),
        gsd_m=chip.gsd_m * times,
        truth=tuple(found[False]),
        doubtful=tuple(found[True]),
    )


def _f1_line(what: str, region: Path, wanted: str) -> Line:
    found = evaluate_region(region, options=RunOptions(workers=0))["labels"].get("building")
    return Line(what=what, measured="nothing found" if found is None else _measured(found), wanted=wanted)


def _measured(found: Mapping[str, Any]) -> str:
    values = [np.nan if found[key] is None else found[key] for key in ("f1", "precision", "recall")]
    apart = found.get("boundary_m")
    said = "F1 {:.3f} (P {:.2f}, R {:.2f}".format(*values) + f", n={found['n_truth']}"
    return said + (f", outlines {apart['median']:.2f} m apart)" if apart else ")")
