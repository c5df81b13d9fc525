"""Weights and places with true buildings -> the same weights whose building scores are shares of right claims.

Chips show too little of a place to tell how much its neighbours should count, so this looks at whole regions, with
the pipeline. None of those that stand for places never seen takes part.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from detection.calibration import log_odds
from detection.weights import Weights, WeightsRecord, read_weights, write_weights
from groundplan.errors import DataError
from pipeline.chip_rows import Sources, open_sources, run_in_folder
from pipeline.mosaic import features_and_truth
from pipeline.place_rows import autzen_region, banepa_region, tile_regions
from pipeline.run import RunOptions
from postprocess.polygonal import geometry_array
from postprocess.score import match_pairs, unclear
from training.evaluate import Evidence

T = TypeVar("T")

LABEL: Final = "building"
NEIGHBOURS: Final = (0.0, 0.6, 0.9, 1.2, 1.5)
"""Weights of the logarithm of the expected neighbours that are tried, in log odds of the network's own scores."""
LEAST_SCORE: Final = 0.1
"""Claims below this are not looked at, of whatever weight."""
THRESHOLDS: Final = np.arange(0.05, 0.95, 0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How scores of one weight of the neighbours become probabilities, and how good the best threshold is."""

    neighbours: float
    slope: float
    shift: float
    min_score: float
    """Threshold of the highest mean F1 over the places, of scores that are probabilities."""
    f1: Mapping[str, float]
    """Place -> F1 of the claims above that threshold. A run that starts from it merges without the others, and may
    differ by a few claims."""

    @property
    def mean_f1(self) -> float:
        """Of the places, each counting the same."""
        return float(np.mean(list(self.f1.values())))


def fit_scores(found: Mapping[str, Evidence], *, neighbours: float) -> Fit:
    """Return the logistic of the scores in which every place counts the same, and the best threshold after it.

    Parameters
    ----------
    found : mapping
        Place -> its claims, judged.
    neighbours : float
        What they were made with.

    Raises
    ------
    DataError
        A place has no claims, or all are right, or all are wrong; or higher scores are right less often.
    """
    for place, each in found.items():
        if not 0 < each.correct.sum() < len(each.correct):
            raise DataError(
                f"{place}: {int(each.correct.sum())} of {len(each.correct)} claims are right; scores can be "
                "fitted where some are right and some are wrong"
            )
    x = np.concatenate([log_odds(each.score) for each in found.values()])
    right = np.concatenate([each.correct for each in found.values()]).astype(float)
    weight = np.concatenate([np.full(len(each.score), 1 / len(each.score)) for each in found.values()])
    slope, shift = _logistic(x, right, weight)
    if not slope > 0:
        raise DataError(
            f"neighbours {neighbours:g}: claims of higher scores are right less often (slope {slope:g}); "
            "nothing can be fitted"
        )
    curves = [
        _f1_curve(1 / (1 + np.exp(-(slope * log_odds(each.score) + shift))), each) for each in found.values()
    ]
    mean = np.mean(curves, axis=0)
    ties = np.flatnonzero(mean >= mean.max() - 1e-12)
    best = int(ties[len(ties) // 2])
    return Fit(
        neighbours=neighbours,
        slope=slope,
        shift=shift,
        min_score=round(float(THRESHOLDS[best]), 2),
        f1={place: float(curve[best]) for place, curve in zip(found, curves, strict=True)},
    )


def _logistic(
    x: NDArray[np.float64], right: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Return slope and shift of the greatest weighted likelihood, by Newton's method."""
    design = np.column_stack((x, np.ones_like(x)))
    values = np.zeros(2)
    for _ in range(50):
        p = 1 / (1 + np.exp(-(design @ values)))
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (weight * (p - right)))
        values = values - step
        if np.abs(step).max() < 1e-9:
            break
    return round(float(values[0]), 3), round(float(values[1]), 3)


def _f1_curve(probability: NDArray[np.float64], found: Evidence) -> NDArray[np.float64]:
    kept = probability[:, None] >= THRESHOLDS
    return np.asarray(
        2 * (kept & found.correct[:, None]).sum(axis=0) / np.maximum(kept.sum(axis=0) + found.n_truth, 1)
    )


def judge_region(region: Path) -> Evidence:
    """Run a region and return its claims of buildings, right where they match a true one at an IoU of 0.5.

    Parameters
    ----------
    region : Path
        Region file with `truth`; claims that lie mostly in what is marked `ignore` there do not count.

    Raises
    ------
    ConfigError
        It names no truth.
    """
    features, truth, _ = features_and_truth(region, options=RunOptions(workers=0))
    features = features[features["label"] == LABEL]
    if len(truth):  # an empty file has no columns either
        truth = truth[truth["label"] == LABEL]
    apart = unclear(truth)
    shapes = geometry_array(features.geometry.to_numpy())
    score = features["score"].to_numpy(dtype=np.float64)
    matched, _, _ = match_pairs(shapes, score, geometry_array(truth.geometry.to_numpy()[~apart]), iou=0.5)
    correct = np.zeros(len(score), bool)
    correct[matched] = True
    doubtful = shapely.union_all(geometry_array(truth.geometry.to_numpy()[apart]))
    hidden = shapely.area(shapely.intersection(shapes, doubtful)) > 0.5 * shapely.area(shapes)
    keep = correct | ~hidden
    return Evidence(score=score[keep], correct=correct[keep], n_truth=int((~apart).sum()))


def raw_record(record: WeightsRecord, *, neighbours: float) -> WeightsRecord:
    """Return a record for all claims of the fine pass, with scores that are nothing but lifted."""
    return replace(
        record,
        calibration=_without(record.calibration),
        neighbours={LABEL: neighbours} if neighbours else {},
        # Whether large ones stand depends on the scores of their pieces, which are what is fitted.
        large_from_m2=_without(record.large_from_m2),
        large_min_score=_without(record.large_min_score),
        min_score={**record.min_score, LABEL: LEAST_SCORE},
    )


def _without(table: Mapping[str, T]) -> dict[str, T]:
    return {label: value for label, value in table.items() if label != LABEL}


def judge_places(given: Sources, weights: Weights, *, neighbours: float) -> dict[str, Evidence]:
    """Return what weights claim in the places kept for validation, with scores that are nothing but lifted.

    Parameters
    ----------
    given : Sources
        The data collection and the chips; its weights are not used.
    weights : Weights
    neighbours : float
        Weight of the logarithm of the expected neighbours, in log odds of the network's own scores.

    Raises
    ------
    DataError
        Chips or scenes are missing.
    """
    raw = given.work / f"raw_{neighbours:g}"
    raw.mkdir()
    write_weights(raw / "weights.safetensors", weights.tensors, raw_record(weights.record, neighbours=neighbours))
    return _judge(replace(given, weights=raw / "weights.safetensors", work=raw))


def _judge(given: Sources) -> dict[str, Evidence]:
    """Return what weights claim in the places kept for validation."""
    places = {
        "UC Merced": tile_regions(given, "fields"),
        "NAIP": tile_regions(given, "naip"),
        "Banepa": [banepa_region(given)],
        "Autzen": [autzen_region(given)],
    }
    found = {}
    for place, regions in places.items():
        parts = [judge_region(region) for region in regions]
        found[place] = Evidence(
            score=np.concatenate([part.score for part in parts]),
            correct=np.concatenate([part.correct for part in parts]),
            n_truth=sum(part.n_truth for part in parts),
        )
    return found


def with_fit(weights: Weights, fit: Fit, path: Path) -> None:
    """Write weights whose scores of buildings are the fit's, with its threshold."""
    record = weights.record
    neighbours = _without(record.neighbours)
    if fit.neighbours:
        neighbours[LABEL] = round(fit.slope * fit.neighbours, 3)
    write_weights(
        path,
        weights.tensors,
        replace(
            record,
            calibration={**record.calibration, LABEL: (fit.slope, fit.shift)},
            neighbours=neighbours,
            min_score={**record.min_score, LABEL: fit.min_score},
        ),
    )


def with_validation(weights: Weights, found: Mapping[str, Evidence], path: Path) -> None:
    """Write weights whose record says what their runs claimed in each place."""
    places = {
        place: {
            "n_found": len(each.score),
            "n_right": int(each.correct.sum()),
            "n_truth": each.n_truth,
            "f1": round(_f1(each), 4),
        }
        for place, each in found.items()
    }
    measured = {"threshold": {"score": weights.record.min_score[LABEL]}, "places": places}
    record = replace(weights.record, validation={**weights.record.validation, LABEL: measured})
    write_weights(path, weights.tensors, record)


def _f1(found: Evidence) -> float:
    return 2 * int(found.correct.sum()) / max(1, len(found.score) + found.n_truth)


def table(fits: Sequence[Fit]) -> str:
    """Return the fits as a table of Markdown, one line per weight of the neighbours."""
    places = list(fits[0].f1)
    lines = [f"| neighbours | slope, shift | threshold | {' | '.join(places)} | mean F1 |"]
    lines.append("|" + "---|" * (4 + len(places)))
    for fit in fits:
        each = " | ".join(f"{fit.f1[place]:.3f}" for place in places)
        lines.append(
            f"| {fit.neighbours:g} | {fit.slope}, {fit.shift} | {fit.min_score} | {each} | {fit.mean_f1:.3f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Fit weights: ``python -m pipeline.fit_scores --weights FILE --out FILE [--data DIR] [--chips DIR]``."""
    parser = argparse.ArgumentParser(description="Fit the scores of buildings on places with truth.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--chips", type=Path, default=Path(".train"))
    parser.add_argument("--weights", default="default", metavar="FILE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--neighbours", type=float, nargs="+", default=list(NEIGHBOURS), metavar="WEIGHT")
    arguments = parser.parse_args()

    def job(work: Path) -> None:
        given = open_sources(
            arguments.weights, data=arguments.data, chips=arguments.chips, work=work, limit=0, device="cpu"
        )
        weights = read_weights(given.weights)
        fits = [
            fit_scores(judge_places(given, weights, neighbours=each), neighbours=each)
            for each in dict.fromkeys(arguments.neighbours)
        ]
        best = max(fits, key=lambda fit: fit.mean_f1)
        fitted = work / "fitted.safetensors"
        with_fit(weights, best, fitted)
        found = _judge(replace(given, weights=fitted, work=work / "again"))
        with_validation(read_weights(fitted), found, arguments.out)
        said = ", ".join(f"{place} {_f1(each):.3f}" for place, each in found.items())
        sys.stdout.write(f"{table(fits)}\n\nneighbours {best.neighbours:g} written to {arguments.out}\n")
        sys.stdout.write(f"F1 of runs with it: {said}\n")

    return run_in_folder(job)


if __name__ == "__main__":
    sys.exit(main())
