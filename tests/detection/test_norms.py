"""The frozen normalisation gives what torchvision's gives, results and gradients, whatever the layout."""

import pytest
import torch
from torchvision.ops.misc import FrozenBatchNorm2d

from detection.norms import FrozenNorm


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_equals_torchvisions_to_rounding(layout: torch.memory_format) -> None:
    torch.manual_seed(1)
    theirs, ours = FrozenBatchNorm2d(7, eps=1e-3), FrozenNorm(7, eps=1e-3)
    state = {
        "weight": torch.rand(7),
        "bias": torch.randn(7),
        "running_mean": torch.randn(7),
        "running_var": torch.rand(7),
    }
    for norm in (theirs, ours):
        norm.load_state_dict(state)
    one, other = (torch.linspace(-3, 3, 2 * 7 * 5 * 4).view(2, 7, 5, 4).requires_grad_() for _ in range(2))
    expected, found = theirs(one.to(memory_format=layout)), ours(other.to(memory_format=layout))
    assert torch.allclose(found, expected, atol=1e-6)
    assert found.is_contiguous(memory_format=layout)
    for result in (expected, found):
        result.square().sum().backward()
    assert torch.allclose(other.grad, one.grad, rtol=1e-5)
