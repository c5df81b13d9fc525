"""The shipped weights and the data collection -> the table of figures to reach; `make evaluate` prints it."""

import argparse
import dataclasses
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely

from detection.detector import Detector
from detection.load import load_detector, resolve_spec
from groundplan.errors import DataError, Error
from groundplan.labels import FIELD_LABELS
from pipeline.mosaic import evaluate_region, run_region_features
from pipeline.run import RunOptions
from pipeline.training import some_chips
from training import places
from training.chips import Chip, read_chips, read_pixels
from training.evaluate import evaluate, figures
from training.looks import look_at_chips

RUN: Final = "python -m pipeline.figures --rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the table."""

    what: str
    measured: str
    wanted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the rows are computed from."""

    data: Path
    """The data collection."""
    chips: Path
    """Chips as `make chips` writes them."""
    weights: Path
    work: Path
    """Folder for regions and their runs; deleted at the end."""
    limit: int
    """Most chips of a kind that are looked at."""
    detector: Detector

    def kept(self, folder: str, *, source: str | None = None) -> list[Chip]:
        """Return the validation chips of a folder, of one source or of all."""
        return [
            chip
            for chip in read_chips(self.chips / folder)
            if source in (None, chip.source) and chip.split == "val"
        ]


def fields_row(given: Sources) -> list[Line]:
    """Mask AP of the labelled fields, on chips that are not trained on."""
    chips = [chip for chip in given.kept("real", source="fields") if chip.complete & {*FIELD_LABELS}]
    chips = some_chips(chips, given.limit)
    found = evaluate(given.detector, chips, gsd_m=given.detector.info.gsd_m)
    wanted = {"tennis_court": "AP 0.85, AP50 0.99", "baseball_diamond": "AP 0.78, AP50 0.99"}
    return [
        Line(
            what=f"fields/ val: {label}",
            measured=f"AP {_number(found, label, 'ap')}, AP50 {_number(found, label, 'ap50')} "
            f"(n={_number(found, label, 'n_truth')})",
            wanted=of,
        )
        for label, of in wanted.items()
    ]


def degraded_row(given: Sources) -> list[Line]:
    """AP50 of the same chips after they went through a coarser resolution."""
    out = []
    chips = [chip for chip in given.kept("real", source="fields") if chip.complete & {*FIELD_LABELS}]
    chips = some_chips(chips, given.limit)
    for gsd_m, wanted in ((0.6, "0.95"), (1.0, "0.85")):
        found = evaluate(given.detector, chips, gsd_m=given.detector.info.gsd_m, degraded_gsd_m=gsd_m)
        said = [f"{label} {_number(found, label, 'ap50')}" for label in ("tennis_court", "baseball_diamond")]
        out.append(Line(what=f"fields/ val through {gsd_m:g} m: AP50", measured=", ".join(said), wanted=wanted))
    return out


def buildings_row(given: Sources) -> list[Line]:
    """Polygon F1 of US buildings; where the figure wanted is a mean over five trainings, this is one."""
    out = []
    for source, wanted in (("fields", "F1 0.75"), ("naip", "")):
        chips = [chip for chip in given.kept("real", source=source) if "building" in chip.complete]
        built = [chip for chip in chips if any(each.label == "building" for each in chip.instances)]
        bare = [chip for chip in chips if not chip.instances]
        if not built:
            raise DataError(f"no chip in {given.chips / 'real'} has buildings; prepare the chips again")
        built = some_chips(built, given.limit)
        region = _placed_region(given, built, f"us_{source}")
        what = f"{source}/ val: buildings, {len(built)} tiles (one split, not five)"
        out += [_f1_line(what, region, wanted), *_bare_lines(given, some_chips(bare, given.limit), source)]
    return out


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


def _placed_region(given: Sources, chips: Sequence[Chip], name: str) -> Path:
    return places.write_placed(
        [_placed(chip) for chip in chips], given.work / name, weights=str(given.weights), labels=("building",)
    )


def false_row(given: Sources) -> list[Line]:
    """Fields found where there are none, on tiles that were not trained on as negatives."""
    out = []
    every = frozenset(FIELD_LABELS)
    for source in ("fields", "naip"):
        chips = [
            chip
            for chip in given.kept("real", source=source)
            if every <= chip.complete and not any(each.label in every for each in chip.instances)
        ]
        chips = some_chips(chips, given.limit)
        passes = look_at_chips(given.detector, chips, gsd_m=given.detector.info.gsd_m)
        found = figures(passes, given.detector.info.min_score)
        found = {label: of for label, of in found.items() if label in every}
        km2 = sum(chip.width * chip.height * chip.gsd_m**2 for chip in chips) / 1e6
        each = {label: of["false_per_km2"] for label, of in found.items() if of["false_per_km2"]}
        said = "; ".join(f"{label} {value:.2f}" for label, value in each.items())
        out.append(
            Line(
                what=f"false fields per km2, {source}/ val ({len(chips)} tiles, {km2:.2f} km2)",
                measured=f"{sum(each.values()):.2f}" + (f" ({said})" if said else ""),
                wanted="<= 1",
            )
        )
    return out


def rendered_row(given: Sources) -> list[Line]:
    """AP50 of drawn fields on real backgrounds, by label."""
    info = given.detector.info
    found: dict[str, Any] = {}
    # Chips of the pass that looks for the label: a track is wider than a chip at the other resolution.
    for folder, labels in (
        ("rendered_val", set(FIELD_LABELS) - {*info.coarse_labels}),
        ("coarse_val", {*info.coarse_labels}),
    ):
        chips = [dataclasses.replace(chip, complete=chip.complete & labels) for chip in given.kept(folder)]
        if labels:
            found |= evaluate(given.detector, some_chips(chips, given.limit), gsd_m=info.gsd_m)
    return [
        Line(
            what=f"rendered val: {label}",
            measured=f"AP50 {_number(found, label, 'ap50')} (n={_number(found, label, 'n_truth')})",
            wanted="AP50 0.95",
        )
        for label in FIELD_LABELS
    ]


def banepa_row(given: Sources) -> list[Line]:
    """Polygon F1 of the third of Banepa that is not trained on."""
    folder = given.data / "buildings" / "banepa"
    region = places.write_banepa_east(folder, given.work / "banepa", weights=str(given.weights))
    return [_f1_line("Banepa, eastern third, after the pipeline", region, "F1 0.72")]


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
        )
    ]


ROWS: Final[dict[str, Callable[[Sources], list[Line]]]] = {
    "fields": fields_row,
    "buildings": buildings_row,
    "degraded": degraded_row,
    "false": false_row,
    "rendered": rendered_row,
    "banepa": banepa_row,
    "zanzibar": zanzibar_row,
    "philippines": philippines_row,
    "dubai": dubai_row,
    "autzen": autzen_row,
}
"""Name -> function, in the order of the table."""


def table(given: Sources, rows: Sequence[str]) -> Iterator[str]:
    """Yield the table as lines of Markdown, each as soon as it is measured; missing data are said in their row."""
    yield "| what | measured | wanted | command |"
    yield "|---|---|---|---|"
    for name in rows:
        started = time.perf_counter()
        try:
            lines = ROWS[name](given)
        except Error as err:
            lines = [Line(what=name, measured=f"not computed: {err}", wanted="")]
        took = time.perf_counter() - started
        for line in lines:
            yield f"| {line.what} | {line.measured} | {line.wanted} | `{RUN} {name}` ({took:.0f} s) |"


def _placed(chip: Chip) -> places.PlacedImage:
    found: dict[bool, list[tuple[str, shapely.Geometry]]] = {False: [], True: []}
    for each in chip.instances:
        if each.label == "building":
            shape = shapely.make_valid(shapely.Polygon(each.rings[0], each.rings[1:]))
            inside = shapely.intersection(shape, shapely.box(0, 0, chip.width, chip.height))
            found[each.ignore].append(("building", inside))
    return places.PlacedImage(
        name=chip.path.stem,
        pixels=read_pixels(chip),
        gsd_m=chip.gsd_m,
        truth=tuple(found[False]),
        doubtful=tuple(found[True]),
    )


def _f1_line(what: str, region: Path, wanted: str) -> Line:
    found = evaluate_region(region, options=RunOptions(workers=0))["labels"].get("building")
    if found is None:
        return Line(what=what, measured="nothing found", wanted=wanted)
    values = [np.nan if found[key] is None else found[key] for key in ("f1", "precision", "recall")]
    apart = found.get("boundary_m")
    said = "F1 {:.3f} (P {:.2f}, R {:.2f}".format(*values) + f", n={found['n_truth']}"
    said += f", outlines {apart['median']:.2f} m apart)" if apart else ")"
    return Line(what=what, measured=said, wanted=wanted)


def _number(found: dict[str, dict[str, float]], label: str, key: str) -> str:
    value = found.get(label, {}).get(key)
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def main() -> int:
    """Print the table: ``python -m pipeline.figures --data DIR --chips DIR [--rows NAME ...]``."""
    parser = argparse.ArgumentParser(description="Measure weights on everything that the data collection holds.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--chips", type=Path, default=Path(".train"))
    parser.add_argument("--weights", default="default", metavar="FILE")
    parser.add_argument(
        "--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="NAME", help=", ".join(ROWS)
    )
    parser.add_argument("--limit", type=int, default=120, metavar="N", help="most tiles of a kind; 0 = all")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="groundplan-figures-"))
    try:
        spec = resolve_spec(arguments.weights, base=Path(), device=arguments.device, threads=None)
        given = Sources(
            data=arguments.data,
            chips=arguments.chips,
            weights=Path(spec.weights),
            work=work,
            limit=arguments.limit or 10**9,
            detector=load_detector(spec),
        )
        for line in table(given, arguments.rows):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except Error as err:
        sys.stderr.write(f"groundplan: {err}\n")
        return 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
