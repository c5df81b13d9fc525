"""FEATURES and an OSM extract -> changes, proposals and a report in a folder: the OSM stage."""

import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import geopandas as gpd

from groundplan.errors import LicenceError
from groundplan.geojson import geojson_writer
from groundplan.geoparquet import parquet_writer
from groundplan.records import Imagery
from groundplan.schema import CHANGES
from groundplan.whole import write_text_whole
from osm.compare import compare
from osm.extract import Extract
from osm.ground import Ground, with_ground
from osm.licence import check_licence
from osm.maproulette_export import read_memory
from osm.normalise import Normalised, normalise
from osm.options import DiffOptions
from osm.propose import TaskFiles, write_proposals
from osm.publish import published
from osm.read import read_osm
from osm.window import window_around

log = logging.getLogger(__name__)

SCHEMA = "groundplan-changes/1"
"""Version of the form of changes.geojson."""


def diff(
    features: gpd.GeoDataFrame | Normalised,
    osm_file: Path | Extract,
    *,
    out: Path,
    imagery: Imagery | None = None,
    options: DiffOptions | None = None,
    decisions: Path | Sequence[Path] | None = None,
    ground: Ground | None = None,
) -> dict[str, Any]:
    """Compare features with OpenStreetMap and write what follows into a folder.

    Nothing is ever uploaded, deleted or changed in place: proposals create objects, and a person reviews each.

    Parameters
    ----------
    features : GeoDataFrame or Normalised
        FEATURES, or any polygons with a ``label`` (and perhaps a ``score``) in any CRS, or what
        `osm.normalise` made.
    osm_file : Path or Extract
        ``.osm.pbf``, ``.osm``, ``.osm.gz`` or ``.osm.bz2``, or what was read from it.
    out : Path
        Folder; gets changes.geojson, changes.parquet and diff_report.json, and if the imagery's licence permits
        it proposals/ and maproulette.geojsonl. Files of an earlier run are replaced or removed.
    imagery : Imagery, optional
        Where the features come from; without it no proposals are written.
    options : DiffOptions, optional
    decisions : Path or sequence of Path, optional
        Earlier decisions: decisions.jsonl of reviews, or MapRoulette's exports of challenges. Of several about one
        object the last counts.
    ground : Ground, optional
        What was looked at and for what: what is mapped there and was not detected gets a row, too. None = where
        something was detected, for labels that were.

    Returns
    -------
    dict
        What diff_report.json holds: counts, offset_m, cells, warnings, proposals, osm, imagery, options.

    Raises
    ------
    OsmFileError, SchemaError, OutputError
        An input cannot be read or used, or the folder not written. Nothing is written then.
    """
    options = options or DiffOptions()
    files = [decisions] if isinstance(decisions, str | Path) else decisions or ()
    remembered = tuple(decision for file in files for decision in read_memory(file))
    normal = features if isinstance(features, Normalised) else normalise(features)
    if not isinstance(osm_file, Extract):
        osm_file = read_osm(osm_file, window=with_ground(window_around(normal.features), ground))
    found = compare(normal, osm_file, imagery=imagery, options=options, decisions=remembered, ground=ground)
    report = found.report
    refused = _refusal(imagery)
    if refused:
        report["warnings"].append(refused)
    for warning in report["warnings"]:
        log.warning("%s", warning)
    properties = {
        "schema": SCHEMA,
        "frame": options.proposal_frame,
        **{name: report[name] for name in ("osm", "imagery", "offset_m")},
    }
    nested = [name for name, kind in CHANGES.items() if kind == "object"]
    with published(Path(out)) as folder:
        report["proposals"] = {"written": False, "reason": refused, "files": 0, "features": 0}
        places = None
        with ExitStack() as files_of:
            sinks = [
                files_of.enter_context(
                    geojson_writer(folder / "changes.geojson", properties=properties, id_column="change_id")
                ),
                files_of.enter_context(parquet_writer(folder / "changes.parquet", json_columns=nested)),
            ]
            if imagery is not None and not refused:
                places, n_files = write_proposals(found, folder, imagery=imagery)
                n_proposed = int((places != "").sum())
                report["proposals"] |= {"written": True, "files": n_files, "features": n_proposed}
                sinks.append(files_of.enter_context(TaskFiles(folder, imagery=imagery)).write)
            for frame in found.frames(places):
                for write in sinks:
                    write(frame)
        text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_text_whole(folder / "diff_report.json", text)
    return report


def _refusal(imagery: Imagery | None) -> str:
    """Return why the imagery's licence lets nothing be proposed; empty when it does."""
    try:
        check_licence(imagery)
    except LicenceError as err:
        return str(err)
    return ""
