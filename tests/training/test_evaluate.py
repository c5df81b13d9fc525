"""Figures on chips, against detections whose faults are planted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.detector import DetectorInfo
from groundplan.errors import DataError
from groundplan.labels import LABEL_IDS, LABELS
from groundplan.records import Detections
from training.chips import Chip, ChipWriter, Instance, read_chips
from training.evaluate import evaluate, evidence
from training.looks import look_at_chips

Box = tuple[float, float, float, float]


class Scripted:
    """Answers each image with the next list of (label, score, box)."""

    batch_tiles = 1

    def __init__(self, answers: Sequence[Sequence[tuple[str, float, Box]]], **info: object) -> None:
        fields = {
            "name": "s",
            "sha256": "s",
            "labels": LABELS,
            "gsd_m": 0.3,
            "min_score": dict.fromkeys(LABELS, 0.5),
        }
        self.info = DetectorInfo(**(fields | info))  # type: ignore[arg-type]
        self.answers = list(answers)
        self.sizes: list[tuple[int, ...]] = []

    def detect(self, images: Sequence[NDArray[np.uint8]], wanted: object = None) -> list[Detections]:
        self.sizes.append(images[0].shape)
        answer = self.answers.pop(0)
        return [
            Detections(
                boxes=np.array([box for _, _, box in answer], np.float32).reshape(-1, 4),
                labels=np.array([LABEL_IDS[label] for label, _, _ in answer], np.int64),
                scores=np.array([score for _, score, _ in answer], np.float32),
                masks=tuple(np.ones((28, 28), np.float32) for _ in answer),
            )
        ]


def square(left: float, top: float, side: float) -> Box:
    return left, top, left + side, top + side


def instance(label: str, box: Box, *, ignore: bool = False) -> Instance:
    x1, y1, x2, y2 = box
    ring = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], float)
    return Instance(label=label, rings=(ring,), ignore=ignore)


def write(
    folder: Path, contents: Sequence[tuple[Sequence[Instance], set[str]]], *, gsd_m: float = 0.3
) -> list[Chip]:
    writer = ChipWriter(folder)
    for number, (instances, complete) in enumerate(contents):
        writer.add(
            np.zeros((64, 64, 3), np.uint8), instances, name=f"c{number}", gsd_m=gsd_m, split="val", source="s",
            complete=frozenset(complete),
        )  # fmt: skip
    writer.close(description="test")
    return read_chips(folder)


def test_hits_misses_and_false_ones_are_counted(tmp_path: Path) -> None:
    chips = write(
        tmp_path,
        [
            ([instance("building", square(4, 4, 20)), instance("building", square(34, 34, 20))], {"building"}),
            ([], {"building"}),
        ],
    )
    detector = Scripted(
        [
            [("building", 0.9, square(4, 4, 20)), ("building", 0.8, square(40, 2, 10))],
            [("building", 0.7, square(8, 8, 30)), ("building", 0.3, square(0, 0, 9))],
        ]
    )
    found = evaluate(detector, chips, gsd_m=0.3)["building"]
    assert found["n_truth"] == 2 and found["n_chips"] == 2
    assert found["precision50"] == pytest.approx(1 / 3, abs=1e-3) and found["recall50"] == 0.5
    # One of two found first, at precision 1: 51 of COCO's 101 recall levels.
    assert found["ap50"] == pytest.approx(51 / 101, abs=1e-3)
    assert found["false_per_km2"] == pytest.approx(1 / (64 * 64 * 0.09 / 1e6), rel=1e-3)


def test_labels_that_are_not_complete_in_a_chip_count_neither_way(tmp_path: Path) -> None:
    chips = write(tmp_path, [([instance("building", square(4, 4, 20))], set()), ([], {"tennis_court"})])
    detector = Scripted([[("building", 0.9, square(4, 4, 20))], [("building", 0.9, square(4, 4, 20))]])
    assert set(evaluate(detector, chips, gsd_m=0.3)) == {"tennis_court"}


def test_ignored_regions_swallow_detections_and_ask_for_none(tmp_path: Path) -> None:
    truth = [instance("building", square(4, 4, 20)), instance("building", square(30, 30, 30), ignore=True)]
    chips = write(tmp_path, [(truth, {"building"})])
    answer = [("building", 0.9, square(4, 4, 20)), ("building", 0.8, square(35, 35, 10))]
    figures = evaluate(Scripted([answer]), chips, gsd_m=0.3)["building"]
    assert figures["precision50"] == figures["recall50"] == figures["ap"] == 1.0
    seen = evidence(look_at_chips(Scripted([answer]), chips, gsd_m=0.3), "building")
    assert seen.score.tolist() == pytest.approx([0.9]) and seen.correct.tolist() == [True] and seen.n_truth == 1


def test_chips_are_brought_to_the_detectors_resolution(tmp_path: Path) -> None:
    chips = write(tmp_path, [([instance("building", square(8, 8, 40))], {"building"})], gsd_m=0.15)
    detector = Scripted([[("building", 0.9, square(4, 4, 20))]] * 2)
    assert evaluate(detector, chips, gsd_m=0.3)["building"]["ap"] == 1.0
    evaluate(detector, chips, gsd_m=0.3, degraded_gsd_m=1.0)
    assert detector.sizes == [(3, 32, 32)] * 2


def test_labels_of_the_coarse_pass_are_looked_for_there_and_only_there(tmp_path: Path) -> None:
    track = square(8, 8, 40)
    chips = write(tmp_path, [([instance("running_track", track)], {"running_track", "building"})])
    coarse = tuple(value / 2 for value in track)
    detector = Scripted(
        [[("running_track", 0.9, track)], [("running_track", 0.8, coarse), ("building", 0.9, coarse)]],
        coarse_labels=("running_track",),
        coarse_factor=2.0,
    )
    found = evaluate(detector, chips, gsd_m=0.3)
    assert detector.sizes == [(3, 64, 64), (3, 32, 32)]
    assert found["running_track"]["ap"] == 1.0
    assert found["building"]["false_per_km2"] == 0.0


def test_evidence_of_several_chips_is_put_together(tmp_path: Path) -> None:
    chips = write(tmp_path, [([instance("building", square(4, 4, 20))], {"building"})] * 3)
    answers = [[("building", 0.9, square(4, 4, 20))], [("building", 0.6, square(30, 30, 9))], []]
    seen = evidence(look_at_chips(Scripted(answers), chips, gsd_m=0.3), "building")
    order = np.argsort(seen.score)
    assert seen.correct[order].tolist() == [False, True] and seen.n_truth == 3


def test_no_chips_are_refused() -> None:
    with pytest.raises(DataError, match="no chips to evaluate"):
        evaluate(Scripted([]), [], gsd_m=0.3)
