"""Parsed arguments -> one stage each; functions return exit codes and carry the names of the commands."""

import argparse
import datetime as dt
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from groundplan.errors import ConfigError
from groundplan.records import Imagery

INCOMPLETE = 3
"""Exit code of a run that went through although tiles failed; the report lists them."""


def run(arguments: argparse.Namespace) -> int:
    """Run every stage of a region."""
    from pipeline.config import read_region
    from pipeline.run import run_region
    from pipeline.summary import run_summary

    result = run_region(read_region(arguments.region, out=arguments.out), _run_options(arguments))
    _print(run_summary(result))
    return 0 if result.detected.complete else INCOMPLETE


def detect(arguments: argparse.Namespace) -> int:
    """Run the detection stage alone."""
    from pipeline.config import read_region
    from pipeline.lock import hold_folder
    from pipeline.run import plan_run, run_detect

    options = _run_options(arguments)
    plan = plan_run(read_region(arguments.region, out=arguments.out), options)
    with hold_folder(plan.config.out):
        detected = run_detect(plan, options)
    n_parts = sum(result.n_parts for result in detected.results)
    _print(f"{n_parts} parts of {plan.n_tiles} tiles in {plan.config.out / 'parts'}")
    return 0 if detected.complete else INCOMPLETE


def merge(arguments: argparse.Namespace) -> int:
    """Merge the parts of a run folder, ours or foreign."""
    from pipeline.executor import default_workers
    from pipeline.lock import hold_folder
    from pipeline.merge import merge as merge_run
    from pipeline.merge_options import check_kept_parts, kept_options

    run_dir: Path = arguments.run_dir
    if not (run_dir / "parts").is_dir():
        raise ConfigError(
            f"{run_dir} has no parts folder; give a run folder, or put parts into {run_dir / 'parts'}"
        )
    options = kept_options(run_dir)
    workers = default_workers() if arguments.workers is None else arguments.workers
    with hold_folder(run_dir):
        check_kept_parts(run_dir)
        features = merge_run(run_dir, options, workers=workers)
    _print(f"{len(features)} features in {run_dir / 'features.geojson'}")
    return 0


def diff(arguments: argparse.Namespace) -> int:
    """Compare any labelled polygons with an OSM file."""
    from groundplan.vector import read_vector
    from osm.diff import diff as diff_files
    from osm.options import DiffOptions
    from pipeline.config import read_region
    from pipeline.lock import hold_folder
    from pipeline.looked_at import ground_of
    from pipeline.summary import diff_summary

    config = None if arguments.config is None else read_region(arguments.config, out=arguments.out)
    imagery = _imagery(arguments) or (None if config is None else config.imagery)
    features = read_vector(arguments.features)
    with hold_folder(arguments.out):
        report = diff_files(
            features,
            arguments.osm_file,
            out=arguments.out,
            imagery=imagery,
            options=DiffOptions() if config is None else config.diff,
            decisions=arguments.decisions or (None if config is None else config.decision_files),
            ground=ground_of(arguments.features),
        )
    _print(diff_summary(report))
    return 0


def review(arguments: argparse.Namespace) -> int:
    """Serve the review page of a run."""
    from review.server import serve

    with suppress(KeyboardInterrupt):  # that is how it ends; all decisions are on the disk
        serve(arguments.run_dir, port=arguments.port, announce=_announce)
    return 0


def _announce(url: str) -> None:
    _print(f"review at {url} and save decisions as they are made; Ctrl-C ends it")
    sys.stdout.flush()


def demo(arguments: argparse.Namespace) -> int:
    """Render the demo region."""
    from training.demo import write_demo

    write_demo(arguments.out, seed=arguments.seed, size_m=arguments.size_m)
    _print(f"rendered region (not a photograph) in {arguments.out}; run {arguments.out / 'region.toml'}")
    return 0


def chips(arguments: argparse.Namespace) -> int:
    """Make training chips."""
    from pipeline import training_chips
    from training.coco_chips import CocoOptions

    source = arguments.source or arguments.out.resolve().name
    if arguments.kind in ("self", "hard"):
        own = {"label": arguments.label, "views": arguments.views} if arguments.kind == "self" else {}
        own |= {"score": arguments.score} if arguments.kind == "hard" else {}
        counts = training_chips.chips_from_detector(
            arguments.chips, arguments.out, source=source, weights=arguments.weights, **own
        )
        _print(json.dumps(counts, sort_keys=True))
        return 0
    options = training_chips.ChipOptions(out=arguments.out, source=source, val_share=arguments.val_share)
    if arguments.kind == "region":
        counts = training_chips.chips_from_region(
            arguments.region,
            options,
            complete=arguments.complete,
            offset_m=None if arguments.offset_m is None else (arguments.offset_m[0], arguments.offset_m[1]),
            run_options=_run_options(arguments),
        )
    elif arguments.kind == "decisions":
        counts = training_chips.chips_from_decisions(
            arguments.region, options, run_dir=arguments.run, decisions=arguments.decisions
        )
    else:
        named = [each.partition("=") for each in arguments.label]
        counts = training_chips.chips_from_coco(
            arguments.coco,
            arguments.images,
            options,
            coco_options=CocoOptions(
                gsd_m=arguments.gsd_m,
                names={theirs: ours for theirs, _, ours in named},
                complete=None if arguments.complete is None else tuple(arguments.complete),
                val_share=arguments.val_share,
            ),
        )
    _print(json.dumps(counts, sort_keys=True))
    return 0


def train(arguments: argparse.Namespace) -> int:
    """Train weights."""
    from pipeline.training import REPORT_NAME, train_from_file

    weights = train_from_file(arguments.training)
    _print(f"weights in {weights}")
    if weights.with_name(REPORT_NAME).is_file():
        _print(f"report in {weights.with_name(REPORT_NAME)}")
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Measure weights: on chips, or on regions with truth after the whole pipeline; JSON on stdout."""
    from pipeline.training import EvaluateOptions, evaluate_weights

    regions = [path for path in arguments.chips if path.suffix == ".toml"]
    folders = [path for path in arguments.chips if path.suffix != ".toml"]
    result: dict[str, Any] = {}
    if folders:
        result = evaluate_weights(
            folders,
            EvaluateOptions(
                weights=arguments.weights,
                split=arguments.split,
                device=arguments.device,
                limit=arguments.limit,
                degraded_gsd_m=arguments.coarse_gsd_m,
                write_thresholds=arguments.write_thresholds,
                precision=dict(arguments.precision),
            ),
        )
    if regions:
        from pipeline.mosaic import evaluate_region

        result["regions"] = {str(path): evaluate_region(path, options=_run_options(arguments)) for path in regions}
    _print(json.dumps(result, indent=1, sort_keys=True))
    return 0


def info(arguments: argparse.Namespace) -> int:
    """Say what a region would read and run."""
    from pipeline.config import read_region
    from pipeline.inspect import inspect, inspection_summary
    from pipeline.plan import make_plan
    from pipeline.summary import plan_summary

    plan = make_plan(read_region(arguments.region), device="cpu", threads=1)
    _print(plan_summary(plan))
    _print(inspection_summary(plan, inspect(plan)))
    return 0


def init(arguments: argparse.Namespace) -> int:
    """Write a commented region file from a scene and an extract."""
    from pipeline.starter import write_region_file

    # What is an OSM file among the names is the extract: `groundplan init *.tif town.osm.pbf --out town.toml`.
    names = list(arguments.files)
    extracts = [name for name in names if name.endswith((".pbf", ".osm", ".osm.gz", ".osm.bz2"))]
    if len(extracts) > 1:
        raise ConfigError(f"{len(extracts)} OSM files were given; name one, joined with osmium merge")
    scenes = [name for name in names if name not in extracts]
    if not scenes:
        raise ConfigError("no scene was given; name at least one raster, STAC document or tile address")
    out = write_region_file(
        scenes, extract=Path(extracts[0]) if extracts else None, aoi=arguments.aoi, out=arguments.out
    )
    _print(f"wrote {out}; fill in [imagery], then: groundplan info {out}")
    return 0


def score(arguments: argparse.Namespace) -> int:
    """Score features against truth; JSON on stdout."""
    from groundplan.crs import metric_crs_of
    from groundplan.vector import read_vector, same_crs
    from postprocess.score import score_features

    features, truth = read_vector(arguments.features), read_vector(arguments.truth)
    crs = metric_crs_of(truth if len(truth) else features)
    result = score_features(same_crs(features, crs), same_crs(truth, crs), iou=arguments.iou)
    _print(json.dumps(result, indent=1, sort_keys=True))
    return 0


def _run_options(arguments: argparse.Namespace) -> Any:
    from pipeline.run import RunOptions

    return RunOptions(
        workers=getattr(arguments, "workers", None),
        scheduler=getattr(arguments, "scheduler", None),
        device=arguments.device,
        fresh=getattr(arguments, "fresh", False),
    )


def _imagery(arguments: argparse.Namespace) -> Imagery | None:
    if arguments.imagery_id is None:
        if arguments.imagery_licence or arguments.imagery_date or arguments.osm_permitted:
            raise ConfigError("imagery options were given without --imagery-id; name the imagery")
        return None
    date = None
    if arguments.imagery_date is not None:
        try:
            date = dt.date.fromisoformat(arguments.imagery_date)
        except ValueError as err:
            raise ConfigError(f"--imagery-date {arguments.imagery_date!r} is no date; write 2026-06-01") from err
    return Imagery(
        id=arguments.imagery_id,
        date=date,
        licence=arguments.imagery_licence,
        attribution=arguments.imagery_attribution,
        osm_permitted=True if arguments.osm_permitted else None,
    )


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
