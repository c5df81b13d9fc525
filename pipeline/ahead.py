"""An iterator -> the same items in the same order, made in another thread while the caller uses earlier ones."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

PATIENCE_S = 5.0
"""How long the end waits for an item in the making, as a read that hangs; the process need not wait for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made(Generic[Item]):
    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    error: BaseException | None
    """What ended the iterator too early; None = it came to its end."""


@contextmanager
def ahead(source: Iterator[Item], *, depth: int) -> Iterator[Iterator[Item]]:
    """Run an iterator in a thread of its own, at most `depth` items ahead.

    The order of items is the iterator's, so results do not depend on which thread was faster. A generator is
    started, and ended early where the block is left early, in that thread.

    Parameters
    ----------
    source : iterator
        Made use of by the other thread alone.
    depth : int
        Items held or in the making that the caller has not taken; 1 or more.

    Yields
    ------
    iterator
        The items; an error of the iterator is raised where its next item would have come.

    Examples
    --------
    >>> with ahead(iter("abc"), depth=2) as letters:
    ...     list(letters)
    ['a', 'b', 'c']
    """
    made: queue.SimpleQueue[_Made[Item] | _End] = queue.SimpleQueue()
    room = threading.Semaphore(depth)
    left = threading.Event()

    def work() -> None:
        error: BaseException | None = None
        try:
            while True:
                room.acquire()
                if left.is_set():
                    break
                made.put(_Made(item=next(source)))
        except StopIteration:
            pass
        except BaseException as err:  # it belongs to the thread that takes the items
            error = err
        finally:
            made.put(_End(error=error))
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def items() -> Iterator[Item]:
        while isinstance(one := made.get(), _Made):
            room.release()
            yield one.item
        if one.error is not None:
            raise one.error

    # A daemon: after Ctrl-C nobody waits for a server that does not answer.
    thread = threading.Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        yield items()
    finally:
        left.set()
        room.release()
        thread.join(PATIENCE_S)
