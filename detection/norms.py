"""A normalisation with fixed statistics, in one pass over its input."""

import torch
from torch import Tensor
from torchvision.ops.misc import FrozenBatchNorm2d


class FrozenNorm(FrozenBatchNorm2d):
    """Torchvision's multiplies, keeps the product, and adds; in one operation that touches half the memory."""

    def forward(self, x: Tensor) -> Tensor:
        """Return images of shape (N, C, H, W), scaled and shifted by channel."""
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return torch.addcmul(shift[:, None, None], x, scale[:, None, None])
