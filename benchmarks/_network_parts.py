"""The shipped network -> its parts as modules of their own, for other engines to run."""

from collections.abc import Callable

from torch import Tensor, nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN

from detection.engines import fold_norms
from detection.model import build_model
from detection.weights import DEFAULT_WEIGHTS, load_into, read_weights


class Dense(nn.Module):
    """What looks at every pixel: backbone, feature pyramid, the proposals' head."""

    def __init__(self, model: GeneralizedRCNN) -> None:
        super().__init__()
        self.backbone, self.head = model.backbone, model.rpn.head

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return five levels, then five maps of logits, then five of changes."""
        pyramid = list(self.backbone(images).values())
        hidden = [self.head.conv(level) for level in pyramid]
        logits = [self.head.cls_logits(each) for each in hidden]
        return (*pyramid, *logits, *(self.head.bbox_pred(each) for each in hidden))


class BoxHead(nn.Module):
    """What looks at every proposal: two layers, scores and changes."""

    def __init__(self, model: GeneralizedRCNN) -> None:
        super().__init__()
        self.head, self.predictor = model.roi_heads.box_head, model.roi_heads.box_predictor

    def forward(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and changes of regions (N, C, 7, 7)."""
        scores, changes = self.predictor(self.head(regions))
        return scores, changes


class MaskHead(nn.Module):
    """What looks at every box with a mask: convolutions, doubling, the masks of all labels."""

    def __init__(self, model: GeneralizedRCNN) -> None:
        super().__init__()
        self.head, self.predictor = model.roi_heads.mask_head, model.roi_heads.mask_predictor

    def forward(self, regions: Tensor) -> Tensor:
        """Return masks (N, labels, 28, 28) of regions (N, C, 14, 14)."""
        masks: Tensor = self.predictor(self.head(regions)).sigmoid()
        return masks


PARTS: dict[str, Callable[[GeneralizedRCNN], nn.Module]] = {"dense": Dense, "boxes": BoxHead, "masks": MaskHead}


def fresh_network() -> GeneralizedRCNN:
    """Return the shipped network as torchvision has it."""
    weights = read_weights(DEFAULT_WEIGHTS)
    model = build_model(weights.spec)
    load_into(model, weights)
    return model.eval()


def folded(part: str) -> nn.Module:
    """Return a part with its normalisations folded in, to be converted."""
    model = fresh_network()
    fold_norms(model)
    return PARTS[part](model).eval()
