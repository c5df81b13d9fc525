"""Features of a training batch -> the same in the styles of other images of it: other sensors, places, seasons."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from groundplan.errors import WeightsError

MIXED_SHARE = 0.5
"""Of the batches at each layer."""
BETA = 0.1
"""Of the Beta distribution of what an image keeps of its own: mostly all of it or nothing."""


class MixedStyles:
    """A forward hook that exchanges, between the images of a batch, the mean and spread of each channel.

    In early layers these tell surveys apart - by light, haze, contrast, sharpness - and the patterns around them
    tell a roof from a road. The network then sees every place's patterns in every other's style.

    References
    ----------
    Zhou et al. 2021, Domain generalization with MixStyle, https://arxiv.org/abs/2104.02008.
    """

    def __call__(self, module: nn.Module, _inputs: tuple[Tensor, ...], x: Tensor) -> Tensor:
        """Return features of shape (N, C, H, W); as they are at inference, and in half of the batches.

        Random numbers are drawn from torch's own generator, which a training ties to the step.
        """
        if not module.training or len(x) < 2 or float(torch.rand(())) >= MIXED_SHARE:
            return x
        other = torch.randperm(len(x))
        own = torch.distributions.Beta(BETA, BETA).sample((len(x), 1, 1, 1)).to(x)
        # The style is taken as it is: no gradient goes through it, or layers below could learn to hide it.
        mean = x.mean(dim=(2, 3), keepdim=True).detach()
        spread = (x.var(dim=(2, 3), keepdim=True).detach() + 1e-6).sqrt()
        new_mean = own * mean + (1 - own) * mean[other]
        new_spread = own * spread + (1 - own) * spread[other]
        return (x - mean) / spread * new_spread + new_mean


def mix_styles(backbone: nn.Module, layers: Sequence[str]) -> None:
    """Let the named layers of a backbone mix styles in training.

    Parameters
    ----------
    backbone : Module
        It is changed in place.
    layers : sequence of str
        As `named_modules` names them; early ones, whose features are of shape (N, C, H, W).

    Raises
    ------
    WeightsError
        The backbone has no such layer.
    """
    named = dict(backbone.named_modules())
    for name in layers:
        if name not in named:
            near = ", ".join(sorted(each for each in named if each.count(".") == name.count(".") and each)[:12])
            raise WeightsError(f"mixed_styles names {name!r}; this backbone has {near}, ...")
        named[name].register_forward_hook(MixedStyles())
