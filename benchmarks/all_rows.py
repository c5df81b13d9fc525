"""All benchmarks, one after the other -> one table of what was asked for and measured, and results/*.json.

Rows that take hours are measured small; `--full` measures them as large as asked for. A benchmark that fails or
takes too long leaves its row as it was in an earlier run, and the table says of which command each row is.
"""

import argparse
import json
import operator
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _table import RESULTS, describe_machine

from groundplan.whole import write_text_whole

HERE = Path(__file__).resolve().parent
SIGNS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le, "<": operator.lt}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure that is asked for."""

    what: str
    benchmark: str
    figure: str
    """Its name in the benchmark's results; of a list, the largest counts."""
    needed: str
    """A sign and a number."""


ROWS = (
    Row(
        what="read to features: share of bare forward passes",
        benchmark="pipeline_overhead",
        figure="bare_share_of_read_to_features",
        needed=">= 0.9",
    ),
    Row(
        what="shipped engine against torch eager, times as fast",
        benchmark="engine",
        figure="shipped_times_as_fast",
        needed=">= 3",
    ),
    Row(
        what="best other engine as accurate as ours, times as fast",
        benchmark="engines",
        figure="best_as_accurate_times_as_fast_as_ours",
        needed="< 1.25",
    ),
    Row(
        what="end to end against SAHI, same overlap, both in their default tiles, times as fast",
        benchmark="peers_end_to_end",
        figure="times_as_fast_as_sahi",
        needed=">= 5",
    ),
    Row(
        what="end to end against a user's loop in SAHI's tiles, likewise, times as fast",
        benchmark="peers_end_to_end",
        figure="times_as_fast_as_loop",
        needed=">= 6",
    ),
    Row(
        what="against SAHI with its network channels last, likewise, times as fast",
        benchmark="peers_end_to_end",
        figure="times_as_fast_as_sahi_channels_last",
        needed=">= 5",
    ),
    Row(
        what="against the loop with its network channels last, likewise, times as fast",
        benchmark="peers_end_to_end",
        figure="times_as_fast_as_loop_channels_last",
        needed=">= 6",
    ),
    Row(
        what="against SAHI, both in tiles of 512 px, times as fast",
        benchmark="peers_end_to_end",
        figure="times_as_fast_as_sahi_in_the_same_512",
        needed=">= 5",
    ),
    Row(
        what="against the loop, both in tiles of 512 px, times as fast",
        benchmark="peers_end_to_end",
        figure="times_as_fast_as_loop_in_the_same_512",
        needed=">= 6",
    ),
    Row(what="peak of a run, MB", benchmark="scene_scaling", figure="peak_mb", needed="< 2000"),
    Row(
        what="time over area, exponent",
        benchmark="scene_scaling",
        figure="exponent_of_time_in_area",
        needed="<= 1.05",
    ),
    Row(what="overhead a null tile, ms", benchmark="null_tiles", figure="overhead_ms_a_tile", needed="< 1"),
    Row(
        what="plan and scheduler, MB",
        benchmark="null_tiles",
        figure="plan_and_scheduler_peak_mb",
        needed="< 2000",
    ),
    Row(
        what="two workers against one, times as fast",
        benchmark="second_worker",
        figure="two_times_as_fast",
        needed=">= 1.8",
    ),
    Row(
        what="killed and resumed to the same bytes, share", benchmark="resume", figure="same_share", needed=">= 1"
    ),
)


def run(path: Path, *, full: bool, limit_s: float) -> str:
    """Run one benchmark; return what went wrong, if anything. Those that keep no results get a file."""
    command = [sys.executable, str(path)]
    if full and '"--full"' in path.read_text(encoding="utf-8"):
        command.append("--full")
    target = RESULTS / f"{path.stem}.json"
    before = target.stat().st_mtime_ns if target.is_file() else 0
    try:
        done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, timeout=limit_s)
    except subprocess.TimeoutExpired:
        return f"took longer than {limit_s:g} s"
    if done.returncode:
        return f"ended with {done.returncode}"
    if not target.is_file() or target.stat().st_mtime_ns == before:
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if not lines:  # data are missing: what an earlier run measured stays
            return done.stdout.strip() or "measured nothing"
        shown = " ".join(["python", f"benchmarks/{path.name}", *command[2:]])
        text = {"benchmark": path.stem, "command": shown, "figures": lines, "machine": describe_machine()}
        write_text_whole(target, json.dumps(text, indent=1, sort_keys=True) + "\n")
    return ""


def table() -> list[dict[str, Any]]:
    """Return a record for each row, from the results that there are."""
    out = []
    for row in ROWS:
        path = RESULTS / f"{row.benchmark}.json"
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        value = known.get("figures", {}).get(row.figure)
        value = max(value) if isinstance(value, list) else value
        sign, _, number = row.needed.partition(" ")
        reached = None if value is None else SIGNS[sign](value, float(number))
        out.append(
            {
                "what": row.what,
                "needed": row.needed,
                "measured": value,
                "reached": reached,
                "command": known.get("command", f"python benchmarks/{row.benchmark}.py"),
                "load": known.get("machine", {}).get("load_at_the_end"),
            }
        )
    return out


def shown(records: list[dict[str, Any]]) -> str:
    """Return the records as a table for people."""
    head = ("what", "needed", "measured", "reached", "load", "command")
    words = {True: "yes", False: "no", None: "-"}
    lines = [head]
    for each in records:
        known = each | {"reached": words[each["reached"]]}
        lines.append(tuple("-" if known[name] is None else str(known[name]) for name in head))
    widths = [max(len(line[col]) for line in lines) for col in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def main() -> None:
    """Run all, or those named, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="benchmarks to run; default: all; `none` prints the table only")
    parser.add_argument("--full", action="store_true", help="as large as asked for: hours")
    parser.add_argument("--limit-s", type=float, default=600.0, help="longest time for one")
    options = parser.parse_args()
    paths = sorted(path for path in HERE.glob("[a-z]*.py") if path != Path(__file__).resolve())
    for path in paths:
        if options.names and path.stem not in options.names:
            continue
        start = time.perf_counter()
        wrong = run(path, full=options.full, limit_s=options.limit_s * (20 if options.full else 1))
        print(f"{path.stem}: {wrong or 'done'} ({time.perf_counter() - start:.0f} s)", file=sys.stderr)
    records = table()
    write_text_whole(RESULTS / "table.json", json.dumps(records, indent=1) + "\n")
    print(shown(records))


if __name__ == "__main__":
    main()
