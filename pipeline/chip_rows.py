"""Rows of the table of figures that are measured on chips alone, with mask AP and false claims per km2."""

import dataclasses
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detection.detector import Detector
from detection.load import load_detector, resolve_spec
from groundplan.errors import Error
from groundplan.labels import FIELD_LABELS
from pipeline.training import some_chips
from training.chips import Chip, read_chips
from training.evaluate import evaluate, figures
from training.looks import look_at_chips


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


def run_in_folder(job: Callable[[Path], None]) -> int:
    """Run a command with a folder that is deleted afterwards; an error becomes one line, and the exit status 1."""
    try:
        with tempfile.TemporaryDirectory(prefix="groundplan-", ignore_cleanup_errors=True) as work:
            job(Path(work))
    except Error as err:
        sys.stderr.write(f"groundplan: {err}\n")
        return 1
    return 0


def open_sources(weights: str, *, data: Path, chips: Path, work: Path, limit: int, device: str) -> Sources:
    """Return sources of weights by name or path, with their detector; a limit of 0 is none."""
    spec = resolve_spec(weights, base=Path(), device=device, threads=None)
    return Sources(
        data=data,
        chips=chips,
        weights=Path(spec.weights),
        work=work,
        limit=limit or 10**9,
        detector=load_detector(spec),
    )


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


def _number(found: dict[str, dict[str, float]], label: str, key: str) -> str:
    value = found.get(label, {}).get(key)
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
