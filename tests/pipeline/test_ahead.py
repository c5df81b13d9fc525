"""What another thread makes arrives in order, not too far ahead, and stops when nobody takes it any more."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ahead import ahead


class Counted:
    """An iterator that knows how many items were asked of it, by which thread, and whether it was closed."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked = 0
        self.closed_by: int | None = None
        self.threads: set[int] = set()

    def __iter__(self) -> "Counted":
        return self

    def __next__(self) -> int:
        self.threads.add(threading.get_ident())
        if self.asked == self.count:
            raise StopIteration
        self.asked += 1
        return self.asked - 1

    def close(self) -> None:
        self.closed_by = threading.get_ident()


@given(st.integers(0, 30), st.integers(1, 5))
def test_items_come_in_order_and_never_more_than_depth_ahead(count: int, depth: int) -> None:
    source = Counted(count)
    with ahead(source, depth=depth) as items:
        for taken, item in enumerate(items, start=1):
            assert item == taken - 1
            assert source.asked <= taken + depth
    assert source.asked == count


def test_all_happens_in_one_other_thread_its_end_included() -> None:
    source = Counted(5)
    with ahead(source, depth=2) as items:
        assert next(items) == 0
    assert source.closed_by is not None and source.threads == {source.closed_by}
    assert threading.get_ident() not in source.threads
    assert source.asked < 5


def test_the_next_item_is_made_while_the_caller_works() -> None:
    reached = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        reached.set()
        yield 1

    with ahead(source(), depth=1) as items:
        assert next(items) == 0
        assert reached.wait(20), "nothing was made before it was asked for"


def test_an_error_comes_where_its_item_would_have() -> None:
    def source() -> Iterator[int]:
        yield 0
        yield 1
        raise KeyError("bug")

    taken = []
    with pytest.raises(KeyError, match="bug"), ahead(source(), depth=8) as items:
        for item in items:
            taken.append(item)
    assert taken == [0, 1]


def test_an_interrupt_does_not_wait_for_a_read_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ahead.PATIENCE_S", 0.05)
    released = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        released.wait(60)
        yield 1

    with pytest.raises(KeyboardInterrupt), ahead(source(), depth=2) as items:
        next(items)
        raise KeyboardInterrupt
    (thread,) = [each for each in threading.enumerate() if each.name == "ahead"]
    assert thread.daemon
    released.set()
    thread.join(20)
    assert not thread.is_alive()
