"""A scene and an extract -> a commented region file that runs as it is."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from groundplan.errors import ConfigError, OutputError
from groundplan.whole import write_text_whole
from pipeline.config import read_region
from tiling.look import needs_look
from tiling.paths import is_address
from tiling.pixels import PixelOptions
from tiling.scene import Scene, rgb_bands
from tiling.sources import SourceOptions, read_scenes
from tiling.tile_service import is_tile_address

OSM_SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2")


def write_region_file(scenes: Sequence[str], *, extract: Path | None, aoi: Path | None, out: Path) -> Path:
    """Write a region file for a scene, with what its header says as comments.

    Parameters
    ----------
    scenes : sequence of str
        As a region file has them, but relative to where the command is run.
    extract : Path, optional
    aoi : Path, optional
        Needed for tile services.
    out : Path
        The region file; an existing one is not overwritten.

    Raises
    ------
    SceneError, ConfigError
        The scene cannot be read; or the region file that came of it could not be, in which case it is not kept.
    OutputError
        The file is there already.
    """
    if out.exists():
        raise OutputError(f"{out} is there already; name another with --out, or move it away")
    if out.suffix != ".toml":
        raise ConfigError(f"--out {out} is no .toml file; name one such as regions/my-town.toml")
    for path in (extract, aoi):
        if path is not None and not path.is_file():
            raise ConfigError(f"there is no file {path}; give an existing one, or leave it out")
    if extract is not None and not extract.name.endswith(OSM_SUFFIXES):
        raise ConfigError(f"{extract} is no OSM file; give {', '.join(OSM_SUFFIXES)}")
    if any(is_tile_address(scene) for scene in scenes) and aoi is None:
        raise ConfigError("a tile address shows the whole world; give --aoi FILE")
    known = [] if any(map(is_tile_address, scenes)) else _headers(scenes)
    text = region_text(
        _name(out.stem),
        [_from(out, scene) for scene in scenes],
        extract=None if extract is None else _from(out, str(extract)),
        aoi=None if aoi is None else _from(out, str(aoi)),
        known=known,
    )
    write_text_whole(out, text)
    try:
        read_region(out)
    except ConfigError:
        out.unlink()
        raise
    return out


def _headers(scenes: Sequence[str]) -> tuple[Scene, ...]:
    return read_scenes(
        scenes, Path.cwd(), sources=SourceOptions(), pixels=PixelOptions(scaling="scene"), gsd_m=0.3
    )


def _name(stem: str) -> str:
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-") or "region"


def _from(out: Path, name: str) -> str:
    """Return a path as the region file has to name it."""
    if is_address(name) or name.startswith("stac:"):
        return name
    path = Path(name).expanduser().absolute()
    folder = out.absolute().parent
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _quoted(text: str) -> str:
    """Return a TOML basic string; control characters are escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def region_text(
    name: str, scenes: Sequence[str], *, extract: str | None, aoi: str | None, known: Sequence[Scene]
) -> str:
    """Return the region file's text."""
    listed = ", ".join(map(_quoted, scenes))
    lines = [
        "# A region file; docs/regions.md describes every key. What it would do: groundplan info FILE",
        "",
        f"name   = {_quoted(name)}",
        f"scenes = [{listed}]   # where several show a place, the first wins; see [sources] order",
        *(f"# {line}" for line in _described(known)),
        f"aoi    = {_quoted(aoi)}" if aoi else '# aoi  = "aoi.geojson"        # only inside these polygons',
        'crs    = "auto"               # metric CRS; auto = UTM zone of the centre',
        "",
        "[imagery]                     # proposals are written only when the licence allows tracing",
        f"id            = {_quoted(name)}   # as OSM editors know it",
        "# date        = 2026-06-01    # day it was taken: newer OSM edits then win",
        'licence       = ""            # CC0-1.0, PDDL or public domain; for others also:',
        "# osm_permitted = true        # your word that tracing for OpenStreetMap is allowed",
        'attribution   = ""            # credit line to carry along',
        "",
    ]
    if extract:
        lines += ["[osm]", f"extract = {_quoted(extract)}   # should reach 200 m beyond the imagery", ""]
    else:
        lines += ['# [osm]\n# extract = "town.osm.pbf"    # without it the run ends with features', ""]
    if any(needs_look(scene) and scene.dtype != "uint8" for scene in known):
        lines += [
            "[pixels]                      # values are not 8 bits wide: these become grey levels",
            'scaling = "region"            # percentiles 2..98 over all scenes; "fixed" with black, white; "none"',
            "",
        ]
    lines += [
        "[model]",
        'weights = "default"           # or a .safetensors path',
        '# labels = ["building"]       # left out = all the weights know',
        "",
        "[output]",
        f"dir = {_quoted(f'runs/{name}')}",
    ]
    return "\n".join(lines) + "\n"


def _described(scenes: Sequence[Scene]) -> list[str]:
    out = []
    for scene in scenes[:3]:
        names = [name or color for name, color in zip(scene.band_names, scene.color_names, strict=False)]
        shown = ", ".join(str(band) for band in rgb_bands(scene))
        out.append(
            f"{scene.width} x {scene.height} px of {scene.gsd_m:.3g} m, {scene.crs.name}; {scene.count} bands of "
            f"{scene.dtype} ({', '.join(names)}), shown: {shown}; missing pixels by: {scene.validity}"
        )
    if len(scenes) > 3:
        out.append(f"and {len(scenes) - 3} more")
    return ["".join(c if c.isprintable() else "?" for c in line) for line in out]
