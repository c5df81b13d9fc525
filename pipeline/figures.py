"""The shipped weights and the data collection -> the table of figures to reach; `make evaluate` prints it."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from groundplan.errors import Error
from pipeline import chip_rows, place_rows
from pipeline.chip_rows import Line, Sources, open_sources, run_in_folder

RUN: Final = "python -m pipeline.figures --rows"

ROWS: Final[dict[str, Callable[[Sources], list[Line]]]] = {
    "fields": chip_rows.fields_row,
    "buildings": place_rows.buildings_row,
    "coarser": place_rows.coarser_row,
    "degraded": chip_rows.degraded_row,
    "false": chip_rows.false_row,
    "rendered": chip_rows.rendered_row,
    "banepa": place_rows.banepa_row,
    "zanzibar": place_rows.zanzibar_row,
    "philippines": place_rows.philippines_row,
    "dubai": place_rows.dubai_row,
    "autzen": place_rows.autzen_row,
}


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

    def job(work: Path) -> None:
        given = open_sources(
            arguments.weights,
            data=arguments.data,
            chips=arguments.chips,
            work=work,
            limit=arguments.limit,
            device=arguments.device,
        )
        for line in table(given, arguments.rows):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    return run_in_folder(job)


if __name__ == "__main__":
    sys.exit(main())
