"""Exchange of styles in training: statistics move between the images of a batch, patterns stay."""

import pytest
import torch
from torch import nn

from groundplan.errors import WeightsError
from training.styles import MixedStyles, mix_styles


def batch():
    generator = torch.Generator().manual_seed(3)
    pattern = torch.randn((4, 5, 12, 12), generator=generator)
    spread = torch.tensor([0.5, 1.0, 2.0, 4.0])[:, None, None, None]
    return pattern * spread + torch.tensor([-3.0, 0.0, 1.0, 7.0])[:, None, None, None]


def standardised(x):
    return (x - x.mean(dim=(2, 3), keepdim=True)) / x.std(dim=(2, 3), keepdim=True, correction=1)


def mixed(seed, x):
    torch.manual_seed(seed)
    return MixedStyles()(nn.Identity().train(), (), x)


def test_patterns_stay_and_statistics_are_between_those_of_two_images():
    x = batch()
    changed = [y for y in (mixed(seed, x) for seed in range(20)) if not torch.equal(y, x)]
    assert 4 < len(changed) < 16  # half of the batches
    mean = x.mean(dim=(2, 3))
    for y in changed:
        assert torch.allclose(standardised(y), standardised(x), atol=1e-3)
        new = y.mean(dim=(2, 3))
        assert (new <= mean.amax(dim=0) + 1e-4).all()
        assert (new >= mean.amin(dim=0) - 1e-4).all()
    assert any(not torch.allclose(y.mean(dim=(2, 3)), mean, atol=0.1) for y in changed)


def test_a_seed_gives_one_exchange():
    x = batch()
    assert all(torch.equal(mixed(seed, x), mixed(seed, x)) for seed in range(6))


def test_nothing_is_exchanged_at_inference_or_within_one_image():
    x = batch()
    for seed in range(10):
        torch.manual_seed(seed)
        assert torch.equal(MixedStyles()(nn.Identity().eval(), (), x), x)
        assert torch.equal(mixed(seed, x[:1]), x[:1])


def test_no_gradient_goes_through_the_styles():
    for seed in range(20):
        x = batch().requires_grad_()
        y = mixed(seed, x)
        if not torch.equal(y, x):
            break
    y.square().sum().backward()
    with torch.no_grad():
        stretched = (y - y.mean(dim=(2, 3), keepdim=True)) / (x - x.mean(dim=(2, 3), keepdim=True))
        # As if the styles were constants; through them, each pixel of a channel would have a share in all others.
        assert torch.allclose(x.grad, 2 * y * stretched, rtol=1e-2, atol=1e-2)


def test_layers_that_are_not_there_are_refused():
    backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    mix_styles(backbone, ["0"])
    assert len(backbone[0]._forward_hooks) == 1
    with pytest.raises(WeightsError, match="mixed_styles names '7'; this backbone has 0, 1"):
        mix_styles(backbone, ["7"])
