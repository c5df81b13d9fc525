"""Trained weights and training batches -> the ranges by which their masks are computed in eight bits."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from detection.eight_bits import Range, measure_ranges
from detection.engines import Engine, Found
from detection.model import ModelSpec, build_model

BATCHES = 24
"""Batches that are looked at: about a hundred crops of every source and resolution."""
BOXES = 40
"""Most boxes of a crop: a town must not outvote the courts."""


def measure_mask_ranges(
    tensors: Mapping[str, Tensor], spec: ModelSpec, batches: Iterable[Tensor]
) -> tuple[Range, ...]:
    """Return what `WeightsRecord.mask_ranges` holds; empty where the weights find nothing.

    Parameters
    ----------
    tensors : mapping
        The network's weights.
    spec : ModelSpec
    batches : iterable of Tensor of shape (B, 3, S, S)
        Images in 0..1 such as the weights were trained on.
    """
    model = build_model(spec)
    model.load_state_dict({key: value.detach().cpu() for key, value in tensors.items()})
    engine = Engine(model, torch.device("cpu"))
    regions = []
    with torch.inference_mode():
        for images in batches:
            pyramid, found = engine.find(images.cpu())
            best = [
                Found(boxes=each.boxes[:BOXES], scores=each.scores[:BOXES], labels=each.labels[:BOXES])
                for each in found
            ]
            if any(len(each.boxes) for each in best):
                regions.append(engine.mask_regions(pyramid, best))
        return measure_ranges(engine.model.roi_heads.mask_head, regions) if regions else ()
