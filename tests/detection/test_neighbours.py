"""Neighbours lift a claim by how many are expected, how near, and wherever in the tile it lies."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detection.calibration import log_odds
from detection.model import InferenceLimits, ModelSpec, build_model
from detection.neighbours import LEAST_SEEN, NONE_COUNT_AS, expected_neighbours, neighbour_lift
from detection.predict import MaskRcnnDetector
from detection.weights import WeightsRecord, write_weights
from groundplan.errors import WeightsError
from groundplan.labels import LABELS

REACH_PX = 80.0
SIDE_PX = 512
WHOLE = np.ones((SIDE_PX, SIDE_PX), bool)


def at(*centres: tuple[float, float], side: float = 20.0) -> NDArray[np.float64]:
    xy = np.array(centres, float)
    return np.hstack((xy - side / 2, xy + side / 2))


def expected(boxes: NDArray[np.float64], scores: list[float]) -> NDArray[np.float64]:
    return expected_neighbours(boxes, np.array(scores), reach_px=REACH_PX, seen=WHOLE)


def test_neighbours_count_by_squared_score_and_distance() -> None:
    near, far = (256 + REACH_PX / 2, 256.0), (256.0, 256 + REACH_PX)
    found = expected(at((256, 256), near, far), [0.9, 0.5, 0.8])
    assert found[0] == pytest.approx(0.25 * np.exp(-0.25) + 0.64 * np.exp(-1), rel=1e-3)
    assert expected(at((256, 256)), [0.9]).tolist() == [0.0]
    assert expected(np.zeros((0, 4)), []).shape == (0,)


def test_another_claim_of_the_same_roof_is_no_neighbour() -> None:
    roof, part = at((256, 256), side=60)[0], at((240, 250), side=20)[0]
    assert expected(np.stack([roof, part]), [0.9, 0.9]).tolist() == [0.0, 0.0]


def test_a_field_of_houses_is_as_dense_at_the_border_as_inside() -> None:
    places = [(col, row) for row in np.arange(16.0, SIDE_PX, 32) for col in np.arange(16.0, SIDE_PX, 32)]
    found = expected(at(*places), [0.7] * len(places)).reshape(16, 16)
    inside = 0.49 * (np.pi * REACH_PX**2 / 32**2 - 1)
    assert found[8, 8] == pytest.approx(inside, rel=0.02)
    # A corner sees a quarter of its surroundings; itself is left out of that quarter whole.
    assert found == pytest.approx(np.full((16, 16), inside), rel=0.15)


def test_the_sides_of_a_tile_are_not_mixed_up() -> None:
    boxes, scores = at((30, 200), (60, 220)), np.array([0.5, 0.5])
    wide = expected_neighbours(boxes, scores, reach_px=REACH_PX, seen=WHOLE[:256])
    high = expected_neighbours(boxes[:, [1, 0, 3, 2]], scores, reach_px=REACH_PX, seen=WHOLE[:, :256])
    assert wide == pytest.approx(high)
    assert wide[0] > expected_neighbours(boxes, scores, reach_px=REACH_PX, seen=WHOLE)[0]


def test_what_lies_beyond_the_data_is_taken_to_be_as_dense_as_what_is_seen() -> None:
    # A chip of 200 px in a tile whose rest is black: the same houses as in a tile full of them.
    places = [(col, row) for row in np.arange(16.0, 200, 32) for col in np.arange(16.0, 200, 32)]
    seen = np.zeros((SIDE_PX, SIDE_PX), bool)
    seen[:200, :200] = True
    found = expected_neighbours(at(*places), np.full(len(places), 0.7), reach_px=REACH_PX, seen=seen)
    inside = 0.49 * (np.pi * REACH_PX**2 / 32**2 - 1)
    assert found == pytest.approx(np.full(len(places), inside), rel=0.3)
    # A strip of a few pixels says little, and does not make a town of one neighbour.
    strip = np.zeros_like(seen)
    strip[:, :4] = True
    two = expected_neighbours(at((2, 200), (2, 240)), np.array([1.0, 1.0]), reach_px=REACH_PX, seen=strip)
    assert (two <= 1 / LEAST_SEEN).all()


def test_only_labels_with_a_weight_are_lifted_and_only_by_their_like() -> None:
    boxes, scores = at((200, 200), (240, 200), (220, 230)), np.array([0.5, 0.5, 0.9])
    lift = neighbour_lift(
        boxes,
        scores,
        np.array([1, 1, 2]),
        names=LABELS,
        weights={"building": 2.0},
        reach_px=REACH_PX,
        seen=WHOLE,
    )
    alone = expected(boxes[:2], [0.5, 0.5])
    assert lift[:2] == pytest.approx(2.0 * np.log(NONE_COUNT_AS + alone)) and lift[2] == 0


def write(path: Path, **changes: object) -> Path:
    spec = ModelSpec(fpn_channels=16, box_channels=32, mask_convs=1)
    record = WeightsRecord(
        name="random",
        labels=LABELS,
        gsd_m=0.3,
        min_score=dict.fromkeys(LABELS, 0.5),
        spec={"fpn_channels": 16, "box_channels": 32, "mask_convs": 1},
        **changes,  # type: ignore[arg-type]
    )
    torch.manual_seed(4)
    model = build_model(spec)
    torch.nn.init.normal_(model.roi_heads.box_predictor.cls_score.weight, std=1.0)
    write_weights(path, model.state_dict(), record)
    return path


def test_a_detector_lifts_its_scores(tmp_path: Path) -> None:
    image = np.random.default_rng(6).integers(0, 255, (3, 96, 160), np.uint8)
    limits = InferenceLimits(min_score=0.0, proposals=60)
    plain = MaskRcnnDetector(write(tmp_path / "plain"), device="cpu", limits=limits)
    lifting = MaskRcnnDetector(write(tmp_path / "own", neighbours={"building": 0.7}), device="cpu", limits=limits)
    (before,), (after,) = plain.detect([image]), lifting.detect([image])
    assert not plain.info.calibrated and not lifting.info.calibrated

    def by_box(found: object) -> dict[tuple[int, bytes], float]:
        return {
            (int(label), box.tobytes()): float(score)
            for label, box, score in zip(found.labels, found.boxes, found.scores, strict=True)  # type: ignore[attr-defined]
        }

    one, other = by_box(before), by_box(after)
    both = sorted(set(one) & set(other))
    assert len(both) > 10 and {label for label, _ in both} > {1}
    assert all(one[key] == other[key] for key in both if key[0] != 1)
    moved = [float(log_odds(np.array(other[key])) - log_odds(np.array(one[key]))) for key in both if key[0] == 1]
    # Never by less than what no neighbours give.
    assert min(moved) > 0.7 * np.log(NONE_COUNT_AS) - 1e-3 and max(moved) > 0.1
    assert (np.diff(after.scores) <= 0).all()


def test_weights_of_neighbours_that_are_not_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="neighbours of ship"):
        MaskRcnnDetector(write(tmp_path / "odd", neighbours={"ship": 1.0}))
