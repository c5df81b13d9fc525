"""Trained weights and training batches -> the ranges by which their large layers are computed in eight bits."""

import itertools
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import TwoMLPHead

from detection.eight_bits import Range, mean_range, measure_ranges
from detection.engines import Engine, Found
from detection.model import ModelSpec, build_model
from training.batches import CropStream

BATCHES = 24
"""About a hundred crops, of every source and resolution."""
BOXES = 40
"""Most boxes of a crop: a town must not outvote the courts."""


def first_images(stream: CropStream) -> Iterator[Tensor]:
    """Yield the images of a training's first batches."""
    return (stream.batch(step)[0] for step in range(BATCHES))


def measure_weights(
    tensors: Mapping[str, Tensor], spec: ModelSpec, batches: Iterable[Tensor]
) -> dict[str, tuple[Range, ...]]:
    """Return what `WeightsRecord.ranges` holds; without masks and second head where the weights find nothing.

    Parameters
    ----------
    tensors : mapping
        The network's weights.
    spec : ModelSpec
    batches : iterable of Tensor of shape (B, 3, S, S)
        Images in 0..1 such as the weights were trained on: `first_images`.
    """
    model = build_model(spec)
    model.load_state_dict({key: value.detach().cpu() for key, value in tensors.items()})
    engine = Engine(model, torch.device("cpu"))
    layers: dict[str, list[nn.Module]] = {
        "pyramid": list(engine.model.backbone.fpn.layer_blocks),
        "proposals": list(engine.model.rpn.head.conv),
    }
    box_head = engine.model.roi_heads.box_head
    if isinstance(box_head, TwoMLPHead):
        layers["boxes"] = [box_head.fc6, box_head.fc7]
    second = engine.model.roi_heads.second
    if second is not None:
        layers["second"] = [second.box_head.fc6, second.box_head.fc7]
    inputs = _Inputs([each for part in layers.values() for each in part])
    regions = []
    with torch.inference_mode():
        for images in batches:
            pyramid, found = engine.find(images)
            inputs.end_batch()
            best = [
                Found(boxes=each.boxes[:BOXES], scores=each.scores[:BOXES], labels=each.labels[:BOXES])
                for each in found
            ]
            if any(len(each.boxes) for each in best):
                regions.append(engine.mask_regions(pyramid, best))
        seen = iter(inputs.seen)
        of_parts = {part: list(itertools.islice(seen, len(own))) for part, own in layers.items()}
        out = {part: tuple(map(mean_range, own)) for part, own in of_parts.items() if all(own)}
        if regions:
            out["masks"] = measure_ranges(engine.model.roi_heads.mask_head, regions)
    return out


class _Inputs:
    """Least and greatest value that reaches some layers, batch by batch; each may be used several times in one."""

    def __init__(self, layers: list[nn.Module]) -> None:
        self.seen: list[list[Range]] = [[] for _ in layers]
        self.now: dict[int, Range] = {}
        for number, layer in enumerate(layers):
            layer.register_forward_pre_hook(lambda _, given, number=number: self._see(number, given[0]))

    def _see(self, number: int, values: Tensor) -> None:
        low, high = self.now.get(number, (0.0, 0.0))
        self.now[number] = min(low, float(values.min())), max(high, float(values.max()))

    def end_batch(self) -> None:
        # A batch in which nothing was found says nothing of the second box head.
        for number, own in self.now.items():
            self.seen[number].append(own)
        self.now = {}
