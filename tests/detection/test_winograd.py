"""Winograd's convolution gives what torch's gives, for every size, and takes the place of those it fits only."""

import pytest
import torch
from torch import nn

from detection.winograd import BAND_TILES, WinogradConv, fits, use_winograd


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (1, 4, 4), (1, 37, 50), (2, 8, 5), (5, 14, 14), (1, 9, 4 * BAND_TILES + 3)]
)
@pytest.mark.parametrize("bias", [True, False])
def test_winograd_convolves_as_torch_does(shape: tuple[int, int, int], bias: bool) -> None:
    count, height, width = shape
    torch.manual_seed(height)
    conv = nn.Conv2d(5, 7, 3, padding=1, bias=bias)
    images = torch.randn(count, 5, height, width).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected, found = conv(images), WinogradConv(conv)(images)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=2e-5)


def test_an_images_result_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(1)
    conv = WinogradConv(nn.Conv2d(8, 8, 3, padding=1))
    images = torch.randn(3, 8, 14, 14)
    with torch.inference_mode():
        assert torch.allclose(conv(images)[1:2], conv(images[1:2]), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "fit"),
    [
        ({"kernel_size": 3, "padding": 1}, True),
        ({"kernel_size": 3, "padding": 0}, False),
        ({"kernel_size": 3, "padding": 1, "stride": 2}, False),
        ({"kernel_size": 3, "padding": 1, "dilation": 2}, False),
        ({"kernel_size": 3, "padding": 1, "groups": 64}, False),
        ({"kernel_size": 1}, False),
    ],
)
def test_only_plain_convolutions_of_many_channels_are_replaced(options: dict[str, int], fit: bool) -> None:
    conv = nn.Conv2d(64, 64, **options)  # type: ignore[arg-type]
    assert fits(conv) is fit
    assert not fits(nn.Conv2d(32, 64, 3, padding=1))
    network = nn.Sequential(nn.Sequential(conv))
    use_winograd(network)
    assert isinstance(network[0][0], WinogradConv) is fit  # type: ignore[index]
