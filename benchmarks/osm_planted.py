"""A real extract without 200 of its buildings -> how many `groundplan diff` finds, as JSON."""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from _osm_world import IMAGERY, Field, Planted, detections, judge, plant
from _table import write_row

from groundplan.geoparquet import write_parquet
from groundplan.vector import read_vector
from pipeline.cli import main as groundplan

EXTRACT = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "osm" / "liechtenstein.osm.pbf"


def run(
    planted: Planted, folder: Path, *, shift: tuple[float, float], field: Field, wrong: float
) -> dict[str, Any]:
    """Return the figures of one imagery, compared in one command."""
    frame = detections(planted, shift=shift, field=field, wrong=wrong)
    write_parquet(frame, folder / "detections.parquet")
    out = folder / "out"
    given = ["--imagery-id", IMAGERY.id, "--imagery-date", str(IMAGERY.date), "--imagery-licence", IMAGERY.licence]
    start = time.perf_counter()
    groundplan(["diff", str(folder / "detections.parquet"), str(planted.path), "--out", str(out), *given])
    seconds = time.perf_counter() - start
    report = json.loads((out / "diff_report.json").read_text(encoding="utf-8"))
    got = judge(planted, read_vector(out / "changes.parquet"), report, shift=shift, field=field)
    return {
        "imagery": field,
        "shift_m": list(shift),
        "wrong_share": wrong,
        "taken": got["taken"],
        "taken_ones_new": got["found"],
        "detections": len(frame),
        "others_new": got["new_wrong"],
        "offset_found_m": [round(got["east"], 2), round(got["north"], 2)],
        "off_by_m": round(got["off_m"], 2),
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extract", type=Path, default=EXTRACT)
    parser.add_argument("--full", action="store_true", help="every shift in every field, right and a third wrong")
    options = parser.parse_args()
    if not options.extract.is_file():
        print(f"skipped: no extract at {options.extract}; give one with --extract")
        return
    shifts = ((0.0, 0.0), (5.0, 0.0), (0.0, 8.0))
    cases: list[tuple[tuple[float, float], Field, float]] = [((2.0, -1.5), "shift", 0.0)]
    if options.full:
        cases += [(shift, "shift", 0.0) for shift in shifts]
        cases += [(shift, "wavy", 0.3) for shift in shifts]
        # Over 25 km this rotation is five metres; a shift on top would exceed the ten metres that are believed.
        cases += [((0.0, 0.0), "rotated", 0.3)]
    else:
        cases += [((0.0, 8.0), "wavy", 0.3)]
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(options.extract, Path(folder) / "without.osm.pbf")
        rows = [run(planted, Path(folder), shift=shift, field=field, wrong=wrong) for shift, field, wrong in cases]
    write_row("osm_planted", {"rows": rows})


if __name__ == "__main__":
    main()
