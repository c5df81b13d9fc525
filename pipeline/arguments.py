"""What each command takes on the command line."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from groundplan import __version__
from groundplan.errors import ConfigError
from groundplan.labels import check_label

Add: TypeAlias = Callable[[str, str], argparse.ArgumentParser]
"""Takes the name of a command and what it does, and gives its parser."""


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    verbose = argparse.ArgumentParser(add_help=False)
    verbose.add_argument("-v", "--verbose", action="count", default=0, help="log more; -vv logs every tile")
    parser = argparse.ArgumentParser(
        prog="groundplan",
        description="Draw the ground plan of a region from imagery and propose what OpenStreetMap lacks.",
    )
    parser.add_argument("--version", action="version", version=f"groundplan {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[verbose])

    _add_run(add)
    _add_merge(add)
    _add_diff(add)
    _add_review(add)
    _add_demo(add)
    _add_chips(
        add("chips", "make training chips: from a region with OSM labels, COCO json, decisions, or a model"),
        verbose,
    )
    _add_train(add)
    _add_evaluate(add)
    _add_info(add)
    _add_score(add)
    return parser


def _add_run(add: Add) -> None:
    for name, text in (
        ("run", "run every stage of a region: detect, merge, diff, review, report"),
        ("detect", "find objects in a region's scenes: scenes -> parts"),
    ):
        command = add(name, text)
        command.add_argument("region", type=Path, metavar="REGION.toml")
        command.add_argument(
            "--out", type=Path, metavar="DIR", help="run folder; default: the file's [output] dir"
        )
        command.add_argument(
            "--workers", type=_workers, metavar="N", help="worker processes; 0 = none; default: cores"
        )
        command.add_argument(
            "--scheduler", metavar="ADDRESS", help="running Dask scheduler, such as tcp://host:8786"
        )
        command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
        command.add_argument("--fresh", action="store_true", help="do not take over parts of earlier runs")


def _add_merge(add: Add) -> None:
    command = add("merge", "join parts over tile seams: parts -> features")
    command.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    command.add_argument(
        "--workers", type=_workers, metavar="N", help="worker processes for many parts; default: cores"
    )


def _add_diff(add: Add) -> None:
    command = add("diff", "compare polygons with OpenStreetMap: features + extract -> changes and proposals")
    command.add_argument(
        "features", type=Path, metavar="FEATURES", help="GeoJSON, GeoParquet or GPKG with `label`"
    )
    command.add_argument("osm_file", type=Path, metavar="OSM_FILE", help=".osm.pbf, .osm, .osm.gz or .osm.bz2")
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    command.add_argument("--imagery-id", metavar="ID")
    command.add_argument("--imagery-date", metavar="DATE", help="such as 2026-06-01")
    command.add_argument("--imagery-licence", metavar="NAME", default="")
    command.add_argument("--imagery-attribution", metavar="TEXT", default="")
    command.add_argument(
        "--osm-permitted", action="store_true", help="tracing for OSM is allowed from this imagery"
    )
    command.add_argument(
        "--decisions",
        type=Path,
        metavar="FILE",
        action="append",
        help="decisions.jsonl of a review or MapRoulette's export; may be given several times",
    )
    command.add_argument("--config", type=Path, metavar="REGION.toml", help="takes [diff] and [imagery] from it")


def _add_review(add: Add) -> None:
    command = add("review", "serve a run's review page on this machine and save decisions")
    command.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    command.add_argument("--port", type=int, default=8765, metavar="N")


def _add_demo(add: Add) -> None:
    command = add("demo", "render a region: scene, extract, truth, region file")
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    command.add_argument("--seed", type=int, default=1, metavar="N")
    command.add_argument("--size-m", type=float, default=720.0, metavar="M")


def _add_chips(command: argparse.ArgumentParser, verbose: argparse.ArgumentParser) -> None:
    kinds = command.add_subparsers(dest="kind", required=True, metavar="FROM")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        kind = kinds.add_parser(name, help=text, description=text, parents=[verbose])
        return kind

    def add_shared(kind: argparse.ArgumentParser) -> None:
        kind.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of chips to write")
        kind.add_argument("--source", metavar="NAME", help="name in [share] of the training file; default: DIR's")
        kind.add_argument("--val-share", type=float, default=0.2, metavar="X", help="share kept for validation")

    def add_model(kind: argparse.ArgumentParser) -> None:
        kind.add_argument("chips", type=Path, metavar="CHIPS", help="folder of chips")
        kind.add_argument("--weights", default="default", metavar="FILE")
        kind.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of chips to write")
        kind.add_argument("--source", metavar="NAME", help="name in [share] of the training file; default: DIR's")

    kind = add("region", "imagery and OSM extract of a region file -> chips")
    kind.add_argument("region", type=Path, metavar="REGION.toml")
    kind.add_argument(
        "--complete", nargs="+", default=[], metavar="LABEL", help="labels of which OSM has all that is to be seen"
    )
    kind.add_argument(
        "--offset-m", type=float, nargs=2, metavar=("EAST", "NORTH"),
        help="how far the imagery lies off OSM, in metres; default: measured by running the detector",
    )  # fmt: skip
    kind.add_argument("--workers", type=_workers, metavar="N", help="worker processes of that run")
    kind.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    add_shared(kind)

    kind = add("coco", "COCO json of any tool -> chips")
    kind.add_argument("coco", type=Path, metavar="ANNOTATIONS.json")
    kind.add_argument("--images", type=Path, metavar="DIR", help="default: the folder of the json")
    kind.add_argument("--gsd-m", type=float, metavar="M", help="metres per pixel; default: from the GeoTIFFs")
    kind.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="name of a category; THEIRS=- leaves it out",
    )
    kind.add_argument("--complete", nargs="+", metavar="LABEL", help="default: all labels of the json")
    add_shared(kind)

    kind = add("decisions", "accepted and rejected proposals of a reviewed run -> chips")
    kind.add_argument("region", type=Path, metavar="REGION.toml")
    kind.add_argument("--run", type=Path, metavar="RUN_DIR", help="default: the file's [output] dir")
    kind.add_argument("--decisions", type=Path, metavar="FILE", help="default: RUN_DIR/review/decisions.jsonl")
    add_shared(kind)

    kind = add("self", "chips that lack a label -> the same with what a model surely finds of it")
    add_model(kind)
    kind.add_argument("--label", type=_label, required=True, metavar="LABEL", help="the label they lack")
    kind.add_argument("--views", type=int, default=2, metavar="N", help="1, 2, 4 or 8 flips and turns must agree")

    kind = add("hard", "labelled chips -> those in which a model claims what is not there: hard negatives")
    add_model(kind)
    kind.add_argument(
        "--score", type=_share, metavar="X", help="least score of a claim (default: the label's own threshold)"
    )


def _add_train(add: Add) -> None:
    command = add("train", "train weights from chips")
    command.add_argument("training", type=Path, metavar="TRAINING.toml")


def _add_evaluate(add: Add) -> None:
    command = add("evaluate", "measure weights: mask AP on chips, polygons of a region with truth")
    command.add_argument(
        "chips",
        type=Path,
        nargs="+",
        metavar="CHIPS",
        help="folders of chips, or region files with truth",
    )
    command.add_argument(
        "--write-thresholds", type=Path, metavar="FILE",
        help="copy of the weights with thresholds and calibration measured on these chips",
    )  # fmt: skip
    command.add_argument(
        "--precision", type=_precision, nargs="+", default=[("", 0.95)], metavar="X",
        help="that these thresholds are to give: 0.95 for all, LABEL=0.7 for one",
    )  # fmt: skip
    command.add_argument("--workers", type=_workers, metavar="N", help="worker processes for regions")
    command.add_argument("--weights", default="default", metavar="FILE")
    command.add_argument("--limit", type=int, metavar="N", help="at most N chips per source, evenly spread")
    command.add_argument(
        "--coarse-gsd-m", type=float, metavar="M", help="pass chips through this resolution first"
    )
    command.add_argument("--split", default="val", choices=("train", "val"))
    command.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _add_info(add: Add) -> None:
    command = add("info", "say what a region file would read and run, before anything runs")
    command.add_argument("region", type=Path, metavar="REGION.toml")

    command = add("init", "write a commented region file from a scene and an extract")
    command.add_argument("files", nargs="+", metavar="SCENE [EXTRACT]", help="scenes, and at most one OSM file")
    command.add_argument("--aoi", type=Path, metavar="FILE", help="polygons; needed for tile addresses")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.toml")


def _add_score(add: Add) -> None:
    command = add("score", "compare features with truth: precision, recall, F1, IoU as JSON")
    command.add_argument("features", type=Path, metavar="FEATURES")
    command.add_argument("truth", type=Path, metavar="TRUTH")
    command.add_argument("--iou", type=_share, default=0.5, metavar="X", help="IoU from which two are the same")


def _workers(text: str) -> int:
    from pipeline.executor import check_workers

    try:
        return check_workers(int(text))
    except ConfigError as err:
        raise argparse.ArgumentTypeError(str(err)) from err
    except ValueError as err:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers; choose 0 or more") from err


def _precision(text: str) -> tuple[str, float]:
    """Return the label ("" for all) and the share of a word such as ``0.95`` or ``building=0.7``."""
    label, _, share = text.rpartition("=")
    return (_label(label) if label else ""), _share(share)


def _label(text: str) -> str:
    try:
        return check_label(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(str(err)) from err


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share; choose a number above 0, up to 1")
    return value
