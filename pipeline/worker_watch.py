"""A Dask client -> how many threads its workers have now; an error when there has been no worker for long."""

import logging
import time
from collections.abc import Callable
from typing import Any

from groundplan.errors import ClusterError

log = logging.getLogger(__name__)

LOOK_EACH_S = 5.0
"""Between two questions to the scheduler."""
SAY_AFTER_S = 10.0
"""Without workers; a worker of a local cluster that died is started again sooner."""
PATIENCE_S = 600.0
"""Without workers: a queue of jobs may take minutes to start new ones, a forgotten cluster never does."""


class WorkerWatch:
    """Asks a scheduler about its workers, at most every few seconds.

    Parameters
    ----------
    client : distributed.Client
    clock : callable, optional
        Seconds that only grow.
    """

    def __init__(self, client: Any, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.client, self.clock = client, clock
        self._threads = 0
        self._looked: float | None = None
        self._gone: float | None = None
        """Since when there has been no worker."""
        self._said = False

    def threads(self) -> int:
        """Return how many threads all workers have together; 0 while there are none.

        Raises
        ------
        ClusterError
            There has been no worker for `PATIENCE_S`.
        """
        now = self.clock()
        if self._looked is None or now - self._looked >= LOOK_EACH_S:
            self._looked = now
            self._threads = sum(self.client.nthreads().values())
            self._judge(now)
        return self._threads

    def _judge(self, now: float) -> None:
        if self._threads:
            if self._said:
                log.warning("workers are there again; the run goes on")
            self._gone, self._said = None, False
            return
        self._gone = now if self._gone is None else self._gone
        address = self.client.scheduler.address
        remedy = f"start some with `dask worker {address} --nthreads 2`"
        if now - self._gone >= PATIENCE_S:
            raise ClusterError(
                f"the scheduler at {address} has had no workers for {PATIENCE_S:g} s; {remedy}, and run the same "
                "command again: it takes over what is done"
            )
        if not self._said and now - self._gone >= SAY_AFTER_S:
            self._said = True
            log.warning(
                "the scheduler at %s has no workers left; %s: the run waits %g s for them",
                address,
                remedy,
                PATIENCE_S,
            )
