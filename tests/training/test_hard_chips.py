"""Chips with claims that touch nothing are hard negatives; good, badly drawn or ignored findings are none."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.detector import DetectorInfo
from groundplan.errors import DataError
from groundplan.labels import LABEL_IDS
from groundplan.records import Detections
from training.chips import ChipWriter, Instance, read_chips
from training.hard_chips import write_hard_chips

Box = tuple[float, float, float, float]


class Claims:
    """Finds one tennis court in every image, always at the same place."""

    def __init__(self, box: Box, score: float) -> None:
        self.info = DetectorInfo(
            name="claims", sha256="c", labels=("tennis_court",), gsd_m=0.3, min_score={"tennis_court": 0.5}
        )
        self.box, self.score = box, score

    def detect(self, images: Sequence[NDArray[np.uint8]], wanted: object = None) -> list[Detections]:
        return [
            Detections(
                boxes=np.array([self.box], np.float32),
                labels=np.array([LABEL_IDS["tennis_court"]], np.int64),
                scores=np.array([self.score], np.float32),
                masks=(np.ones((28, 28), np.float32),),
            )
            for _ in images
        ]


def court(box: Box, *, ignore: bool = False) -> Instance:
    x1, y1, x2, y2 = box
    ring = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], float)
    return Instance(label="tennis_court", rings=(ring,), ignore=ignore)


def mined(tmp_path: Path, instances: list[Instance], *, score: float = 0.6, **about: object) -> list[str]:
    given = ChipWriter(tmp_path / "given")
    image = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    entry = {"split": "train", "complete": frozenset({"tennis_court"})} | about
    given.add(image, instances, name="a", gsd_m=0.3, source="given", **entry)  # type: ignore[arg-type]
    given.close(description="test")
    writer = ChipWriter(tmp_path / "out")
    write_hard_chips(Claims((10, 10, 40, 30), score), read_chips(tmp_path / "given"), writer, source="hard")
    writer.close(description="test")
    chips = read_chips(tmp_path / "out")
    assert all(
        chip.path.read_bytes() == (tmp_path / "given/images" / chip.path.name).read_bytes() for chip in chips
    )
    return [chip.source for chip in chips]


def test_a_claim_where_nothing_is_makes_the_chip_hard(tmp_path: Path) -> None:
    assert mined(tmp_path, []) == ["hard"]
    assert mined(tmp_path, [court((45, 45, 60, 60))]) == ["hard"]


@pytest.mark.parametrize(
    "instance",
    [court((10, 10, 40, 30)), court((25, 10, 55, 30)), court((0, 0, 64, 64), ignore=True)],
    ids=["found", "badly drawn", "inside a region to ignore"],
)
def test_what_touches_an_object_or_may_be_one_is_not_hard(tmp_path: Path, instance: Instance) -> None:
    assert mined(tmp_path, [instance]) == []


def test_faint_claims_are_not_hard(tmp_path: Path) -> None:
    assert mined(tmp_path, [], score=0.4) == []


def test_only_training_chips_that_know_a_label_are_judged(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no training chip"):
        mined(tmp_path, [], split="val")
    with pytest.raises(DataError, match="complete"):
        mined(tmp_path, [], complete=frozenset())
