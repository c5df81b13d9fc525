"""What every stage left behind -> report.json: counts, scores, offset, tiles, seconds, provenance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np

from groundplan.crs import LON_LAT, transform_xy
from pipeline.detect import Detected
from pipeline.manifest import versions
from pipeline.plan import Plan
from tiling.paths import without_secrets

MAP_TILES = 4000
"""More tiles than this are not drawn one by one: the map would be a grey field of many megabytes."""


@dataclass(slots=True)
class StageTimes:
    """Seconds per stage, in the order in which they ran."""

    seconds: dict[str, float] = field(default_factory=dict)

    def records(self, area_km2: float) -> list[dict[str, Any]]:
        """Return name, seconds and km2/h of each stage."""
        return [
            {
                "name": name,
                "seconds": round(seconds, 2),
                "km2_per_h": round(area_km2 / seconds * 3600, 1) if seconds > 0 else None,
            }
            for name, seconds in self.seconds.items()
        ]


def make_report(
    plan: Plan,
    detected: Detected,
    features: gpd.GeoDataFrame,
    *,
    diff_report: dict[str, Any] | None,
    changes: gpd.GeoDataFrame | None,
    score: dict[str, Any] | None,
    times: StageTimes,
    warnings: Sequence[str],
    created: str,
) -> dict[str, Any]:
    """Return the report in the form that `review.report.report_html` reads."""
    imagery = plan.config.imagery
    # Tiles reach beyond the area of interest, and scenes have gaps.
    area_km2 = min(sum(result.valid_km2 for result in detected.results), plan.area_km2)
    diff_report = diff_report or {}
    return {
        "schema": "groundplan-report/1",
        "region": plan.config.name,
        "created": created,
        "area_km2": round(area_km2, 4),
        "imagery": None
        if imagery is None
        else {
            "id": imagery.id,
            "date": "" if imagery.date is None else imagery.date.isoformat(),
            "licence": imagery.licence,
            "attribution": imagery.attribution,
        },
        "model": {
            "name": plan.info.name,
            "sha256": plan.info.sha256,
            "gsd_m": plan.region.grid.gsd_m,
            "labels": list(plan.labels),
            "min_score": plan.min_score,
        },
        "scenes": [
            {
                "path": without_secrets(scene.path).rsplit("/", 1)[-1],
                "width_px": scene.width,
                "height_px": scene.height,
                "gsd_m": round(scene.gsd_m, 4),
                "crs": scene.crs.name,
            }
            for scene in plan.region.scenes
        ],
        "counts": _counts(plan, features, changes),
        "scores": _score_bins(plan, features),
        "score": None if score is None else score["labels"],
        "offset_m": diff_report.get("offset_m"),
        "cells": _cells(plan, diff_report.get("cells", [])),
        "tiles": _tiles(plan, detected),
        "stages": _stages(times, area_km2, n_taken=detected.resumed, n_blocks=len(plan.tasks)),
        "proposals": diff_report.get("proposals"),
        "versions": versions(),
        "warnings": [*warnings, *diff_report.get("warnings", [])],
    }


def _stages(times: StageTimes, area_km2: float, *, n_taken: int, n_blocks: int) -> list[dict[str, Any]]:
    """Return the stages' times; detection has no speed where it took over blocks of an earlier run."""
    out = times.records(area_km2)
    for stage in out:
        if n_taken and stage["name"] == "detect":
            stage |= {"km2_per_h": None, "note": f"{n_taken} of {n_blocks} blocks taken over"}
    return out


def _cells(plan: Plan, cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the offset cells with their centres in metres of the region's CRS, where the page draws them."""
    if not cells:
        return []
    lon, lat = [cell["lon"] for cell in cells], [cell["lat"] for cell in cells]
    x, y = transform_xy(lon, lat, source=LON_LAT, target=plan.region.grid.crs)
    return [
        {"x": round(float(east), 1), "y": round(float(north), 1), **cell}
        for east, north, cell in zip(x, y, cells, strict=True)
        if cell["east"] is not None
    ]


def _counts(plan: Plan, features: gpd.GeoDataFrame, changes: gpd.GeoDataFrame | None) -> dict[str, dict[str, int]]:
    out = {}
    for label in plan.labels:
        row = {"features": int((features["label"] == label).sum())}
        if changes is not None:
            own = changes.loc[changes["label"] == label, "status"].value_counts()
            row |= {str(status): int(count) for status, count in sorted(own.items())}
        out[label] = row
    return out


def _score_bins(plan: Plan, features: gpd.GeoDataFrame) -> dict[str, list[int]]:
    return {
        label: np.histogram(features.loc[features["label"] == label, "score"], bins=10, range=(0, 1))[0].tolist()
        for label in plan.labels
    }


def _tiles(plan: Plan, detected: Detected) -> dict[str, Any]:
    grid = plan.region.grid
    failures: list[dict[str, Any]] = [
        {"row": failure.row, "col": failure.col, "error": failure.error, "coarse": failure.coarse}
        for result in detected.results
        for failure in result.failures
    ]
    for task in plan.tasks:
        if task.part.name in detected.failed:
            error = detected.failed[task.part.name]
            failures += [
                {"row": tile.row, "col": tile.col, "error": error, "coarse": task.coarse} for tile in task.tiles
            ]
    empty = sum(result.n_empty for result in detected.results)
    out: dict[str, Any] = {
        "total": plan.n_tiles,
        "done": plan.n_tiles - empty - len(failures),
        "skipped": empty,
        "failed": failures,
    }
    if grid.n_rows * grid.n_cols <= MAP_TILES:
        rows = [[" "] * grid.n_cols for _ in range(grid.n_rows)]
        for task in plan.tasks:
            for tile in task.tiles if not task.coarse else ():
                rows[tile.row][tile.col] = "."
        for row, col in (each for result in detected.results if not result.coarse for each in result.empty):
            rows[row][col] = "-"
        for failure in failures:
            if not failure["coarse"]:
                rows[failure["row"]][failure["col"]] = "x"
        out["map"] = ["".join(row) for row in rows]
    return out
