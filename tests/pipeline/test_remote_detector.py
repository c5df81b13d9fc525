"""Workers say what a detector is, so that the machine that plans needs no GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import pipeline.remote_detector
from detection.load import DetectorSpec, describe_detector
from detection.weights import DEFAULT_WEIGHTS
from groundplan.errors import ClusterError, ConfigError
from pipeline.cluster import local_cluster
from pipeline.config import read_region
from pipeline.executor import Failure, SerialExecutor
from pipeline.remote_detector import describe_on_workers
from pipeline.run import RunOptions, plan_run

ADDRESS = "tcp://there:8786"
NETWORK = DetectorSpec(weights=str(DEFAULT_WEIGHTS), device="cuda")

pytestmark = pytest.mark.skipif(not DEFAULT_WEIGHTS.is_file(), reason="this checkout ships no weights")


class Dying:
    """An executor whose workers bear no question."""

    def run(self, function: Any, tasks: Any) -> Iterator[tuple[Any, Failure]]:
        for task in tasks:
            yield task, Failure(error="KilledWorker")


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have this process play a cluster whose workers have GPUs."""
    asked: list[str] = []

    def use(executor: Any) -> list[str]:
        @contextmanager
        def opened(*, workers: int, scheduler: str) -> Iterator[Any]:
            asked.append(scheduler)
            monkeypatch.setattr("torch.cuda.is_available", lambda: True)
            yield executor
            monkeypatch.setattr("torch.cuda.is_available", lambda: False)

        monkeypatch.setattr(pipeline.remote_detector, "open_executor", opened)
        return asked

    return use


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_a_machine_without_gpu_plans_for_workers_that_have_one(painted: Path, there: Any, device: str) -> None:
    asked = there(SerialExecutor())
    path = painted / "remote.toml"
    path.write_text('name = "remote"\nscenes = ["scene.tif"]\n')
    plan = plan_run(read_region(path), RunOptions(scheduler=ADDRESS, device=device))
    assert asked == [ADDRESS] and plan.info.arithmetic == "cuda-16bit"
    assert {task.arithmetic for task in plan.tasks} == {"cuda-16bit"}


def test_a_detector_that_computes_alike_everywhere_needs_no_workers(there: Any) -> None:
    asked = there(SerialExecutor())
    assert describe_on_workers(DetectorSpec(weights="painted"), scheduler=ADDRESS).arithmetic == ""
    assert not asked


def test_workers_that_run_other_code_do_not_answer(there: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    there(SerialExecutor())
    monkeypatch.setattr(pipeline.remote_detector, "stage_code", lambda: "other")
    with pytest.raises(ConfigError, match="install the same on all of them"):
        describe_on_workers(NETWORK, scheduler=ADDRESS)


def test_workers_that_die_of_the_question_stop_the_plan(there: Any) -> None:
    there(Dying())
    with pytest.raises(ClusterError, match=r"died when they were asked .*: KilledWorker; look into their logs"):
        describe_on_workers(NETWORK, scheduler=ADDRESS)


@pytest.mark.slow
def test_a_real_worker_says_what_this_process_would_say() -> None:
    spec = DetectorSpec(weights=str(DEFAULT_WEIGHTS), device="cpu", threads=1)
    with local_cluster(1) as client:
        assert describe_on_workers(spec, scheduler=client.scheduler.address) == describe_detector(spec)
