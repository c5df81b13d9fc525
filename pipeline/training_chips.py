"""Region files, COCO files, review decisions and a detector -> folders of chips: what `groundplan chips` does."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from tqdm import tqdm

from detection.load import check_labels, describe_detector, load_detector, resolve_spec
from groundplan.crs import LON_LAT, transform_geometries
from groundplan.errors import ConfigError, DataError, SchemaError
from groundplan.labels import FIELD_LABELS, LABELS, check_label
from groundplan.vector import read_vector, same_crs
from osm.boxes import covered_ground
from osm.frames import Offsets, find_offsets
from osm.offset import centroids, shifted
from osm.read import read_osm
from pipeline.config import RegionConfig, read_region
from pipeline.lock import hold_folder
from pipeline.plan import region_scenes
from pipeline.run import RunOptions, plan_run, run_detect, run_merge
from review.decisions import current_decisions
from review.decisions_file import read_lines
from tiling.region import Region, make_region
from training.chips import ChipWriter, read_chips
from training.coco_chips import CocoOptions, write_coco_chips
from training.decision_chips import decision_chips, judged_objects
from training.ground_chips import tile_chips, write_ground_chips
from training.hard_chips import write_hard_chips
from training.osm_labels import osm_labels
from training.self_labels import write_self_labels


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipOptions:
    """What the command line says about the chips to make."""

    out: Path
    """Folder to write; replaced when it holds chips."""
    source: str
    """Name of the chips' source, for [share] of the training file."""
    val_share: float = 0.2
    chip_px: int = 512


def chips_from_region(
    path: Path,
    options: ChipOptions,
    *,
    complete: Sequence[str],
    offset_m: tuple[float, float] | None,
    run_options: RunOptions,
) -> dict[str, Any]:
    """Write chips of a region with its OSM extract as labels.

    Parameters
    ----------
    path : Path
        The region file; it must name an extract.
    complete : sequence of str
        Labels of which the user says that OSM has all that the imagery shows.
    offset_m : tuple of float, optional
        East and north by which the imagery lies off OSM; None runs the detector over the region and measures it.
    run_options : RunOptions
        For that run.

    Returns
    -------
    dict
        Counts, and the offset used.

    Raises
    ------
    ConfigError, DataError
        There is no extract, or the offset cannot be measured.
    """
    config = read_region(path)
    if config.extract is None:
        raise ConfigError(f"{path} names no [osm] extract; name one, its objects become the labels")
    wanted = frozenset(check_label(label) for label in complete)
    region = _chip_region(config, options.chip_px)
    extract = read_osm(config.extract)
    metric = same_crs(extract.frame(), region.grid.crs)
    broken = ~shapely.is_valid(metric.geometry.to_numpy())
    metric = metric[~broken].reset_index(drop=True)
    if offset_m is None:
        offsets = _measure(config, metric, run_options)
        moved = _moved(metric, offsets)
        used = (offsets.all.whole.east, offsets.all.whole.north)
    else:
        moved = shifted(metric.geometry.to_numpy(), np.tile(np.array(offset_m, float), (len(metric), 1)))
        used = offset_m
    placed = metric.set_geometry(gpd.GeoSeries(moved, index=metric.index, crs=metric.crs))
    known = None
    if extract.info.boxes:
        ground = shapely.segmentize(covered_ground(extract.info.boxes), 0.01)
        known = transform_geometries([ground], source=LON_LAT, target=region.grid.crs)[0]
    labels = osm_labels(placed, labels=frozenset(LABELS))
    chips = tile_chips(region, labels, complete=wanted, known=known, prefix=config.name)
    description = f"{config.name}: labels (c) OpenStreetMap contributors, ODbL 1.0; imagery {_credit(config)}"
    counts = _write(region, chips, options, description=description)
    return counts | {"offset_m": [round(float(each), 2) for each in used], "broken": int(broken.sum())}


def chips_from_decisions(
    path: Path, options: ChipOptions, *, run_dir: Path | None, decisions: Path | None
) -> dict[str, Any]:
    """Write chips of what was accepted and rejected on a run's review page.

    Parameters
    ----------
    path : Path
        The region file of the run.
    run_dir : Path, optional
        Its run folder; None = as the region file says.
    decisions : Path, optional
        decisions.jsonl; None = the one in the run's review folder.

    Raises
    ------
    ConfigError, SchemaError, DataError
        A file is missing, or no decision teaches anything.
    """
    config = read_region(path, out=run_dir)
    lines = read_lines(decisions or config.out / "review" / "decisions.jsonl")
    held = current_decisions(lines)
    region = _chip_region(config, options.chip_px)
    judged, unknown = judged_objects(held.values(), _outlines(config.out, region))
    counts = _write(
        region,
        decision_chips(region, judged),
        options,
        description=f"{config.name}: decisions of reviewers; imagery {_credit(config)}",
    )
    return counts | {"decisions": len(held), "unknown": unknown}


def chips_from_coco(
    coco: Path, images: Path | None, options: ChipOptions, *, coco_options: CocoOptions
) -> dict[str, Any]:
    """Write chips of any COCO file; see `training.coco_chips.write_coco_chips`."""
    writer = ChipWriter(options.out)
    with tqdm(unit="chip", file=sys.stderr, dynamic_ncols=True) as bar:
        counts = write_coco_chips(
            coco,
            images or coco.parent,
            writer,
            source=options.source,
            options=coco_options,
            on_chip=lambda: _advance(bar),
        )
    writer.close(description=f"from {coco.name}")
    return dict(counts)


def chips_from_detector(
    chips: Path,
    out: Path,
    *,
    source: str,
    weights: str,
    label: str | None = None,
    views: int = 1,
    score: float | None = None,
) -> dict[str, Any]:
    """Write the training chips that lack a label, labelled where a detector is sure; or those it gets wrong.

    Parameters
    ----------
    label : str, optional
        See `training.self_labels.write_self_labels`; None = see `training.hard_chips.write_hard_chips`.
    views : int
        How often a chip is looked at, flipped and turned.
    score : float, optional
        Least score of a claim that makes a chip hard; None = each label's own threshold.

    Raises
    ------
    ConfigError
        `out` is the folder itself.
    DataError, WeightsError
        There are no such chips; the weights cannot be used or do not know the label.
    """
    if out.resolve() == chips.resolve():
        raise ConfigError(f"--out {out} is the folder of the chips itself; give another one")
    given = read_chips(chips)
    spec = resolve_spec(weights, base=Path(), device="auto", threads=None, views=views)
    if label is None:
        # Of what is not counted no masks are drawn: on the usual chips that is nine tenths of it.
        least = describe_detector(spec).min_score
        spec = replace(spec, min_score=tuple((of, own if score is None else score) for of, own in least.items()))
    detector = load_detector(spec)
    name = detector.info.name
    writer = ChipWriter(out)
    with tqdm(unit="chip", file=sys.stderr, dynamic_ncols=True) as bar:

        def on_chip() -> None:
            _advance(bar)

        if label is None:
            counts = write_hard_chips(detector, given, writer, source=source, score=score, on_chip=on_chip)
            description = f"{chips.name}, as far as {name} claims what is not there"
        else:
            check_labels((label,), detector.info)
            counts = write_self_labels(detector, given, writer, label=label, source=source, on_chip=on_chip)
            description = f"{chips.name}, with {label} as {name} finds it"
    writer.close(description=description)
    return dict(counts)


def _chip_region(config: RegionConfig, chip_px: int) -> Region:
    """Return the region on tiles that do not overlap, at the detector's ground sample distance."""
    gsd_m = config.model.gsd_m
    if gsd_m is None:
        spec = resolve_spec(config.model.weights, base=config.base, device="cpu", threads=None)
        gsd_m = describe_detector(spec).gsd_m
    aoi = None if config.aoi is None else read_vector(config.aoi)
    scenes = region_scenes(config, gsd_m=gsd_m, aoi=aoi)
    return make_region(scenes, gsd_m=gsd_m, tile_px=chip_px, overlap_px=0, crs=config.crs, aoi=aoi)


def _measure(config: RegionConfig, osm: gpd.GeoDataFrame, options: RunOptions) -> Offsets:
    plan = plan_run(config, options)
    with hold_folder(config.out):
        run_detect(plan, options)
        features = run_merge(plan, options)
    offsets = find_offsets(features, same_crs(osm, features.crs), options=config.diff)
    whole = offsets.all.whole
    if not whole.used:
        raise DataError(
            f"{whole.n_pairs} detections lie on OSM objects and do not agree well enough (MAD {whole.mad} m) to "
            "measure how far the imagery lies off OSM; measure it in an editor and give --offset-m EAST NORTH"
        )
    return offsets


def _moved(osm: gpd.GeoDataFrame, offsets: Offsets) -> NDArray[np.object_]:
    """Return OSM's geometries where the imagery shows them."""
    shapes = np.asarray(osm.geometry.to_numpy(), dtype=object)
    xy = centroids(shapes)
    by = offsets.all.at(xy)
    if offsets.fields is not None:
        own = np.isin(osm["label"].to_numpy(dtype=object), FIELD_LABELS)
        by[own] = offsets.fields.at(xy[own])
    return shifted(shapes, by)


def _outlines(run_dir: Path, region: Region) -> dict[str, shapely.Geometry]:
    """Return change_id -> outline where the imagery shows it: the feature's own, not the one moved onto OSM."""
    for name in ("changes.parquet", "features.parquet"):
        if not (run_dir / name).is_file():
            raise SchemaError(f"no {run_dir / name}; give the run folder of this region with --run")
    changes = read_vector(run_dir / "changes.parquet")
    features = same_crs(read_vector(run_dir / "features.parquet"), region.grid.crs)
    shapes = dict(zip(features["feature_id"], features.geometry, strict=True))
    return {
        change: shapes[feature]
        for change, feature in zip(changes["change_id"], changes["feature_id"], strict=True)
        if feature in shapes
    }


def _write(region: Region, chips: Sequence[Any], options: ChipOptions, *, description: str) -> dict[str, Any]:
    writer = ChipWriter(options.out)
    with tqdm(total=len(chips), unit="chip", file=sys.stderr, dynamic_ncols=True) as bar:
        counts = write_ground_chips(
            region,
            chips,
            writer,
            source=options.source,
            val_share=options.val_share,
            on_chip=lambda: _advance(bar),
        )
    writer.close(description=description)
    return dict(counts)


def _advance(bar: Any) -> None:
    bar.update()


def _credit(config: RegionConfig) -> str:
    if config.imagery is None:
        return "of unknown origin"
    return ", ".join(filter(None, (config.imagery.id, config.imagery.licence, config.imagery.attribution)))
