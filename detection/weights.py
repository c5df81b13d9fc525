"""Weights files: safetensors with a record of what they are; read checked, written small."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from detection.backbones import IMAGENET_MEAN, IMAGENET_STD
from detection.model import ModelSpec
from groundplan.errors import WeightsError
from groundplan.labels import LABEL_IDS, LABELS
from groundplan.tables import read_record
from groundplan.whole import whole_file

DEFAULT_WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "default.safetensors"
"""The one file a release ships."""

_KEY = "groundplan"
"""Name of the metadata entry that holds the record as JSON."""

LEAST_FACTOR = 2.0
"""Of the coarse pass, where a label is looked for in both: their parts are told apart by their tiles' sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsRecord:
    """What a weights file says of itself."""

    name: str
    labels: tuple[str, ...]
    """Labels in the order of the network's outputs, background left out."""
    gsd_m: float
    """Ground sample distance trained for, in metres."""
    min_score: dict[str, float]
    """Recommended threshold per label, 0..1; a label without one was never learned and is not returned."""
    coarse_labels: tuple[str, ...] = ()
    """Labels that are looked for in a second, coarser pass, and only there."""
    large_from_m2: dict[str, float] = field(default_factory=dict)
    """Labels looked for in both passes, and the area in m2 from which on objects of the coarse one count."""
    large_min_score: dict[str, float] = field(default_factory=dict)
    """Threshold of those in the coarse pass, where it is higher than `min_score`."""
    coarse_factor: float = 3.0
    """How many times coarser that pass is."""
    filled_labels: tuple[str, ...] = ()
    """Labels whose masks cover what the objects enclose as well: a running track's whole oval."""
    calibration: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Slope and shift per label that make scores probabilities; see `detection.calibration`. `min_score` is in
    the units of the calibrated score."""
    neighbours: dict[str, float] = field(default_factory=dict)
    """Labels whose objects stand among their like -> how much that counts, see `detection.neighbours`."""
    validation: dict[str, Any] = field(default_factory=dict)
    """What thresholds and calibration were measured on: counts, precision and recall per label."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    """Normalisation of RGB in 0..1."""
    spec: dict[str, Any] = field(default_factory=dict)
    """`ModelSpec` as a table."""
    ranges: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    """Least and greatest value that reaches each layer of ``masks``, of the feature ``pyramid``, of ``proposals``,
    of ``boxes`` and of the ``second`` box head, for `detection.eight_bits`; a part that is missing is computed in
    32 bits."""
    data: tuple[dict[str, Any], ...] = ()
    """What was trained on: name, count, licence and attribution of each source."""
    training: dict[str, Any] = field(default_factory=dict)
    """Options and seed of the run that made the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A weights file that was read and checked."""

    record: WeightsRecord
    sha256: str
    tensors: dict[str, Tensor] = field(repr=False)

    @property
    def spec(self) -> ModelSpec:
        """The network the tensors fit."""
        table = {
            key: list(value) if isinstance(value, tuple) else value for key, value in self.record.spec.items()
        }
        return read_record(ModelSpec, table, where="model spec of the weights")


def resolve_weights(name: str, *, base: Path | None = None) -> Path:
    """Return the file meant by ``default`` or by a path relative to `base`.

    Raises
    ------
    WeightsError
        There is no such file.
    """
    path = DEFAULT_WEIGHTS if name == "default" else (base or Path()) / name
    if not path.is_file():
        raise WeightsError(
            f'no weights file at {path}; give weights = "default" in a checkout that has weights/, or a path'
        )
    return path


def read_record_only(path: Path) -> WeightsRecord:
    """Return a weights file's record without reading its tensors.

    Raises
    ------
    WeightsError
        It is not a safetensors file, or not one of groundplan's.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
    except (SafetensorError, OSError) as err:
        raise WeightsError(f"cannot read {path} as safetensors: {err}; the file may be damaged") from err
    return _parse_record(metadata, path)


def read_weights(path: Path, *, device: Literal["cpu", "meta"] = "cpu") -> Weights:
    """Read weights and their record.

    Returns
    -------
    Weights
        Tensors as float32 whatever the file's precision; on ``meta``, their shapes without numbers, for which
        only the file's header is read.

    Raises
    ------
    WeightsError
        The file is damaged, is not groundplan's, or its labels are not known.
    """
    record = read_record_only(path)
    try:
        with safe_open(path, framework="pt") as stream:
            tensors = {key: _tensor(stream, key, device) for key in stream.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as err:
        raise WeightsError(f"cannot read {path} as safetensors: {err}; the file may be damaged") from err
    tensors = {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(record=record, sha256=digest, tensors=tensors)


def _tensor(stream: Any, key: str, device: str) -> Tensor:
    if device == "cpu":
        return cast(Tensor, stream.get_tensor(key))
    return torch.empty(stream.get_slice(key).get_shape(), device=device)


def write_weights(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], record: WeightsRecord, *, half: bool = True
) -> None:
    """Write weights, by default as float16, which halves the file and moves scores by less than 0.002."""
    small = {
        key: (
            value.detach().cpu().half() if half and value.is_floating_point() else value.detach().cpu()
        ).contiguous()
        for key, value in sorted(tensors.items())
    }
    _save(path, small, record)


def rewrite_record(path: Path, record: WeightsRecord, out: Path) -> None:
    """Write a copy of a weights file with another record; the tensors stay as they are, to the bit.

    Raises
    ------
    WeightsError
        The file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            tensors = {key: stream.get_tensor(key) for key in sorted(stream.keys())}
    except (SafetensorError, OSError) as err:
        raise WeightsError(f"cannot read {path} as safetensors: {err}; the file may be damaged") from err
    _save(out, tensors, record)


def _save(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], record: WeightsRecord) -> None:
    text = json.dumps(dataclasses.asdict(record), sort_keys=True, ensure_ascii=False)
    with whole_file(path) as part:
        # One entry: safetensors writes several in an order that changes from call to call.
        save_file(dict(tensors), part, metadata={_KEY: text})


def _parse_record(metadata: Mapping[str, str], path: Path) -> WeightsRecord:
    if _KEY not in metadata:
        raise WeightsError(f"{path} has no groundplan record; use weights written by `groundplan train`")
    try:
        record = read_record(WeightsRecord, json.loads(metadata[_KEY]), where=f"record of {path.name}")
    except ValueError as err:
        raise WeightsError(f"{path}: {err}") from err
    unknown = [label for label in record.labels if label not in LABEL_IDS]
    if unknown:
        raise WeightsError(
            f"{path} was made for other labels ({', '.join(unknown)}); groundplan knows {', '.join(LABELS)}"
        )
    wrong = wrong_passes(
        record.coarse_labels, record.large_from_m2, record.large_min_score, coarse_factor=record.coarse_factor
    )
    if wrong:
        raise WeightsError(f"{path}: {wrong}")
    return record


def wrong_passes(
    coarse_labels: Collection[str],
    large_from_m2: Mapping[str, float],
    large_min_score: Mapping[str, float],
    *,
    coarse_factor: float,
) -> str:
    """Return what is wrong with the labels of two passes, and what to do, or nothing.

    Parameters
    ----------
    coarse_labels, large_from_m2, large_min_score, coarse_factor
        As in `WeightsRecord`; areas in m2, scores 0..1.
    """
    for label, m2 in large_from_m2.items():
        if not m2 > 0:
            return f"large_from_m2 of {label} is {m2:g}; give an area above 0"
        if label in coarse_labels:
            return f"{label} is in coarse_labels and in large_from_m2; name it in one of them"
    more = sorted(set(large_min_score) - set(large_from_m2))
    if more:
        return f"large_min_score names {more[0]}, which large_from_m2 does not; name it in both or neither"
    if large_from_m2 and coarse_factor < LEAST_FACTOR:
        return f"coarse_factor is {coarse_factor:g}; with large_from_m2 give {LEAST_FACTOR:g} or more"
    return ""


def load_into(model: torch.nn.Module, weights: Weights) -> None:
    """Copy tensors into a model of the same form.

    Raises
    ------
    WeightsError
        Names or shapes differ.
    """
    try:
        model.load_state_dict(weights.tensors, strict=True)
    except RuntimeError as err:
        first = str(err).splitlines()[1].strip() if "\n" in str(err) else str(err)
        raise WeightsError(f"weights {weights.record.name!r} do not fit the model: {first}") from err
