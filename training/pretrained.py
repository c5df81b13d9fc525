"""Weights from elsewhere (ImageNet backbones, whole COCO detectors) -> a model that starts from them."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from detection.backbones import BACKBONES, PyramidBackbone
from detection.model import ModelSpec
from detection.weights import Weights, load_into
from groundplan.errors import WeightsError

MIN_FITTING = 0.5
"""A file of which fewer of the model's tensors can be taken was made for something else."""


def is_feature(name: str) -> bool:
    """Return whether a tensor of a detector belongs to its backbone's features, under the pyramid."""
    return name.startswith("backbone.") and not name.startswith("backbone.fpn.")


def load_start(model: GeneralizedRCNN, weights: Weights) -> None:
    """Copy weights from which a training goes on; a second box head that they lack begins as a copy of the first.

    Raises
    ------
    WeightsError
        Names or shapes differ otherwise.
    """
    heads = model.roi_heads
    own = {key for key in model.state_dict() if key.startswith("roi_heads.second.")}
    if own and own.isdisjoint(weights.tensors) and isinstance(heads.box_head, TwoMLPHead):
        second, heads.second = heads.second, None
        load_into(model, weights)
        heads.second = second
        second.begin_like(heads.box_head, heads.box_predictor)
    else:
        load_into(model, weights)


def load_backbone(model: GeneralizedRCNN, path: Path, *, spec: ModelSpec) -> None:
    """Copy ImageNet features into the backbone; the classifier's own layers are left out.

    Raises
    ------
    WeightsError
        The file is missing or unreadable, or does not fill every layer of the features.
    """
    backbone = model.backbone
    assert isinstance(backbone, PyramidBackbone)
    tensors = {backbone.own_key(key): value for key, value in read_state(path).items()}
    own = backbone.state_dict()
    fitting = {key: tensors[key] for key in own if key in tensors and tensors[key].shape == own[key].shape}
    lacking = [key for key in own if key not in fitting and not key.startswith("fpn.")]
    if lacking:
        raise WeightsError(
            f"{path} lacks {lacking[0]} and {len(lacking) - 1} more; backbone {spec.backbone!r} needs weights of "
            f"{BACKBONES[spec.backbone].imagenet}"
        )
    backbone.load_state_dict(fitting, strict=False)


def load_heads(model: GeneralizedRCNN, path: Path) -> None:
    """Copy a detector's pyramid and heads, so that another backbone need not begin with random ones.

    The pyramid's layers on the backbone, which are made for its features, stay as they are.

    Raises
    ------
    WeightsError
        The file is missing or unreadable, or its heads are of another form.
    """
    taken = ("backbone.fpn.layer_blocks.", "rpn.", "roi_heads.")
    own = {key: value for key, value in model.state_dict().items() if key.startswith(taken)}
    tensors = read_state(path)
    fitting = {key: tensors[key] for key in own if key in tensors and tensors[key].shape == own[key].shape}
    # Another backbone may have more levels of its own.
    lacking = [key for key in own if key not in fitting and not key.startswith("backbone.")]
    if lacking:
        raise WeightsError(
            f"{path} has no {lacking[0]} of shape {tuple(own[lacking[0]].shape)}; heads_from needs weights of the "
            "same heads, labels and widths"
        )
    model.load_state_dict(fitting, strict=False)


def load_fitting(model: GeneralizedRCNN, path: Path) -> list[str]:
    """Copy every tensor of a detector's state dict that has the model's name and shape.

    Torchvision's ``maskrcnn_resnet50_fpn_v2`` fits whole but for the predictors, which know other labels.

    Returns
    -------
    list of str
        The model's tensors that stay as they were.

    Raises
    ------
    WeightsError
        The file is missing or unreadable, or hardly anything of it fits.
    """
    tensors = read_state(path)
    own = model.state_dict()
    fitting = {key: tensors[key] for key in own if key in tensors and tensors[key].shape == own[key].shape}
    if len(fitting) < MIN_FITTING * len(own):
        raise WeightsError(
            f"only {len(fitting)} of {len(own)} tensors of {path} fit the model; for torchvision's "
            'maskrcnn_resnet50_fpn_v2 set [model] backbone = "resnet50", heads = "large", fpn_channels = 256, '
            "box_channels = 1024, mask_convs = 4"
        )
    model.load_state_dict(fitting, strict=False)
    return sorted(set(own) - set(fitting))


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, or of a .pth file without running any code in it.

    Raises
    ------
    WeightsError
        The file is missing, damaged, or holds other things than tensors.
    """
    if not path.is_file():
        raise WeightsError(f"no weights at {path}; give a .pth or .safetensors file of tensors")
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as err:
        reason = (str(err).splitlines() or [type(err).__name__])[0]
        raise WeightsError(f"cannot read {path}: {reason}; give a state dict (.pth) or .safetensors") from err
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} is no state dict of tensors; save model.state_dict()")
    return state
