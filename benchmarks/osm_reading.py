"""An extract -> seconds to read it, beside osmium export and plain pyosmium, as JSON."""

import argparse
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import osmium
import shapely
from _table import write_row

from osm.read import read_osm

EXTRACT = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "osm" / "liechtenstein.osm.pbf"
ATTRIBUTES = "type,id,version,timestamp"


def by_export(source: Path) -> int:
    """Let osmium-tool write all areas as hexadecimal WKB and decode it."""
    command = [
        "osmium",
        "export",
        "-f",
        "pg",
        "-a",
        ATTRIBUTES,
        "--geometry-types=polygon",
        "-o",
        "-",
        str(source),
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in text.split("\n") if line]
    return len(shapely.from_wkb([row[0] for row in rows]))


def by_python(source: Path) -> int:
    """Look at every object of the file in Python."""
    factory = osmium.geom.WKBFactory()
    wkb, about = [], []
    for item in osmium.FileProcessor(str(source)).with_areas():
        tags = item.tags
        try:
            if item.is_area():
                building, leisure = tags.get("building"), tags.get("leisure")
                if (building and building != "no") or leisure in ("pitch", "track"):
                    wkb.append(factory.create_multipolygon(item))
                    about.append((item.orig_id(), item.version, item.timestamp, dict(tags)))
            elif item.is_way():
                if "highway" in tags or "railway" in tags or "waterway" in tags:
                    wkb.append(factory.create_linestring(item))
                    about.append((item.id, item.version, item.timestamp, dict(tags)))
            elif item.is_node() and ("building" in tags or tags.get("leisure") == "pitch"):
                wkb.append(factory.create_point(item))
                about.append((item.id, item.version, item.timestamp, dict(tags)))
        except RuntimeError:
            continue
    return len(shapely.from_wkb(wkb))


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extract", type=Path, default=EXTRACT)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not options.extract.is_file():
        print(f"skipped: no extract at {options.extract}; give one with --extract")
        return
    ways = {"groundplan": lambda path: len(read_osm(path).frame()), "pyosmium_in_python": by_python}
    if shutil.which("osmium"):
        ways["osmium_export_and_from_wkb"] = by_export
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    rows = {}
    for _ in range(options.rounds):
        for name, read in ways.items():
            start = time.perf_counter()
            rows[name] = read(options.extract)
            seconds[name].append(time.perf_counter() - start)
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    figures = {
        "rows": rows,
        "seconds": {name: round(each, 2) for name, each in middle.items()},
        "times_as_fast_as": {name: round(each / middle["groundplan"], 2) for name, each in middle.items()},
    }
    write_row("osm_reading", figures)


if __name__ == "__main__":
    main()
