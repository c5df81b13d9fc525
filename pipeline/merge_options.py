"""What a run folder says of itself -> how its parts are to be merged; without a word, the defaults."""

import datetime as dt
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.errors import SchemaError
from groundplan.records import Imagery
from groundplan.whole import write_bytes_whole
from pipeline.part_names import OWN_NAME
from postprocess.options import PolygonOptions, ShapeOptions

AOI_NAME = "aoi.wkb"
"""The area of interest in the parts' CRS, as well-known binary; not there = everything counts."""


_NEARLY: Final = 0.9
"""Tiles of the other pass have half the sides or less; those of this one may differ by rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarsePass:
    """The pass over coarser tiles, for labels too large for the others and large objects of some more."""

    labels: tuple[str, ...]
    """Labels found in it, and only there."""
    gsd_m: float
    """Ground sample distance of its tiles, in metres."""
    tile_m: float = math.inf
    """Sides of its tiles: they tell parts of labels that both passes look for apart."""
    large_from_m2: dict[str, float] = field(default_factory=dict)
    """Labels that both passes look for -> area in m2 from which on objects of this one count."""

    def saw(self, parts: pd.DataFrame) -> NDArray[np.bool_]:
        """Return which of N rows of PARTS are this pass's, shape (N,)."""
        width_m = (parts["tile_right"] - parts["tile_left"]).to_numpy(dtype=np.float64)
        both = parts["label"].isin(self.large_from_m2) & (width_m > _NEARLY * self.tile_m)
        return np.asarray(parts["label"].isin(self.labels) | both)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What every feature says of where it comes from."""

    imagery: Imagery | None
    model_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOptions:
    """Everything that decides what becomes of a folder of parts."""

    polygons: PolygonOptions = field(default_factory=PolygonOptions)
    """``gsd_m`` must be that of the tiles of the pass that is not coarse."""
    shapes: ShapeOptions = field(default_factory=ShapeOptions)
    """How far regular shapes may depart from the outlines."""
    coarse: CoarsePass | None = None
    """Whose labels lie in which pass; None = all parts are of one pass."""
    filled_labels: tuple[str, ...] = ()
    """Labels whose parts cover what the objects enclose as well; see `postprocess.shapes.fit_shapes`."""
    aoi: shapely.Geometry | None = None
    """In the parts' CRS: objects with less than half their area inside are left out."""
    provenance: Provenance | None = None
    """Written into every feature; None = parts of other detectors, of which nothing is known."""


def keep_aoi(run_dir: Path, aoi: shapely.Geometry | None) -> None:
    """Keep the area of interest for a later merge, or forget an earlier one."""
    if aoi is None:
        (run_dir / AOI_NAME).unlink(missing_ok=True)
    else:
        write_bytes_whole(run_dir / AOI_NAME, shapely.to_wkb(aoi))


def kept_options(run_dir: Path) -> MergeOptions:
    """Return the options that the detection stage left in a run folder, or the defaults.

    Raises
    ------
    SchemaError
        The manifest or the aoi is damaged.
    """
    path = run_dir / "manifest.json"
    if not path.is_file():
        return MergeOptions()
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        config = manifest["config"]
        wide = manifest["coarse"]
        aoi = run_dir / AOI_NAME
        return MergeOptions(
            polygons=PolygonOptions(**(config["polygons"] | {"gsd_m": manifest["grid"]["gsd_m"]})),
            shapes=ShapeOptions(**config["shapes"]),
            coarse=None
            if wide is None
            else CoarsePass(
                labels=tuple(wide["labels"]),
                gsd_m=wide["gsd_m"],
                # Runs of earlier versions looked for no label in both passes.
                tile_m=wide.get("tile_m", math.inf),
                large_from_m2=dict(wide.get("large_from_m2", {})),
            ),
            filled_labels=tuple(manifest["model"].get("filled_labels", ())),
            aoi=shapely.from_wkb(aoi.read_bytes()) if aoi.is_file() else None,
            provenance=Provenance(
                imagery=_imagery(config["imagery"]), model_sha256=str(manifest["model"]["sha256"])
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError, shapely.errors.GEOSException) as err:
        raise SchemaError(f"{path} is damaged ({err}); run `groundplan detect` again") from err


def check_kept_parts(run_dir: Path) -> None:
    """Refuse parts of ours that are not those of the run that the manifest tells of; parts of others may be there.

    A run with other settings that was stopped leaves its parts beside those of the run before, on the same ground.

    Raises
    ------
    SchemaError
        Detection has not come to its end in this folder, or the manifest is damaged.
    """
    folder, path = run_dir / "parts", run_dir / "manifest.json"
    own = {each.name for each in folder.glob("[!.]*.parquet") if OWN_NAME.fullmatch(each.name)}
    done: set[str] = set()
    if path.is_file():
        done, failed = _listed_parts(path)
        strange = own - done - failed
    else:
        # With records the parts are a run's, and its manifest is yet to come; others have parts alone.
        strange = {name for name in own if (folder / name).with_suffix(".json").is_file()}
    remedy = "run `groundplan detect` with the region file whose parts are wanted: it takes over what is done"
    if strange:
        raise SchemaError(
            f"{folder} holds {len(strange)} parts of a run that did not come to its end, such as "
            f"{min(strange)!r}; {remedy}"
        )
    # Without any of ours, somebody put parts of another detector into their place.
    if own and done - own:
        raise SchemaError(
            f"{folder} lacks {len(done - own)} of the parts that {path.name} lists, such as {min(done - own)!r}; "
            f"{remedy}"
        )


def _listed_parts(path: Path) -> tuple[set[str], set[str]]:
    """Return the names of the parts that a manifest lists: those that are whole, and those that lack something."""
    try:
        blocks = json.loads(path.read_text(encoding="utf-8"))["blocks"]
        return {str(part) for part in blocks["done"]}, {str(each["part"]) for each in blocks["failed"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
        raise SchemaError(f"{path} is damaged ({err}); run `groundplan detect` again") from err


def _imagery(table: dict[str, Any] | None) -> Imagery | None:
    if table is None:
        return None
    date = table["date"]
    return Imagery(**(table | {"date": None if date is None else dt.date.fromisoformat(date)}))
