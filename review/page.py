"""A run's changes, OSM features and chips -> review/index.html and its assets in the run folder."""

import json
import os
import re
from collections.abc import Mapping, Set
from importlib import resources
from pathlib import Path
from typing import Any, Final

import geopandas as gpd

from groundplan.errors import OutputError, SchemaError
from groundplan.records import Imagery
from groundplan.whole import write_bytes_whole, write_text_whole
from review.chips import ChipInfo
from review.proposals import FORM, PageOptions, page_data

ASSETS: Final[tuple[str, ...]] = (
    "index.html",
    "app.css",
    "dom.js",
    "store.js",
    "save.js",
    "choose.js",
    "list.js",
    "chip.js",
    "facts.js",
    "map.js",
    "app.js",
    "leaflet/leaflet.js",
    "leaflet/leaflet.css",
    "leaflet/LICENSE",
    "leaflet/images/layers.png",
    "leaflet/images/layers-2x.png",
    "leaflet/images/marker-icon.png",
    "leaflet/images/marker-icon-2x.png",
    "leaflet/images/marker-shadow.png",
)
"""Files copied from review/static beside the data."""

DATA_NAME: Final = "data.js"
CHIP_NAME: Final = re.compile(r"p-[0-9a-f]{16}(-\d+)?\.jpg")
"""Pictures in chips/ that runs name by the ids of changes (`osm.ids`)."""
DATA_HEAD: Final = "window.GROUNDPLAN_REVIEW = JSON.parse('"
DATA_TAIL: Final = "');\n"


def write_review(
    run_dir: str | os.PathLike[str],
    changes: gpd.GeoDataFrame,
    osm: gpd.GeoDataFrame | None,
    chips: Mapping[str, ChipInfo],
    *,
    imagery: Imagery,
    options: PageOptions | None = None,
) -> Path:
    """Write the review page of a run and return the path of its index.html.

    Chip images are written by the caller (`review.chips.write_chip`) into the same review folder; those of earlier
    runs that the page no longer names are removed. Decisions that lie there already (decisions.jsonl) are left
    alone.

    Parameters
    ----------
    run_dir : path-like
        The run folder; review/ is made in it.
    changes : GeoDataFrame
        CHANGES in EPSG:4326 (any CRS is read).
    osm : GeoDataFrame or None
        OSM_FEATURES to draw beside the detections.
    chips : mapping of str to ChipInfo
        By change_id; rows without one are drawn without imagery.
    imagery : Imagery
        Provenance of the pixels.
    options : PageOptions, optional
        Region name, metric CRS, offset, frame of the geometries.

    Raises
    ------
    SchemaError
        A frame does not have its form; see `review.proposals.page_data`.
    OutputError
        The folder cannot be written.

    Notes
    -----
    The data travel as a script, not as JSON to fetch, because browsers refuse ``fetch`` from file://.
    """
    folder = Path(run_dir) / "review"
    data = page_data(changes, osm, chips=chips, imagery=imagery, options=options)
    static = resources.files("review") / "static"
    for name in ASSETS:
        write_bytes_whole(folder / name, static.joinpath(name).read_bytes())
    write_text_whole(folder / DATA_NAME, data_script(data))
    _drop_old_chips(folder, {chip.path for chip in chips.values()})
    return folder / "index.html"


def withdraw_review(run_dir: Path) -> None:
    """Take away the page of an earlier run in whose folder none follows; decisions stay.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    folder = run_dir / "review"
    try:
        for name in (DATA_NAME, "index.html"):
            (folder / name).unlink(missing_ok=True)
        _drop_old_chips(folder, frozenset())
    except OSError as err:
        raise OutputError(f"cannot write into {folder}: {err.strerror or err}; check its rights") from err


def _drop_old_chips(folder: Path, named: Set[str]) -> None:
    """Remove pictures of earlier runs; until now the data beside them still named them."""
    held = folder / "chips"
    if held.is_symlink():
        return
    for path in held.glob("p-*.jpg"):
        if CHIP_NAME.fullmatch(path.name) and f"chips/{path.name}" not in named:
            path.unlink(missing_ok=True)


def data_script(data: Mapping[str, Any]) -> str:
    """Return the page's data as one script of plain ASCII.

    ASCII keeps lone surrogates and line separators harmless, and ``<`` is escaped so that the text could
    even stand inside HTML. Browsers read a JSON text in a string several times as fast as the same data
    written as an object.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    quoted = text.replace("<", "\\u003c").replace("'", "\\u0027").replace("\\", "\\\\")
    return DATA_HEAD + quoted + DATA_TAIL


def script_data(script: str) -> Any:
    r"""Return the data in a script that `data_script` wrote.

    Raises
    ------
    ValueError
        It is another script.

    Examples
    --------
    >>> script_data(data_script({"name": "it's \\ <b>"}))
    {'name': "it's \\ <b>"}
    """
    if not (script.startswith(DATA_HEAD) and script.endswith(DATA_TAIL)):
        raise ValueError("not whole")
    return json.loads(script.removeprefix(DATA_HEAD).removesuffix(DATA_TAIL).replace("\\\\", "\\"))


def read_page_data(review_dir: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the data that `write_review` wrote into a review folder.

    Raises
    ------
    SchemaError
        There is no review page, or its data have another form.
    """
    path = Path(review_dir) / DATA_NAME
    if not path.is_file():
        raise SchemaError(f"no review page in {Path(review_dir)}; give a run folder that `groundplan run` made")
    text = path.read_text(encoding="ascii", errors="replace")
    try:
        data = script_data(text)
    except ValueError as err:
        raise SchemaError(f"cannot read {path} ({err}); write the review page anew") from err
    if not isinstance(data, dict) or data.get("form") != FORM:
        raise SchemaError(f"{path} does not have the form {FORM}; write the review page anew")
    return data
