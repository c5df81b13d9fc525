"""A detector's own findings as labels, against detections whose faults are planted."""

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
from training.self_labels import write_self_labels

Box = tuple[float, float, float, float]
SIDE = 100


class TwoScales:
    """Answers an image at the model's resolution with the first list, one at the coarser scale with the second."""

    def __init__(self, fine: Sequence[tuple[float, Box]], coarse: Sequence[tuple[float, Box]]) -> None:
        self.info = DetectorInfo(
            name="two", sha256="two", labels=LABELS, gsd_m=0.3, min_score=dict.fromkeys(LABELS, 0.5)
        )
        self.answers = {SIDE: fine, round(SIDE / 1.25): coarse}

    def detect(self, images: Sequence[NDArray[np.uint8]], wanted: object = None) -> list[Detections]:
        side = images[0].shape[1]
        found = self.answers[side]
        boxes = np.array([box for _, box in found], np.float32).reshape(-1, 4) * (side / SIDE)
        return [
            Detections(
                boxes=boxes,
                labels=np.full(len(found), LABEL_IDS["building"], np.int64),
                scores=np.array([score for score, _ in found], np.float32),
                masks=tuple(np.ones((28, 28), np.float32) for _ in found),
            )
        ]


def labelled(
    tmp_path: Path,
    fine: Sequence[tuple[float, Box]],
    coarse: Sequence[tuple[float, Box]],
    *,
    image: NDArray[np.uint8] | None = None,
    split: str = "train",
    complete: frozenset[str] = frozenset({"tennis_court"}),
) -> Chip:
    given = ChipWriter(tmp_path / "given")
    ring = np.array([[2.0, 2.0], [12.0, 2.0], [12.0, 8.0], [2.0, 8.0]])
    given.add(
        np.full((SIDE, SIDE, 3), 120, np.uint8) if image is None else image,
        [Instance(label="tennis_court", rings=(ring,))],
        name="a",
        gsd_m=0.3,
        split=split,
        source="given",
        complete=complete,
    )
    given.close(description="test")
    writer = ChipWriter(tmp_path / "out")
    write_self_labels(
        TwoScales(fine, coarse), read_chips(tmp_path / "given"), writer, label="building", source="own"
    )
    writer.close(description="test")
    (chip,) = read_chips(tmp_path / "out")
    return chip


def buildings(chip: Chip) -> list[tuple[bool, list[float]]]:
    out = []
    for each in chip.instances:
        if each.label == "building":
            points = np.vstack(each.rings)
            out.append((each.ignore, [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]))
    return sorted(out)


def test_what_both_scales_see_becomes_a_label_at_its_place(tmp_path: Path) -> None:
    chip = labelled(tmp_path, [(0.9, (20, 30, 60, 70))], [(0.8, (20, 30, 60, 70))])
    ((ignored, bounds),) = buildings(chip)
    assert not ignored
    assert bounds == pytest.approx([20, 30, 60, 70], abs=1.0)
    assert chip.complete == {"tennis_court", "building"} and chip.source == "own"
    assert any(each.label == "tennis_court" for each in chip.instances), "what was known stays"


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [
        ([(0.9, (20, 30, 60, 70))], []),
        ([(0.9, (20, 30, 60, 70))], [(0.3, (20, 30, 60, 70))]),
        ([(0.9, (20, 30, 60, 70))], [(0.9, (20, 30, 35, 70))]),
        ([], [(0.9, (20, 30, 60, 70))]),
        ([(0.2, (20, 30, 60, 70))], [(0.2, (20, 30, 60, 70))]),
    ],
    ids=["one scale only", "weak at one scale", "two shapes", "coarse scale only", "weak at both"],
)
def test_what_the_scales_dispute_is_ignored(
    tmp_path: Path, fine: list[tuple[float, Box]], coarse: list[tuple[float, Box]]
) -> None:
    found = buildings(labelled(tmp_path, fine, coarse))
    assert found and all(ignored for ignored, _ in found)


def test_what_hardly_scores_is_background(tmp_path: Path) -> None:
    assert buildings(labelled(tmp_path, [(0.1, (20, 30, 60, 70))], [(0.1, (20, 30, 60, 70))])) == []


def test_a_small_turquoise_thing_is_a_pool_and_no_building(tmp_path: Path) -> None:
    image = np.full((SIDE, SIDE, 3), 120, np.uint8)
    image[30:60, 20:50] = (70, 170, 200)
    both = [(0.9, (18.0, 28.0, 54.0, 64.0)), (0.9, (60.0, 60.0, 90.0, 90.0))]
    ((ignored, bounds),) = buildings(labelled(tmp_path, both, both, image=image))
    assert not ignored and bounds[0] > 55


def test_chips_that_know_the_label_or_are_for_validation_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="knows building already"):
        labelled(tmp_path, [], [], complete=frozenset({"building"}))
    with pytest.raises(DataError, match="give chips that lack it"):
        labelled(tmp_path, [], [], split="val")
