"""A region's config -> its whole run folder: detect, merge, diff, review, report, in that order."""

import datetime as dt
import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np

from groundplan.records import Imagery
from groundplan.vector import read_vector, same_crs
from groundplan.whole import write_text_whole
from osm.diff import diff
from osm.ground import with_ground
from osm.normalise import normalise
from osm.publish import withdraw
from osm.read import read_osm
from osm.window import window_around
from pipeline.blocks import close_readers
from pipeline.chips import write_chips
from pipeline.config import RegionConfig
from pipeline.detect import Detected, check_parts, detect, find_done, forget_parts, looked_at
from pipeline.executor import default_workers, open_executor
from pipeline.lock import hold_folder
from pipeline.looked_at import ground_of, keep_ground
from pipeline.manifest import write_manifest
from pipeline.merge import COARSE_TILES_NAME, TILES_NAME, merge, write_tiles
from pipeline.merge_options import CoarsePass, MergeOptions, Provenance, keep_aoi
from pipeline.plan import Plan, make_plan
from pipeline.progress import tile_bar
from pipeline.remote_detector import describe_on_workers
from pipeline.report_data import StageTimes, make_report
from pipeline.shifts import imagery_shifts, offsets_of_labels, used_offset
from pipeline.visible_truth import visible_truth
from postprocess.score import score_features
from review.page import withdraw_review, write_review
from review.proposals import PageOptions
from review.report import report_html
from tiling.grid import tile_bounds

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line adds to a region file."""

    workers: int | None = None
    """Worker processes on this machine; 0 = none, everything here; None = one per core."""
    scheduler: str | None = None
    """Address of a running Dask scheduler instead."""
    device: str = "auto"
    fresh: bool = False
    """Forget parts of earlier runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run found, for the summary."""

    plan: Plan
    detected: Detected
    report: dict[str, Any]


def run_region(config: RegionConfig, options: RunOptions) -> RunResult:
    """Run every stage of a region and fill its run folder.

    Returns
    -------
    RunResult
        ``detected.complete`` is False when tiles or blocks failed; the other stages ran all the same.

    Raises
    ------
    groundplan.errors.Error
        The region cannot be run. Parts made so far stay and are taken over by the next run.
    """
    times = StageTimes()
    plan = plan_run(config, options)
    with hold_folder(config.out):
        with _timed(times, "detect"):
            detected = run_detect(plan, options)
        with _timed(times, "merge"):
            features = run_merge(plan, options)
        diff_report = changes = None
        if config.extract is not None:
            with _timed(times, "diff"):
                normal = normalise(features)
                ground = ground_of(config.out / "features.parquet")
                extract = read_osm(config.extract, window=with_ground(window_around(normal.features), ground))
                diff_report = diff(
                    normal,
                    extract,
                    out=config.out,
                    imagery=config.imagery,
                    options=config.diff,
                    decisions=config.decision_files,
                    ground=ground,
                )
            changes = read_vector(config.out / "changes.parquet")
            with _timed(times, "review"):
                write_review_page(plan, changes, features, diff_report, osm=extract.frame())
        else:
            withdraw(config.out)
            withdraw_review(config.out)
        score, warnings = None, run_warnings(plan, detected)
        if config.truth is not None:
            truth = same_crs(read_vector(config.truth), features.crs)
            if "label" in truth:  # what was not looked for was not missed
                truth = truth[truth["label"].isin(plan.labels)].reset_index(drop=True)
            shown, n_beyond = visible_truth(truth, plan)
            score = score_features(features, shown)
            if n_beyond:
                warnings.append(f"{n_beyond} objects of the truth lie beyond the imagery or the aoi: not counted")
        for warning in warnings:
            log.warning("%s", warning)
        report = make_report(
            plan,
            detected,
            features,
            diff_report=diff_report,
            changes=changes,
            score=score,
            times=times,
            warnings=warnings,
            created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        )
        write_report(config.out, report)
    return RunResult(plan=plan, detected=detected, report=report)


def plan_run(config: RegionConfig, options: RunOptions) -> Plan:
    """Return the plan; the network has one thread wherever it runs.

    With a scheduler, one of its workers says how they compute: on this machine there may be no GPU.
    """
    describe = None
    if options.scheduler is not None:
        describe = partial(describe_on_workers, scheduler=options.scheduler)
    # Sums of products round otherwise on two threads than on one, and a handful of outlines in a thousand follow:
    # with one thread everywhere, equal inputs give equal bytes whatever the workers.
    return make_plan(config, device=options.device, threads=1, describe=describe)


def run_detect(plan: Plan, options: RunOptions) -> Detected:
    """Run the detection stage into the plan's folder and write its manifest."""
    out = plan.config.out
    check_parts(out / "parts")
    if options.fresh:
        forget_parts(plan)
    wanted = default_workers() if options.workers is None else options.workers
    n_waiting = len(find_done(plan)[1])
    # A cluster takes seconds to start: not worth it for nothing. For one block it is: the last that is left may be
    # the one that kills whoever works on it, and this process has the rest of the run to do.
    workers = min(wanted, n_waiting)
    scheduler = options.scheduler if n_waiting else None
    with tile_bar(plan.n_tiles) as bar, open_executor(workers=workers, scheduler=scheduler) as executor:
        try:
            detected = detect(plan, executor, on_block=lambda result: bar.update(result.n_tiles if result else 0))
        finally:
            close_readers()
    write_tiles(out / TILES_NAME, tile_bounds(plan.region.grid, looked_at(plan, detected, coarse=False)))
    if plan.coarse is not None:
        bounds = tile_bounds(plan.coarse.grid, looked_at(plan, detected, coarse=True))
        write_tiles(out / COARSE_TILES_NAME, bounds)
    keep_aoi(out, plan.region.aoi)
    keep_ground(plan, detected)
    write_manifest(plan, detected.results, failed=detected.failed, path=out / "manifest.json")
    return detected


def run_merge(plan: Plan, options: RunOptions) -> gpd.GeoDataFrame:
    """Merge a plan's parts into its feature files."""
    wide = plan.coarse
    merging = MergeOptions(
        polygons=plan.polygons,
        shapes=plan.config.shapes,
        coarse=None
        if wide is None
        else CoarsePass(
            labels=plan.info.coarse_labels,
            gsd_m=wide.grid.gsd_m,
            tile_m=wide.grid.tile_px * wide.grid.gsd_m,
            large_from_m2=plan.large_from_m2,
        ),
        filled_labels=plan.info.filled_labels,
        aoi=plan.region.aoi,
        provenance=Provenance(imagery=plan.config.imagery, model_sha256=plan.info.sha256),
    )
    workers = default_workers() if options.workers is None else options.workers
    parts = [task.part.name for task in plan.tasks]
    return merge(plan.config.out, merging, workers=workers, scheduler=options.scheduler, parts=parts)


def write_review_page(
    plan: Plan,
    changes: gpd.GeoDataFrame,
    features: gpd.GeoDataFrame,
    diff_report: dict[str, Any],
    *,
    osm: gpd.GeoDataFrame,
) -> None:
    """Write the review page with a picture of the ground around every proposal."""
    config = plan.config
    if config.diff.proposal_frame == "imagery":  # proposals lie there already; what is mapped has yet to be moved
        offset, to_imagery = offsets_of_labels(changes["label"], diff_report), np.zeros(2)
    else:
        whole = used_offset(diff_report["offset_m"])
        offset = to_imagery = imagery_shifts(changes, features, offset_m=whole)
    chips = write_chips(plan.region, changes, offset_m=to_imagery, folder=config.out / "review")
    write_review(
        config.out,
        changes,
        osm,
        chips,
        imagery=config.imagery or Imagery(id=config.name),
        options=PageOptions(
            region=config.name, crs=plan.region.grid.crs, offset_m=offset, frame=config.diff.proposal_frame
        ),
    )


def run_warnings(plan: Plan, detected: Detected) -> list[str]:
    """Return what a user should know about a run that worked."""
    out = []
    results = [result for result in detected.results if not result.coarse]
    if results and detected.complete and all(result.n_empty == result.n_tiles for result in results):
        out.append("no tile shows any imagery: look at nodata in [pixels], and at the scenes' masks")
    if plan.config.extract is None:
        out.append("the region file names no [osm] extract: the run ended with features")
    if plan.config.imagery is None:
        out.append("the region file has no [imagery] table: no proposals are written")
    if any(scene.tiles for scene in plan.region.scenes) and not (
        plan.config.imagery and plan.config.imagery.attribution
    ):
        out.append(
            "tiles of a service were read and [imagery] attribution is empty: name whom the service asks for"
        )
    return out


def write_report(out: Path, report: dict[str, Any]) -> None:
    """Write report.json and report.html."""
    text = json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text_whole(out / "report.json", text + "\n")
    write_text_whole(out / "report.html", report_html(report))


@contextmanager
def _timed(times: StageTimes, name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    times.seconds[name] = time.perf_counter() - started
    log.info("%s took %.1f s", name, times.seconds[name])
