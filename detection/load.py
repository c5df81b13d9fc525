"""A weights name -> the detector it stands for; torch is imported only when a network is meant."""

from dataclasses import dataclass
from pathlib import Path

from detection.detector import Detector, DetectorInfo
from detection.painted import PaintedDetector
from groundplan.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec:
    """What a worker needs to load a detector."""

    weights: str
    """"painted", or the absolute path of a weights file."""
    device: str = "auto"
    threads: int | None = None


def resolve_spec(weights: str, *, base: Path, device: str, threads: int | None) -> DetectorSpec:
    """Return the spec for a region file's ``weights``, with its path made absolute.

    Raises
    ------
    WeightsError
        There is no such file.
    """
    if weights == "painted":
        return DetectorSpec(weights=weights)
    from detection.weights import resolve_weights

    return DetectorSpec(weights=str(resolve_weights(weights, base=base).resolve()), device=device, threads=threads)


def describe_detector(spec: DetectorSpec) -> DetectorInfo:
    """Return what a detector says of itself, without keeping a network in memory."""
    if spec.weights == "painted":
        return PaintedDetector().info
    return load_detector(spec).info


def load_detector(spec: DetectorSpec) -> Detector:
    """Return the detector, ready to be used.

    Raises
    ------
    WeightsError
        The weights cannot be used.
    """
    if spec.weights == "painted":
        return PaintedDetector()
    from detection.predict import MaskRcnnDetector

    return MaskRcnnDetector(Path(spec.weights), device=spec.device, threads=spec.threads)


def check_labels(wanted: tuple[str, ...], info: DetectorInfo) -> tuple[str, ...]:
    """Return the labels to look for: those wanted, or all the detector knows.

    Raises
    ------
    ConfigError
        A wanted label is not among the detector's.
    """
    lacking = [label for label in wanted if label not in info.labels]
    if lacking:
        raise ConfigError(
            f"weights {info.name!r} do not know {', '.join(lacking)}; "
            f"they know {', '.join(info.labels)}: choose among these in [model] labels, or other weights"
        )
    return wanted or info.labels
