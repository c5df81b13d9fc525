"""PARTS of any number of tiles -> FEATURES: every object once, whole over the seams, neighbours apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from groundplan.crs import check_metric
from groundplan.schema import FEATURES, check_parts, empty_frame, feature_ids, typed
from postprocess.agreement import Pairs, pair_parts
from postprocess.conflicts import giving_way
from postprocess.duplicates import duplicates
from postprocess.large import Found, whole_or_pieces
from postprocess.objects import Objects, gather_objects
from postprocess.options import PolygonOptions
from postprocess.polygonal import Geometries, geometry_array, polygonal, without_small_holes
from postprocess.tiles import SIDES, Parts, read_parts

_UNION_GRID_M = 0.001
"""Unions are made on this grid: outlines of two tiles that differ by rounding then coincide."""

_UNION_SIMPLIFY_PX = 0.1
"""Most by which the outline of a union is simplified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TiledParts:
    """What the tiles of one resolution saw."""

    parts: gpd.GeoDataFrame
    """PARTS, from any detector; more columns are ignored."""
    options: PolygonOptions
    """`gsd_m` is that of the tiles."""
    tiles: NDArray[np.float64] | None = None
    """(T, 4): left, bottom, right, top of every tile that was looked at; None = those that found something."""
    large_from_m2: Mapping[str, float] = field(default_factory=dict)
    """Labels that the first pass looks for too -> area from which on objects of this one count."""


def merge_parts(
    parts: gpd.GeoDataFrame, *, options: PolygonOptions | None = None, tiles: NDArray[np.float64] | None = None
) -> gpd.GeoDataFrame:
    """Merge the parts of all tiles of a region into objects.

    Two parts of one label are one object when their tiles overlap and the parts agree on the ground both tiles
    saw. Then a part that its tile saw whole stands for the object, and cut parts are joined by union. Neighbours
    are never joined for touching. Of objects of different labels on one place the better scored is kept; see
    `postprocess.conflicts.giving_way`. The order of the rows does not matter, nor in which blocks they were made.

    Parameters
    ----------
    parts : GeoDataFrame
        PARTS, from any detector; more columns are ignored.
    options : PolygonOptions, optional
        Set `gsd_m` to that of the tiles.
    tiles : ndarray of shape (T, 4), optional
        Left, bottom, right, top of every tile that was looked at. Without it only tiles that found something are
        known, and a part cut by a border counts as cut by the end of the imagery where nothing was found beyond.

    Returns
    -------
    GeoDataFrame
        FEATURES with `shape` "free", sorted by `feature_id`.

    Raises
    ------
    SchemaError
        Columns are missing or hold values of the wrong kind.
    CRSError
        The CRS does not measure in metres.

    Notes
    -----
    A spatial index finds the pairs and connected components the objects: O(N log N); figures: docs/shapes.md.
    """
    return merge_passes([TiledParts(parts=parts, options=options or PolygonOptions(), tiles=tiles)])


def merge_passes(passes: Sequence[TiledParts]) -> gpd.GeoDataFrame:
    """Merge the parts of several passes over one region, each at its own resolution.

    Of labels that a later pass sees the large objects of, that pass's wholes or the first one's pieces stand; see
    `postprocess.large.whole_or_pieces`.

    Parameters
    ----------
    passes : sequence of TiledParts
        At least one, all in one CRS, the finest first; its options decide between objects of different labels.

    Returns
    -------
    GeoDataFrame
        As `merge_parts`.

    Raises
    ------
    SchemaError, CRSError
        As `merge_parts`.
    """
    crs = check_metric(passes[0].parts.crs)
    merged = [_merge_pass(each) for each in passes]
    for number, one in enumerate(passes[1:], start=1):
        for label, least_m2 in one.large_from_m2.items():
            merged[0], merged[number] = _settled(merged[0], merged[number], label, least_m2=least_m2)
    filled = [frame for frame in merged if len(frame)] or merged[:1]
    out = gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), geometry="geometry", crs=crs)
    gone = giving_way(
        geometry_array(out.geometry.to_numpy()),
        out["label"].to_numpy(dtype=object),
        out["score"].to_numpy(dtype=np.float64),
        options=passes[0].options,
    )
    out = out[~gone]
    return typed(out.sort_values("feature_id", kind="stable", ignore_index=True), FEATURES)


def _settled(
    fine: gpd.GeoDataFrame, coarse: gpd.GeoDataFrame, label: str, *, least_m2: float
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the objects of two passes without those of a label that give way to the other pass's."""
    coarse = coarse[(coarse["label"] != label) | (coarse["area_m2"] >= least_m2)]
    own, large = (np.flatnonzero(frame["label"] == label) for frame in (fine, coarse))
    stands = whole_or_pieces(_found(fine, own), _found(coarse, large))
    gone = [rows[~kept] for rows, kept in zip((own, large), stands, strict=True)]
    return fine.drop(index=fine.index[gone[0]]), coarse.drop(index=coarse.index[gone[1]])


def _found(frame: gpd.GeoDataFrame, rows: NDArray[np.intp]) -> Found:
    return Found(
        geometry=geometry_array(frame.geometry.to_numpy()[rows]),
        score=frame["score"].to_numpy(dtype=np.float64)[rows],
    )


def _merge_pass(one: TiledParts) -> gpd.GeoDataFrame:
    """Return the objects of one pass in any order."""
    options = one.options
    frame = check_parts(one.parts)
    crs = check_metric(frame.crs)
    if len(frame) == 0:
        return empty_frame(FEATURES, crs=crs)
    rows = read_parts(frame, tiles=one.tiles, options=options)
    pairs = pair_parts(rows, options=options)
    objects = gather_objects(rows, pairs, options=options)
    geometry, area = _joined(rows, objects, options=options)
    label = rows.label[objects.lead]
    keep = ~shapely.is_missing(geometry) & (area >= _smallest(label, options=options))
    score = np.zeros(len(objects))
    np.maximum.at(score, objects.owner[objects.owner >= 0], rows.score[objects.owner >= 0])
    keep &= ~duplicates(geometry, score, candidates=_candidates(rows, pairs, objects), alive=keep, options=options)
    places = np.flatnonzero(keep)
    columns = {
        "feature_id": feature_ids(label[places], geometry[places]),
        "label": label[places].astype(str),
        "score": score[places],
        "area_m2": area[places],
        "shape": ["free"] * len(places),
        "shape_residual": np.zeros(len(places)),
        "n_parts": np.bincount(objects.owner[objects.member], minlength=len(objects))[places],
        "cut": _cut(rows, objects)[places],
    }
    return gpd.GeoDataFrame(columns, geometry=geometry[places], crs=crs)


def _smallest(label: NDArray[np.object_], *, options: PolygonOptions) -> NDArray[np.float64]:
    names, which = np.unique(label.astype(str), return_inverse=True)
    return np.array([options.min_area_m2.get(name, 0.0) for name in names], dtype=np.float64)[which]


def _cut(parts: Parts, objects: Objects) -> NDArray[np.object_]:
    """Return for each object the sides on which nobody saw what lies beyond one of its members."""
    code = np.zeros(len(objects), dtype=np.intp)
    for bit in range(len(SIDES)):
        is_open = np.zeros(len(objects), dtype=bool)
        is_open[objects.owner[objects.member & parts.open_sides[:, bit]]] = True
        code |= is_open.astype(np.intp) << bit
    names = [
        "".join(side for bit, side in enumerate(SIDES) if which >> bit & 1) for which in range(1 << len(SIDES))
    ]
    return np.array(names, dtype=object)[code]


def _joined(parts: Parts, objects: Objects, *, options: PolygonOptions) -> tuple[Geometries, NDArray[np.float64]]:
    """Return the outlines of the objects, that of the only member or the union of all, and their areas."""
    out = parts.geometry[objects.lead]
    several = np.bincount(objects.owner[objects.member], minlength=len(objects)) > 1
    rows = np.flatnonzero(objects.member & several[objects.owner])
    rows = rows[np.argsort(objects.owner[rows], kind="stable")]
    groups = np.split(rows, np.flatnonzero(np.diff(objects.owner[rows])) + 1) if len(rows) else []
    for group in groups:
        place = objects.owner[group[0]]
        out[place] = _union(parts.geometry[group], bool(objects.touching[place]), options=options)
    multi = shapely.get_num_geometries(out) > 1
    out[multi] = geometry_array(_main_pieces(each, share=options.min_component_share) for each in out[multi])
    if options.simplify_m > 0:
        # The parts were simplified once; now only the vertices go that the seams left on straight edges.
        rest_m = min(options.simplify_m, _UNION_SIMPLIFY_PX * options.gsd_m)
        out[several] = shapely.simplify(out[several], rest_m, preserve_topology=True)
    changed = several | multi
    out[changed] = polygonal(out[changed])
    area = parts.area[objects.lead]
    area[changed] = shapely.area(out[changed])
    return out, area


def _union(geometries: Geometries, touching: bool, *, options: PolygonOptions) -> Any:
    """Return the union without the traces of the seam: gaps at a border, pinholes between unlike outlines."""
    union = shapely.union_all(geometries, grid_size=_UNION_GRID_M)
    if touching and shapely.get_num_geometries(union) > 1:
        by_m = options.border_m
        union = shapely.buffer(union, by_m, join_style="mitre")
        union = shapely.buffer(union, -by_m, join_style="mitre")
    return without_small_holes(union, min_hole_m2=options.min_hole_m2, min_thickness_m=options.sliver_m / 2)


def _main_pieces(geometry: Any, *, share: float) -> Any:
    pieces = shapely.get_parts(geometry)
    areas = shapely.area(pieces)
    kept = pieces[areas >= share * areas.max()]
    return kept[0] if len(kept) == 1 else shapely.multipolygons(kept)


def _candidates(parts: Parts, pairs: Pairs, objects: Objects) -> NDArray[np.intp]:
    """Return (K, 2) places of objects whose parts share a tenth of the smaller part's area."""
    owner = np.where(objects.member, objects.owner, -1)
    smaller = np.minimum(parts.area[pairs.left], parts.area[pairs.right])
    near = np.column_stack((owner[pairs.left], owner[pairs.right]))[pairs.shared_m2 > 0.1 * smaller]
    near = near[(near >= 0).all(axis=1) & (near[:, 0] != near[:, 1])]
    return np.unique(np.sort(near, axis=1), axis=0)
