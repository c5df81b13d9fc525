"""A detector's spec and a scheduler's address -> what the detector is on the workers, which may have GPUs."""

from dataclasses import dataclass

from detection.detector import DetectorInfo
from detection.load import DetectorSpec, describe_detector
from groundplan.errors import ClusterError
from pipeline.executor import Failure, open_executor
from pipeline.stage_code import check_code, stage_code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    spec: DetectorSpec
    code: str
    """`pipeline.stage_code` of the process that asks."""


def describe_on_workers(spec: DetectorSpec, *, scheduler: str) -> DetectorInfo:
    """Return what a detector says of itself on one of the workers; those that differ refuse their blocks later.

    Raises
    ------
    WeightsError, ConfigError
        As of `detection.load.describe_detector`, but there; no scheduler answers, or the worker has other code.
    ClusterError
        Workers died of the question.
    """
    if spec.weights == "painted":
        # It computes alike everywhere, so nobody need be asked, or be there when all is done.
        return describe_detector(spec)
    with open_executor(workers=0, scheduler=scheduler) as executor:
        ((_, answer),) = executor.run(_answer, [_Question(spec=spec, code=stage_code())])
    if isinstance(answer, Failure):
        raise ClusterError(
            f"the workers of {scheduler} died when they were asked to describe {spec.weights}: {answer.error}; "
            "look into their logs"
        )
    return answer


def _answer(question: _Question) -> DetectorInfo:
    check_code(question.code)
    return describe_detector(question.spec)
