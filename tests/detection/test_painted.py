import numpy as np

from detection.painted import PaintedDetector


def test_each_colour_is_one_instance_with_its_exact_grid() -> None:
    image = np.zeros((3, 8, 8), np.uint8)
    image[:, 1:3, 2:5] = np.array([2, 0, 7])[:, None, None]
    image[:, 6, 6] = (1, 1, 0)
    image[:, 7, 0] = (2, 0, 7)
    (found,) = PaintedDetector().detect([image])
    assert found.labels.tolist() == [1, 2] and found.scores.tolist() == [1.0, 1.0]
    assert found.boxes.tolist() == [[6, 6, 7, 7], [0, 1, 5, 8]]
    assert found.masks[1].shape == (7, 5) and found.masks[1].sum() == 7


def test_nothing_painted_gives_nothing() -> None:
    image = np.zeros((3, 8, 8), np.uint8)
    image[0] = 200  # no label has this id
    image[:, 0, 0] = (3, 0, 0)  # instance numbers start at 1
    (found,) = PaintedDetector().detect([image])
    assert len(found) == 0 and found.boxes.shape == (0, 4) and found.masks == ()
