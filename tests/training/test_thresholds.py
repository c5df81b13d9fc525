"""Thresholds give the precision they promise, on enough evidence; calibration turns scores into probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.calibration import calibrate_scores, calibrated
from detection.weights import WeightsRecord
from groundplan.labels import LABELS
from training.evaluate import Evidence
from training.thresholds import (
    calibration_error,
    fit_calibration,
    measure_label,
    smallest_threshold,
    with_thresholds,
)


def drawn(count: int, *, slope: float, shift: float, seed: int = 0) -> Evidence:
    """Return detections of which the share calibrated(score, slope, shift) is right."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.05, 0.999, count)
    correct = rng.random(count) < calibrated(score, slope, shift)
    return Evidence(score=score, correct=correct, n_truth=int(correct.sum()) + 10)


judged = st.lists(st.tuples(st.integers(1, 99), st.booleans()), max_size=80)


@given(judged, st.sampled_from([0.5, 0.9, 0.95]), st.integers(1, 20))
def test_the_threshold_is_the_smallest_that_keeps_its_promise(
    pairs: list[tuple[int, bool]], precision: float, least: int
) -> None:
    score = np.array([value for value, _ in pairs], float) / 100
    correct = np.array([right for _, right in pairs], bool)
    found = smallest_threshold(
        Evidence(score=score, correct=correct, n_truth=90), precision=precision, min_evidence=least
    )

    def holds(threshold: float) -> bool:
        kept = score >= threshold
        return bool(kept.sum() >= least and correct[kept].mean() >= precision - 1e-9)

    candidates = [value for value in np.unique(score) if holds(value)]
    if found is None:
        assert not candidates
    else:
        assert holds(found.score) and found.n_found == int((score >= found.score).sum())
        assert (score >= found.score).sum() == (score >= min(candidates)).sum()


def test_little_evidence_gives_no_threshold() -> None:
    few = Evidence(score=np.full(19, 0.9), correct=np.ones(19, bool), n_truth=19)
    assert smallest_threshold(few) is None
    empty = Evidence(score=np.empty(0), correct=np.empty(0, bool), n_truth=3)
    assert smallest_threshold(empty) is None and fit_calibration(empty) is None
    assert calibration_error(empty, None) == 0.0


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.5, -1.0), (2.0, 1.5)])
def test_calibration_finds_the_planted_logistic(slope: float, shift: float) -> None:
    fitted = fit_calibration(drawn(6000, slope=slope, shift=shift))
    assert fitted is not None
    assert fitted[0] == pytest.approx(slope, rel=0.15) and fitted[1] == pytest.approx(shift, abs=0.15)
    fresh = drawn(6000, slope=slope, shift=shift, seed=1)
    assert calibration_error(fresh, fitted) < 0.03


def test_scores_that_say_nothing_are_left_alone() -> None:
    rng = np.random.default_rng(3)
    score = rng.uniform(0.1, 0.9, 400)
    backwards = Evidence(score=score, correct=rng.random(400) > score, n_truth=200)
    assert fit_calibration(backwards) is None
    apart = Evidence(score=np.r_[np.full(30, 0.9), np.full(30, 0.2)], correct=np.arange(60) < 30, n_truth=30)
    fitted = fit_calibration(apart)
    assert fitted is not None and np.isfinite(fitted).all()


def test_scores_are_calibrated_label_by_label_and_keep_their_order() -> None:
    scores = np.array([0.9, 0.6, 0.3, 0.6], np.float32)
    labels = np.array([1, 1, 1, 2])
    names = ("building", "tennis_court")
    out = calibrate_scores(scores, labels, names=names, table={"building": (2.0, -1.0)}, lift=np.zeros(4))
    assert out.dtype == np.float32 and out[3] == scores[3]
    assert (np.diff(out[:3]) < 0).all() and out[1] != scores[1]
    assert calibrate_scores(
        np.array([0.0, 1.0], np.float32), np.array([1, 1]), names=("a",), table={"a": (3, 0)}, lift=np.zeros(2)
    ).tolist() == pytest.approx([0, 1], abs=1e-6)


def record(**changes: object) -> WeightsRecord:
    fields = {"name": "w", "labels": LABELS, "gsd_m": 0.3, "min_score": dict.fromkeys(LABELS[:2], 0.6)}
    return WeightsRecord(**(fields | changes))  # type: ignore[arg-type]


def test_a_record_keeps_the_meaning_of_thresholds_that_were_not_measured() -> None:
    seen = drawn(3000, slope=0.4, shift=-2.0)  # never right in 95 of 100
    measured = {"building": measure_label(seen, precision=0.95)}
    assert measured["building"]["threshold"] is None
    new = with_thresholds(record(), measured)
    # What was 0.6 before is the same detections after.
    slope, shift = new.calibration["building"]
    assert new.min_score["building"] == pytest.approx(
        float(calibrated(np.array([0.6]), slope, shift)[0]), abs=1e-3
    )
    assert new.min_score["tennis_court"] == 0.6 and "tennis_court" not in new.calibration
    assert new.validation["building"]["n_found"] == 3000


def test_calibrating_twice_is_calibrating_once() -> None:
    seen = drawn(4000, slope=2.0, shift=1.0)
    once = with_thresholds(record(), {"building": measure_label(seen, precision=0.95)})
    again = Evidence(
        score=calibrated(seen.score, *once.calibration["building"]), correct=seen.correct, n_truth=seen.n_truth
    )
    twice = with_thresholds(once, {"building": measure_label(again, precision=0.95)})
    assert twice.calibration["building"] == pytest.approx(once.calibration["building"], abs=0.02)
    assert twice.min_score["building"] == pytest.approx(once.min_score["building"], abs=0.02)


def test_what_neighbours_count_is_scaled_with_the_scores() -> None:
    random = np.random.default_rng(5)
    raw, lift = random.uniform(0.02, 0.98, 30_000), 0.8 * random.normal(size=30_000)
    chance = calibrated(raw, 1.5, -0.5, 1.5 * lift)  # the logistic of both together
    seen = Evidence(
        score=calibrated(raw, 1.0, 0.0, lift), correct=random.uniform(size=30_000) < chance, n_truth=30_000
    )
    new = with_thresholds(record(neighbours={"building": 0.8}), {"building": measure_label(seen, precision=0.9)})
    slope, shift = new.calibration["building"]
    assert new.neighbours["building"] == pytest.approx(0.8 * slope) == pytest.approx(1.2, abs=0.1)
    after = calibrated(raw, slope, shift, new.neighbours["building"] / 0.8 * lift)
    assert np.abs(after - chance).max() < 0.05
