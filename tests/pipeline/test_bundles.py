"""Bundles hold every task once, in order, and no more than is worth sending."""

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from pipeline.bundles import BUNDLE, Bundles


@given(works=st.lists(st.integers(1, 2 * BUNDLE), max_size=60), shares=st.integers(1, 20))
def test_bundles_hold_every_task_once_and_no_more_than_fits(works: list[int], shares: int) -> None:
    bundles, left, seen = Bundles(range(len(works)), work=works.__getitem__), sum(works), []
    while bundle := bundles.take(shares=shares):
        size = sum(works[n] for n in bundle)
        assert len(bundle) == 1 or size <= min(BUNDLE, left / shares)
        left -= size
        seen += bundle
    assert seen == list(range(len(works)))


def test_tasks_of_unknown_size_are_taken_one_by_one() -> None:
    endless = count()
    bundles = Bundles(endless)
    assert bundles.take(shares=1) == [0] and next(endless) == 1 and bundles.take(shares=1) == [2]
