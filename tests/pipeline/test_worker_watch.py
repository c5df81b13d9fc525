"""A watch says once that workers are gone, waits for others, and ends a run that has had none for long."""

import logging
from types import SimpleNamespace

import pytest

from groundplan.errors import ClusterError
from pipeline.worker_watch import LOOK_EACH_S, PATIENCE_S, SAY_AFTER_S, WorkerWatch


class FakeScheduler:
    """Answers what it is told to, and counts the questions."""

    scheduler = SimpleNamespace(address="tcp://here:8786")

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.workers: dict[str, int] = {"one": 2, "two": 1}

    def nthreads(self) -> dict[str, int]:
        self.asked += 1
        return self.workers


def look(fake: FakeScheduler, watch: WorkerWatch, at: float) -> int:
    fake.now = at
    return watch.threads()


def test_threads_are_counted_now_and_then_only() -> None:
    fake = FakeScheduler()
    watch = WorkerWatch(fake, clock=lambda: fake.now)
    assert [look(fake, watch, at) for at in (0.0, 0.1, LOOK_EACH_S - 0.1)] == [3, 3, 3]
    fake.workers = {"three": 4}
    assert look(fake, watch, LOOK_EACH_S) == 4
    assert fake.asked == 2


def test_lost_workers_are_told_of_once_and_so_are_new_ones(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeScheduler()
    watch = WorkerWatch(fake, clock=lambda: fake.now)
    fake.workers = {}
    with caplog.at_level(logging.WARNING):
        assert look(fake, watch, 0.0) == 0
        assert not caplog.messages
        for at in (SAY_AFTER_S, SAY_AFTER_S + 2 * LOOK_EACH_S):
            assert look(fake, watch, at) == 0
        assert len(caplog.messages) == 1 and "dask worker tcp://here:8786" in caplog.messages[0]
        fake.workers = {"new": 1}
        assert look(fake, watch, PATIENCE_S + 1) == 1
        assert caplog.messages[1:] == ["workers are there again; the run goes on"]
    fake.workers = {}
    # The patience starts anew.
    assert look(fake, watch, 2 * PATIENCE_S) == look(fake, watch, 3 * PATIENCE_S - LOOK_EACH_S) == 0
    with pytest.raises(ClusterError, match=r"no workers for 600 s; start some with .* takes over what is done"):
        look(fake, watch, 3 * PATIENCE_S)
