"""Judged claims of places become one logistic and one threshold; a region's claims are judged by its truth."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from detection.calibration import calibrated
from detection.weights import DEFAULT_WEIGHTS, WeightsRecord, read_record_only, read_weights, write_weights
from groundplan.errors import DataError
from groundplan.labels import LABELS
from pipeline.fit_scores import fit_scores, judge_region, raw_record, table, with_fit, with_validation
from training.evaluate import Evidence

SLOPE, SHIFT = 0.8, -1.5


def drawn(count: int, *, seed: int, shift: float = SHIFT) -> Evidence:
    """Return claims that are right as often as a logistic of their scores says, and as many missed objects."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0.02, 0.98, count)
    correct = rng.random(count) < calibrated(score, SLOPE, shift)
    return Evidence(score=score, correct=correct, n_truth=int(correct.sum()) + count // 10)


def test_the_logistic_that_made_the_claims_is_found_again() -> None:
    fit = fit_scores({"one": drawn(20_000, seed=1), "two": drawn(5_000, seed=2)}, neighbours=0.9)
    assert fit.slope == pytest.approx(SLOPE, abs=0.05) and fit.shift == pytest.approx(SHIFT, abs=0.05)
    # Of probabilities, the threshold of the highest F1 is half of that F1 (Lipton et al. 2014).
    assert fit.min_score == pytest.approx(fit.mean_f1 / 2, abs=0.04)


def test_a_small_place_counts_as_much_as_a_large_one() -> None:
    few, many = drawn(2_000, seed=3, shift=-3.0), drawn(40_000, seed=4, shift=0.0)
    fit = fit_scores({"few": few, "many": many}, neighbours=0.0)
    again = fit_scores({"few": few, "many": drawn(2_000, seed=4, shift=0.0)}, neighbours=0.0)
    assert fit.shift == pytest.approx(again.shift, abs=0.15)
    assert -2.5 < fit.shift < -0.5


@pytest.mark.parametrize("correct", [[True, True], [False, False], []])
def test_claims_that_are_all_alike_cannot_be_fitted(correct: list[bool]) -> None:
    alike = Evidence(score=np.full(len(correct), 0.5), correct=np.array(correct, bool), n_truth=2)
    with pytest.raises(DataError, match="town: "):
        fit_scores({"town": alike}, neighbours=0.0)


def test_the_fit_is_stored_in_units_of_the_calibrated_score(tmp_path: Path) -> None:
    record = WeightsRecord(
        name="plain",
        labels=LABELS,
        gsd_m=0.3,
        min_score=dict.fromkeys(LABELS, 0.5),
        calibration={"tennis_court": (2.0, 0.1), "building": (3.0, 3.0)},
    )
    write_weights(tmp_path / "old", {"one": torch.zeros(3)}, record)
    fit = fit_scores({"one": drawn(500, seed=5)}, neighbours=1.5)
    with_fit(read_weights(tmp_path / "old"), fit, tmp_path / "new")
    new = read_weights(tmp_path / "new").record
    assert new.calibration == {"tennis_court": (2.0, 0.1), "building": (fit.slope, fit.shift)}
    # The network's log odds and the neighbours are multiplied by the same slope.
    assert new.neighbours == {"building": pytest.approx(1.5 * fit.slope, abs=1e-3)}
    assert new.min_score["building"] == fit.min_score and new.min_score["tennis_court"] == 0.5
    assert "| 1.5 |" in table([fit]) and f"{fit.mean_f1:.3f}" in table([fit])
    with_fit(
        read_weights(tmp_path / "new"), fit_scores({"one": drawn(500, seed=5)}, neighbours=0.0), tmp_path / "none"
    )
    assert read_weights(tmp_path / "none").record.neighbours == {}


def test_scores_that_are_right_the_less_the_higher_they_are_cannot_be_fitted() -> None:
    upright = drawn(2_000, seed=6)
    turned = Evidence(score=1 - upright.score, correct=upright.correct, n_truth=upright.n_truth)
    with pytest.raises(DataError, match="right less often"):
        fit_scores({"town": turned}, neighbours=0.0)


def test_the_record_says_what_runs_claimed(tmp_path: Path) -> None:
    record = WeightsRecord(name="plain", labels=LABELS, gsd_m=0.3, min_score=dict.fromkeys(LABELS, 0.4))
    write_weights(tmp_path / "old", {"one": torch.zeros(3)}, record)
    found = {"town": Evidence(score=np.array([0.9, 0.5, 0.4]), correct=np.array([True, True, False]), n_truth=5)}
    with_validation(read_weights(tmp_path / "old"), found, tmp_path / "new")
    assert read_weights(tmp_path / "new").record.validation["building"] == {
        "threshold": {"score": 0.4},
        "places": {"town": {"n_found": 3, "n_right": 2, "n_truth": 5, "f1": 0.5}},
    }


def test_claims_of_a_region_are_right_where_its_truth_is(painted: Path, tmp_path: Path) -> None:
    truth = json.loads((painted / "truth.geojson").read_text())
    buildings = [each for each in truth["features"] if each["properties"]["label"] == "building"]
    others = [each for each in truth["features"] if each["properties"]["label"] != "building"]
    first, second = ({**each, "properties": {**each["properties"], "ignore": False}} for each in buildings)
    unknown = {**first, "properties": {**first["properties"], "ignore": True}}
    for name, left, claims in (("wrong", [second], 2), ("unknown", [second, unknown], 1)):
        (painted / "partial.geojson").write_text(json.dumps({**truth, "features": [*others, *left]}))
        region = painted / "judged.toml"
        region.write_text(
            'name = "judged"\nscenes = ["scene.tif"]\ntruth = "partial.geojson"\n[model]\nweights = "painted"\n'
            f'gsd_m = 0\n[tiling]\ntile_px = 512\noverlap_px = 128\n[output]\ndir = "{tmp_path / name}"\n'
        )
        found = judge_region(region)
        assert found.n_truth == 1 and found.correct.sum() == 1 and len(found.score) == claims


def test_the_shipped_weights_can_be_fitted_again(tmp_path):
    shipped = read_weights(DEFAULT_WEIGHTS)
    record = raw_record(shipped.record, neighbours=0.9)
    write_weights(tmp_path / "raw.safetensors", shipped.tensors, record)
    read = read_record_only(tmp_path / "raw.safetensors")
    assert (read.min_score["building"], read.neighbours) == (0.1, {"building": 0.9})
    for each in (read.calibration, read.large_from_m2, read.large_min_score):
        assert "building" not in each
    assert read.calibration.keys() == shipped.record.calibration.keys() - {"building"}
