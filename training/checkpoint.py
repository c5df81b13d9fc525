"""A training run's state <-> its checkpoint, from which it goes on as if it had not been stopped."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from groundplan.errors import WeightsError
from groundplan.whole import whole_file

LOSSES = ("loss_objectness", "loss_rpn_box_reg", "loss_classifier", "loss_box_reg", "loss_mask")
"""What the model returns in training, in the order in which it is kept."""


@dataclass(slots=True)
class TrainState:
    """What a run has at one moment."""

    model: GeneralizedRCNN
    average: dict[str, Tensor]
    optimizer: torch.optim.Optimizer
    step: int
    history: list[tuple[float, ...]]
    """Losses of every step so far, in the order of `LOSSES`."""


def save_checkpoint(state: TrainState, path: Path) -> None:
    """Write everything a resumed run needs as safetensors: nothing that could run code when read."""
    flat = {f"model.{key}": value.cpu() for key, value in state.model.state_dict().items()}
    flat |= {f"average.{key}": value.cpu() for key, value in state.average.items()}
    kept = state.optimizer.state_dict()["state"]
    for number, entries in kept.items():
        flat |= {f"optimizer.{number}.{key}": torch.as_tensor(value).cpu() for key, value in entries.items()}
    flat["history"] = torch.tensor(state.history, dtype=torch.float32).reshape(-1, len(LOSSES))
    with whole_file(path) as part:
        save_file(
            {key: value.contiguous().clone() for key, value in flat.items()},
            part,
            metadata={"step": str(state.step)},
        )


def resume(state: TrainState, path: Path) -> None:
    """Put a run back to where its checkpoint was written.

    Raises
    ------
    WeightsError
        Other layers learned then than do now, or at other rates.
    """
    with safe_open(path, framework="pt") as stream:
        flat = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 - not a mapping
        state.step = int(stream.metadata()["step"])
    # Checkpoints of older runs have no history; it then begins here.
    state.history = [tuple(row) for row in flat.pop("history", torch.empty(0, len(LOSSES))).tolist()]
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}}
    for key, value in flat.items():
        kind, _, rest = key.partition(".")
        parts[kind][rest] = value
    state.model.load_state_dict(parts["model"])
    for key, value in parts["average"].items():
        state.average[key].copy_(value)
    now = [parameter.shape for group in state.optimizer.param_groups for parameter in group["params"]]
    then = {int(key.partition(".")[0]): value.shape for key, value in parts["optimizer"].items() if value.ndim}
    # What has had no gradient so far is not among them.
    if any(number >= len(now) or shape != now[number] for number, shape in then.items()):
        raise WeightsError(
            f"{path} was written with another backbone_rate or backbone_frozen; put them back, or delete it to "
            "start over"
        )
    table = state.optimizer.state_dict()
    table["state"] = {}
    for key, value in parts["optimizer"].items():
        number, _, name = key.partition(".")
        table["state"].setdefault(int(number), {})[name] = value
    state.optimizer.load_state_dict(table)


def read_history(checkpoint: Path) -> list[tuple[float, ...]]:
    """Return the losses of every step of a run, in the order of `LOSSES`; empty without a checkpoint."""
    if not checkpoint.is_file():
        return []
    with safe_open(checkpoint, framework="pt") as stream:
        if "history" not in stream.keys():  # noqa: SIM118 - not a mapping
            return []
        return [tuple(row) for row in stream.get_tensor("history").tolist()]
