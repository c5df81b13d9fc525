"""A weights name -> the detector it stands for; torch is imported only when a network is meant."""

from dataclasses import dataclass
from pathlib import Path

from detection.augmented import AugmentedDetector, augmented_info
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
    views: int = 1
    """How often each tile is looked at, flipped and turned: 1, 2, 4 or 8."""
    min_score: tuple[tuple[str, float], ...] | None = None
    """Labels that are wanted and their thresholds: a network draws no masks for the rest. None = all labels, at
    any score; so it is, too, where several views are averaged, which may lift a score over its threshold."""


def resolve_spec(weights: str, *, base: Path, device: str, threads: int | None, views: int = 1) -> DetectorSpec:
    """Return the spec for a region file's ``weights``, with its path made absolute.

    Raises
    ------
    WeightsError
        There is no such file.
    """
    if weights == "painted":
        return DetectorSpec(weights=weights, views=views)
    from detection.weights import resolve_weights

    path = resolve_weights(weights, base=base).resolve()
    return DetectorSpec(weights=str(path), device=device, threads=threads, views=views)


def describe_detector(spec: DetectorSpec) -> DetectorInfo:
    """Return what the detector of `load_detector` says of itself, without building a network.

    Raises
    ------
    WeightsError, ConfigError
        As of `load_detector`, except that numbers of the weights are not looked at.
    """
    if spec.weights == "painted":
        info = PaintedDetector().info
    else:
        from detection.predict import describe_weights

        info = describe_weights(Path(spec.weights), device=spec.device)
    return augmented_info(info, views=spec.views)


def load_detector(spec: DetectorSpec) -> Detector:
    """Return the detector, ready to be used.

    Raises
    ------
    WeightsError, ConfigError
        The weights, or the number of views, cannot be used.
    """
    detector = _one_view(spec)
    return detector if spec.views == 1 else AugmentedDetector(detector, views=spec.views)


def _one_view(spec: DetectorSpec) -> Detector:
    if spec.weights == "painted":
        return PaintedDetector()
    from detection.predict import MaskRcnnDetector

    wanted = None if spec.min_score is None or spec.views > 1 else dict(spec.min_score)
    return MaskRcnnDetector(Path(spec.weights), device=spec.device, threads=spec.threads, min_score=wanted)


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
