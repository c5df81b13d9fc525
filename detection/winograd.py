"""A 3 x 3 convolution -> the same in a quarter of the multiplications: Winograd's, on tiles of 4 x 4 results."""

import torch
from torch import Tensor, nn

STEP, WINDOW = 4, 6
"""Results along each side of a tile, and the inputs that they are made of."""
LEAST_CHANNELS = 64
"""Below this the transforms cost more than the multiplications that they save."""
BAND_TILES = 256
"""Tiles that are worked on together: more of them no longer fit the processor's cache."""

# Lavin and Gray's F(4, 3): results = BACK @ ((KERNEL @ weights) * (INTO @ inputs)), along each axis.
_INTO = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_KERNEL = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))  # of 24
_BACK = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))


class WinogradConv(nn.Module):
    """Computes what a 3 x 3 convolution of stride 1 and padding 1 does, to rounding; for inference on a CPU.

    36 products for 16 results take the place of 144. Rows are transformed by small products of matrices; columns
    by sums of whole arrays, whose 36 results are then one batch of large products.

    Parameters
    ----------
    conv : Conv2d
        One that `fits`.

    References
    ----------
    Lavin and Gray 2016, https://doi.org/10.1109/CVPR.2016.435.
    """

    into: Tensor
    back: Tensor
    kernel: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        turn = torch.tensor(_KERNEL, dtype=torch.float64) / 24
        kernel = torch.einsum("ap,bq,oipq->baio", turn, turn, conv.weight.detach().double())
        self.register_buffer("kernel", kernel.float().contiguous())
        self.register_buffer("bias", torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach())
        self.register_buffer("into", torch.tensor(_INTO, dtype=torch.float32))
        self.register_buffer("back", torch.tensor(_BACK, dtype=torch.float32))

    def forward(self, images: Tensor) -> Tensor:
        """Return the convolution of float32 images (N, C, H, W), channels last."""
        count, channels, height, width = images.shape
        # The images stand on top of each other, a row of zeros at least between them, each on whole tiles.
        pitch = height if count == 1 else -(-(height + 1) // STEP) * STEP
        high, wide = -(-count * pitch // STEP), -(-width // STEP)
        stacked = images.new_zeros(high * STEP + 2, wide * STEP + 2, channels)
        rows = stacked[1 : 1 + count * pitch].unflatten(0, (count, pitch))
        rows[:, :height, 1 : 1 + width] = images.permute(0, 2, 3, 1)
        out = images.new_empty(high * STEP, wide * STEP, self.kernel.shape[-1])
        band = max(1, BAND_TILES // wide)
        for first in range(0, high, band):
            n = min(band, high - first)
            results = out[first * STEP : (first + n) * STEP]
            self._convolve(stacked[first * STEP : (first + n) * STEP + 2], results)
        return out[: count * pitch].unflatten(0, (count, pitch))[:, :height, :width].permute(0, 3, 1, 2)

    def _convolve(self, rows: Tensor, out: Tensor) -> None:
        """Write the results of a band, shape (4 n, 4 m, O), from its rows, shape (4 n + 2, 4 m + 2, C)."""
        high, wide, filters = out.shape[0] // STEP, out.shape[1] // STEP, out.shape[2]
        windows = rows.flatten(1).unfold(0, WINDOW, STEP).transpose(1, 2)
        turned = torch.bmm(self.into.expand(high, -1, -1), windows)
        turned = turned.view(high, WINDOW, *rows.shape[1:]).transpose(0, 1)
        inputs = _columns_into(turned, wide).view(WINDOW**2, high * wide, -1)
        products = torch.bmm(inputs, self.kernel.flatten(0, 1)).view(WINDOW, WINDOW, high, wide, filters)
        # What is added at the point 1 of both axes is in all 16 results.
        products[1, 1] += self.bias
        columns = _columns_back(products).view(WINDOW, high, -1).transpose(0, 1)
        torch.bmm(self.back.expand(high, -1, -1), columns, out=out.view(high, STEP, -1))


def _columns_into(rows: Tensor, wide: int) -> Tensor:
    """Return `_INTO` along the columns of shape (..., 4 m + 2, C), with the six results first."""
    c0, c1, c2, c3, c4, c5 = (rows[..., at : at + STEP * wide - 3 : STEP, :] for at in range(WINDOW))
    out = rows.new_empty(WINDOW, *c0.shape)
    even, odd = torch.sub(c4, c2, alpha=4), torch.sub(c3, c1, alpha=4)
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.sub(c4, c2, out=even)
    torch.sub(c3, c1, out=odd)
    torch.add(even, odd, alpha=2, out=out[3])
    torch.sub(even, odd, alpha=2, out=out[4])
    torch.add(even, torch.sub(c0, c2), alpha=4, out=out[0])
    torch.sub(torch.sub(c5, c3), odd, alpha=4, out=out[5])
    return out


def _columns_back(products: Tensor) -> Tensor:
    """Return `_BACK` along the first axis of shape (6, ..., m, O), as columns of shape (..., m, 4, O)."""
    p0, p1, p2, p3, p4, p5 = products
    out = products.new_empty(*p0.shape[:-1], STEP, p0.shape[-1])
    ones, twos = p1 + p2, p3 + p4
    torch.add(p0 + ones, twos, out=out[..., 0, :])
    torch.add(ones, twos, alpha=4, out=out[..., 2, :])
    torch.sub(p1, p2, out=ones)
    torch.sub(p3, p4, out=twos)
    torch.add(ones, twos, alpha=2, out=out[..., 1, :])
    torch.add(p5 + ones, twos, alpha=8, out=out[..., 3, :])
    return out


def fits(conv: nn.Conv2d) -> bool:
    """Return whether a convolution can be computed so, and gains by it."""
    return (
        (conv.kernel_size, conv.stride, conv.padding, conv.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
        and conv.groups == 1
        and min(conv.in_channels, conv.out_channels) >= LEAST_CHANNELS
    )


def use_winograd(module: nn.Module) -> None:
    """Put a `WinogradConv` in place of every convolution of a network that `fits`."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d) and fits(child):
            setattr(module, name, WinogradConv(child))
        else:
            use_winograd(child)
