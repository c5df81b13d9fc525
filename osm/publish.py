"""Texts and frames of one comparison -> the files of the output folder, replaced together."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd

from groundplan.errors import OutputError
from groundplan.vector import write_geojson, write_parquet
from groundplan.whole import write_text_whole

NAMES = ("changes.geojson", "changes.parquet", "maproulette.geojsonl", "diff_report.json", "proposals")
"""Everything a comparison may write; what it does not write this time is taken away."""


def publish(
    out: Path,
    changes: gpd.GeoDataFrame,
    *,
    properties: Mapping[str, Any],
    texts: Mapping[str, str],
    report: Mapping[str, Any],
) -> None:
    """Write the files of a comparison into a folder, all of them or none.

    Everything is written into a hidden folder beside its place first; the renames at the end are the only moment
    at which old and new files can stand side by side. Files of an earlier run that have no successor are removed,
    so no stale proposal can be uploaded.

    Parameters
    ----------
    out : Path
        Folder, made when missing; other files in it stay.
    changes : GeoDataFrame
        CHANGES.
    properties : mapping
        Members of the GeoJSON collection.
    texts : mapping
        Relative path to text, such as "proposals/001.osc".
    report : mapping
        Becomes diff_report.json.

    Raises
    ------
    OutputError
        The folder cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".diff-", dir=out))
    except OSError as err:
        raise OutputError(f"cannot write into {out}: {err.strerror}; choose another folder with --out") from err
    try:
        fresh, stale = staging / "new", staging / "old"
        fresh.mkdir()
        stale.mkdir()
        write_geojson(changes, fresh / "changes.geojson", properties=properties, id_column="change_id")
        write_parquet(changes, fresh / "changes.parquet")
        text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        write_text_whole(fresh / "diff_report.json", text)
        for name, content in texts.items():
            write_text_whole(fresh / name, content)
        for name in NAMES:
            if (out / name).exists():
                (out / name).rename(stale / name)
            if (fresh / name).exists():
                (fresh / name).rename(out / name)
    except OSError as err:
        raise OutputError(f"cannot write into {out}: {err.strerror or err}; check its space and rights") from err
    finally:
        shutil.rmtree(staging, ignore_errors=True)
