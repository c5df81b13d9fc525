"""Results of a run -> the few lines a person reads at its end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.plan import Plan
from pipeline.run import RunResult
from tiling.scene import Scene

MAX_KINDS = 6
"""Kinds of scenes that are listed."""


def run_summary(result: RunResult) -> str:
    """Return counts and, where truth was given, precision and recall per label, and where to look."""
    report = result.report
    out = result.plan.config.out
    lines = [
        f"{report['region']}: {report['area_km2']:.2f} km2, {report['tiles']['done']} tiles, "
        f"{sum(row['features'] for row in report['counts'].values())} features"
    ]
    if report["score"] is not None:
        lines += ["", "against the truth:", _table(*_score_rows(report["score"]))]
    statuses = sorted({name for row in report["counts"].values() for name in row} - {"features"})
    if statuses:
        head = ["label", "features", *statuses]
        rows = [
            [label, str(row["features"]), *(str(row.get(status, 0)) for status in statuses)]
            for label, row in report["counts"].items()
        ]
        lines += ["", "against OpenStreetMap:", _table(head, rows)]
        lines += ["", offset_line(report["offset_m"])]
    failed = report["tiles"]["failed"]
    if failed:
        lines += ["", f"{len(failed)} tiles failed, first: {failed[0]['error']}; run again to try them once more"]
    seconds = ", ".join(f"{stage['name']} {stage['seconds']:.1f} s" for stage in report["stages"])
    lines += ["", seconds, f"look at {out / 'report.html'}"]
    if statuses:
        lines.append(f"review  {out / 'review' / 'index.html'}")
    return "\n".join(lines)


def diff_summary(report: Mapping[str, Any]) -> str:
    """Return the counts of a comparison with OSM."""
    status = report["counts"]["status"] if "status" in report["counts"] else report["counts"]
    counts = ", ".join(f"{count} {name}" for name, count in sorted(status.items()) if isinstance(count, int))
    proposals = report["proposals"]
    said = (
        f"{proposals['features']} proposals in {proposals['files']} files"
        if proposals["written"]
        else proposals["reason"]
    )
    return "\n".join([counts, offset_line(report["offset_m"]), said])


def plan_summary(plan: Plan) -> str:
    """Return what a plan would read and run."""
    grid = plan.region.grid
    scenes = plan.region.scenes
    lines = [
        f"region   {plan.config.name}",
        f"scenes   {len(scenes)}: {scenes[0].path}{' ...' if len(scenes) > 1 else ''}",
        *_scene_lines(scenes),
        f"grid     {grid.width_px} x {grid.height_px} px of {grid.gsd_m:.3g} m in {grid.crs.name}",
        f"tiles    {plan.n_tiles} of {grid.tile_px} px overlapping {grid.overlap_px} px, {len(plan.tasks)} blocks",
        *_coarse_line(plan),
        f"area     {plan.area_km2:.3f} km2",
        f"model    {plan.info.name} ({plan.info.sha256[:12]})",
        "labels   " + ", ".join(f"{label} from {score:.2f}" for label, score in plan.min_score.items()),
        f"extract  {plan.config.extract.name if plan.config.extract else 'none: the run ends with features'}",
        f"imagery  {plan.config.imagery.id if plan.config.imagery else 'not described: no proposals'}",
        f"output   {plan.config.out}",
    ]
    return "\n".join(lines)


def _scene_lines(scenes: Sequence[Scene]) -> list[str]:
    """Return what the scenes are like, one line for each kind."""
    kinds = Counter((scene.crs.name, scene.dtype, scene.count, scene.validity) for scene in scenes)
    lines = []
    for (crs, dtype, count, validity), number in kinds.most_common(MAX_KINDS):
        own = [scene for scene in scenes if (scene.crs.name, scene.dtype) == (crs, dtype)]
        sizes = sorted({f"{scene.gsd_m:.3g}" for scene in own}, key=float)
        span = sizes[0] if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        pixels = sum(scene.width * scene.height for scene in own)
        lines.append(
            f"         {number} of {span} m in {crs}, {pixels / 1e6:.4g} Mpx, {count} bands of {dtype}, "
            f"missing pixels by {validity}"
        )
    if len(kinds) > MAX_KINDS:
        lines.append(f"         and {len(kinds) - MAX_KINDS} more kinds")
    return lines


def _coarse_line(plan: Plan) -> list[str]:
    if plan.coarse is None:
        return []
    wide = [label for label in plan.labels if label in plan.info.coarse_labels]
    wide += [f"{label} from {m2:.0f} m2 on" for label, m2 in plan.large_from_m2.items()]
    return [f"         and once more at {plan.coarse.grid.gsd_m:.3g} m for {', '.join(wide)}"]


def offset_line(offset: Mapping[str, Any] | None) -> str:
    """Return the offset of the imagery in words."""
    if not offset or not offset.get("n_pairs"):
        return "offset to OSM: not known (too few pairs)"
    return (
        f"offset to OSM: {offset['east']:+.2f} m east, {offset['north']:+.2f} m north "
        f"({offset['n_pairs']} pairs, MAD {offset['mad']:.2f} m)"
        + ("" if offset.get("used", True) else ", too uncertain to be taken out")
    )


def _score_rows(score: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    head = ["label", "truth", "found", "precision", "recall", "F1", "IoU"]
    rows = []
    for label, row in score.items():
        found = row.get("n_features", row.get("n_found", ""))
        figures = [row["precision"], row["recall"], row["f1"], row["mean_iou"]]
        rows.append([label, str(row["n_truth"]), str(found), *("-" if v is None else f"{v:.3f}" for v in figures)])
    return head, rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[col]) for row in [head, *rows]) for col in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)
