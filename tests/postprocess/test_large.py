"""Large objects of a coarse pass against what a fine pass drew on the same ground."""

import numpy as np
import pytest
import shapely

from postprocess.large import Found, whole_or_pieces
from postprocess.polygonal import geometry_array

HALL = shapely.box(0, 0, 60, 40)


def found(*objects):
    return Found(
        geometry=geometry_array([geometry for geometry, _ in objects]),
        score=np.array([score for _, score in objects], float),
    )


def stand(fine, large):
    return tuple(kept.tolist() for kept in whole_or_pieces(found(*fine), found(*large)))


def test_a_whole_replaces_its_pieces_and_nothing_else():
    pieces = [
        (shapely.box(0, 0, 18, 40), 0.7),
        (shapely.box(18, 0, 36, 38), 0.5),
        (shapely.box(62, 0, 70, 8), 0.4),
    ]
    assert stand(pieces, [(HALL, 0.65)]) == ([False, False, True], [True])


def test_a_whole_that_the_fine_pass_missed_is_added():
    assert stand([(shapely.box(100, 0, 110, 10), 0.9)], [(HALL, 0.4)]) == ([True], [True])
    assert stand([], [(HALL, 0.4)]) == ([], [True])


@pytest.mark.parametrize(
    "fine",
    [
        [(shapely.box(1, 1, 59, 39), 0.4)],  # the same, and drawn more finely
        [(shapely.box(-40, 0, 35, 40), 0.4)],  # a larger one, of which this is a piece
        [(shapely.box(-40, 0, 27, 40), 0.4), (shapely.box(33, 0, 100, 40), 0.4)],  # two that share its ground
        [(shapely.box(15 * k, 0, 15 * k + 14, 40), 0.8) for k in range(4)],  # a row of houses, surer in the mean
    ],
)
def test_what_the_fine_pass_saw_better_stays(fine):
    assert stand(fine, [(HALL, 0.7)]) == ([True] * len(fine), [False])


def test_a_house_beside_a_hall_is_no_piece_of_it():
    beside = shapely.box(55, 0, 75, 20)
    assert stand([(beside, 0.3)], [(HALL, 0.9)]) == ([True], [True])


def test_the_order_of_the_rows_does_not_matter():
    rng = np.random.default_rng(4)
    corners = rng.uniform(0, 200, (60, 2))
    fine = [(shapely.box(x, y, x + 12, y + 12), s) for (x, y), s in zip(corners, rng.random(60), strict=True)]
    # Equal scores and areas: only where they lie tells them apart.
    large = [(shapely.box(x, y, x + 50, y + 40), 0.5) for x, y in rng.uniform(0, 150, (8, 2))]
    stands, taken = whole_or_pieces(found(*fine), found(*large))
    order, other = rng.permutation(60), rng.permutation(8)
    again = whole_or_pieces(found(*(fine[k] for k in order)), found(*(large[k] for k in other)))
    assert stands[order].tolist() == again[0].tolist()
    assert taken[other].tolist() == again[1].tolist()
    assert 0 < stands.sum() < 60
    assert 0 < taken.sum() < 8
