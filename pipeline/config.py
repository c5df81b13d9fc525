"""A region file -> one frozen record of everything a run does; strict about keys, types and values."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from detection.augmented import VIEWS
from groundplan.errors import ConfigError
from groundplan.labels import check_label
from groundplan.nearest import did_you_mean
from groundplan.records import Imagery
from groundplan.tables import read_record
from groundplan.toml_file import read_toml
from osm.options import DiffOptions
from postprocess.options import PolygonOptions, ShapeOptions
from tiling.pixels import PixelOptions
from tiling.sources import SourceOptions

RUN_FILES = frozenset((".lock", "manifest.json", "parts", "report.json", "changes.parquet", "features.parquet"))
"""Each run folder has one of these."""

OWN_DECISIONS = Path("review", "decisions.jsonl")
"""In the run folder: what `review.server` saves. Not imported from there: parts do not depend on that code."""

NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True, slots=True, kw_only=True)
class OsmTable:
    """``[osm]``: the extract to compare with; without it the run ends with features."""

    extract: str
    """.osm.pbf, .osm, .osm.gz or .osm.bz2, relative to the region file."""
    decisions: str = ""
    """decisions.jsonl of a review, or MapRoulette's export, relative to the region file; empty = none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTable:
    """``[model]``: what looks at the pixels."""

    weights: str = "default"
    """"default" (shipped), "painted" (flat colours, for tests), or a .safetensors path."""
    gsd_m: float | None = None
    """Metres per pixel on reading; 0 = native; left out = what the weights were trained for."""
    labels: tuple[str, ...] = ()
    """Labels to look for; empty = all the weights know."""
    min_score: dict[str, float] = field(default_factory=dict)
    """Thresholds 0..1 per label, and "default" for the rest; left out = the weights' own."""
    views: int = 1
    """How often each tile is looked at: 1, 2 (mirrored too), 4 (quarter turns) or 8 (both); time grows alike."""
    large: bool = True
    """Whether large objects of labels that the weights find in both passes are looked for in the coarse one;
    without, that pass is left out where no other label needs it."""

    def __post_init__(self) -> None:
        for label in self.labels:
            check_label(label)
        for label, score in self.min_score.items():
            if label != "default":
                check_label(label)
            if not 0 <= score <= 1:
                raise ConfigError(f"min_score {label} = {score}; choose a number from 0 to 1")
        if self.views not in VIEWS:
            raise ConfigError(f"views = {self.views}; choose one of {', '.join(map(str, VIEWS))}")
        if self.gsd_m and not 0.05 <= self.gsd_m <= 10:
            raise ConfigError(f"gsd_m = {self.gsd_m}; choose metres per pixel from 0.05 to 10, or 0 for native")


@dataclass(frozen=True, slots=True, kw_only=True)
class TilingTable:
    """``[tiling]``: how the region is cut."""

    tile_px: int = 1024
    """Side of a tile in pixels. Of 512 px, overlaps would take 1.8 times the region's pixels, of 1,024 px 1.3
    times; larger ones gain nothing more, and need more memory than the coarse pass's."""
    overlap_px: int = 128
    """Pixels that neighbouring tiles share."""
    block_tiles: int = 2
    """Tiles along each side of a block; a block is one part on disk."""

    def __post_init__(self) -> None:
        if not 64 <= self.tile_px <= 4096:
            raise ConfigError(f"tile_px={self.tile_px}; choose 64 to 4096")
        if not 0 <= self.overlap_px < self.tile_px:
            raise ConfigError(
                f"tile_px={self.tile_px} is not larger than overlap_px={self.overlap_px}; "
                "choose overlap_px from 0 to below tile_px"
            )
        if not 1 <= self.block_tiles <= 64:
            raise ConfigError(f"block_tiles={self.block_tiles}; choose 1 to 64")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTable:
    """``[output]``: where results go."""

    dir: str = ""
    """Run folder, relative to where the command is run; empty = runs/NAME."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionConfig:
    """A region file, read and checked; paths are absolute or URLs."""

    name: str
    source: Path
    """The region file itself."""
    scenes: tuple[str, ...]
    """Paths, globs and URLs as written; see `base`."""
    base: Path
    """Folder that relative paths start from."""
    aoi: Path | None
    truth: Path | None
    """Polygons with labels to score the result against; None = no score."""
    crs: str
    sources: SourceOptions
    pixels: PixelOptions
    imagery: Imagery | None
    extract: Path | None
    decisions: Path | None
    model: ModelTable
    tiling: TilingTable
    polygons: PolygonOptions
    shapes: ShapeOptions
    diff: DiffOptions
    out: Path

    @property
    def decision_files(self) -> tuple[Path, ...]:
        """What a run goes by: the decisions the region file names, then those of the run's own review page."""
        own = self.out / OWN_DECISIONS
        named = () if self.decisions is None or self.decisions.resolve() == own.resolve() else (self.decisions,)
        return (*named, own) if own.is_file() else named


@dataclass(frozen=True, slots=True, kw_only=True)
class _RegionFile:
    name: str
    scenes: tuple[str, ...]
    aoi: str = ""
    truth: str = ""
    crs: str = "auto"


_TABLES = {
    "sources": SourceOptions,
    "pixels": PixelOptions,
    "imagery": Imagery,
    "osm": OsmTable,
    "model": ModelTable,
    "tiling": TilingTable,
    "polygons": PolygonOptions,
    "shapes": ShapeOptions,
    "diff": DiffOptions,
    "output": OutputTable,
}


def read_region(path: Path, *, out: Path | None = None) -> RegionConfig:
    """Read a region file.

    Parameters
    ----------
    path : Path
        The TOML file; relative paths in it start from its folder.
    out : Path, optional
        Run folder that overrides the file's.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, has unknown keys, or a value that cannot be used.
    """
    document = read_toml(path, what="region file")
    own = [each.name for each in fields(_RegionFile)]
    for key in document:
        if key not in own and key not in _TABLES:
            raise ConfigError(
                f"{path}: unknown key {key!r}{did_you_mean(key, [*own, *_TABLES])}; "
                f"keys are {', '.join(own)}, tables are {', '.join(_TABLES)}"
            )
    try:
        head = read_record(_RegionFile, {k: v for k, v in document.items() if k in own}, where="the region file")
        tables: dict[str, Any] = {
            name: read_record(cls, document[name], where=f"[{name}]")
            for name, cls in _TABLES.items()
            if name in document
        }
    except ConfigError as err:
        raise ConfigError(f"{path}: {err}") from err
    if not head.name or set(head.name) - NAME_CHARACTERS:
        raise ConfigError(
            f"{path}: name = {head.name!r}; use a-z, 0-9, _ and - only, because it names the run folder"
        )
    if not head.scenes:
        raise ConfigError(f"{path}: scenes is empty; give at least one scene")
    base = path.resolve().parent
    return _assemble(head, tables, source=path, base=base, out=out)


def _assemble(
    head: _RegionFile, tables: dict[str, Any], *, source: Path, base: Path, out: Path | None
) -> RegionConfig:
    osm: OsmTable | None = tables.get("osm")
    output: OutputTable = tables.get("output", OutputTable())
    return RegionConfig(
        name=head.name,
        source=source,
        scenes=head.scenes,
        base=base,
        aoi=_existing(base, head.aoi, "aoi", source),
        truth=_existing(base, head.truth, "truth", source),
        crs=head.crs,
        sources=tables.get("sources", SourceOptions()),
        pixels=tables.get("pixels", PixelOptions()),
        imagery=tables.get("imagery"),
        extract=None if osm is None else _existing(base, osm.extract, "[osm] extract", source),
        decisions=None if osm is None else _existing(base, osm.decisions, "[osm] decisions", source),
        model=tables.get("model", ModelTable()),
        tiling=tables.get("tiling", TilingTable()),
        polygons=tables.get("polygons", PolygonOptions()),
        shapes=tables.get("shapes", ShapeOptions()),
        diff=tables.get("diff", DiffOptions()),
        out=_own_folder(Path(output.dir or f"runs/{head.name}"), source) if out is None else out.resolve(),
    )


def _own_folder(path: Path, source: Path) -> Path:
    """Return the run folder that a region file names, if nothing of anybody else's lies there.

    A region file may come from a stranger; what a user types after --out is the user's own word.
    """
    try:
        held = {each.name for each in path.iterdir()} if path.is_dir() else set()
    except (OSError, ValueError):  # it cannot be read, or named: writing to it will say so
        held = set()
    if held and not held & RUN_FILES:
        raise ConfigError(
            f"{source}: [output] dir = {str(path)!r} holds other files, such as {min(held)!r}; "
            "name an empty folder or an earlier run's, or say so with --out"
        )
    return path.resolve()


def _existing(base: Path, name: str, key: str, source: Path) -> Path | None:
    if not name:
        return None
    path = base / name
    try:
        found = path.is_file()
    except (OSError, ValueError):  # a name longer than names can be, or with a null character
        found = False
    if not found:
        raise ConfigError(
            f"{source}: {key} = {name[:300]!r}, but there is no file {str(path)[:300]}; mend the path"
        )
    return path
