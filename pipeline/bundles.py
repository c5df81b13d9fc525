"""Tasks -> bundles that are worth a message to a worker."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Task = TypeVar("Task")

BUNDLE = 32
"""Work that is sent at once, in the unit of `Executor.run`: what sending costs is paid once for all of it, and a
worker's death asks again for what of it is not done."""


class Bundles(Generic[Task]):
    """Hands out tasks in bundles, smaller ones towards the end, so that all workers end about together.

    Parameters
    ----------
    tasks : iterable
    work : callable, optional
        How much work a task is; without, each is a bundle, and tasks are taken off the iterable one by one.
    """

    def __init__(self, tasks: Iterable[Task], *, work: Callable[[Task], int] | None = None) -> None:
        self._work = work
        self._waiting = iter(tasks)
        self._known = deque(self._waiting if work else ())
        self._left = sum(map(work, self._known)) if work else 0

    def take(self, *, shares: int) -> list[Task]:
        """Return the next tasks: of `BUNDLE`, or of one of so many shares of what is left where that is less.

        One task at least, while there are any.
        """
        if self._work is None:
            return list(itertools.islice(self._waiting, 1))
        bundle: list[Task] = []
        room = min(float(BUNDLE), self._left / shares)
        while self._known and (not bundle or self._work(self._known[0]) <= room):
            bundle.append(self._known.popleft())
            room -= self._work(bundle[-1])
            self._left -= self._work(bundle[-1])
        return bundle
