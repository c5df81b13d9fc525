"""A feature pyramid and boxes -> a small grid of features per box: RoIAlign as one weighted gather."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads

SAMPLES = 2
"""Points along each side of a cell whose mean is its value; 2 as in He et al. 2017, section 3."""
CANONICAL_PX, CANONICAL_LEVEL = 224.0, 4
"""A box with sides of 224 px belongs to level 4, of stride 16: Lin et al. 2017, equation 1."""


class FlatPyramid(dict[str, Tensor]):
    """A feature pyramid whose features are laid behind each other once, for all that gather from it."""

    @cached_property
    def rows(self) -> Tensor:
        """Features of all levels, finest first: (sum of B H W, C)."""
        return torch.cat([level.permute(0, 2, 3, 1).flatten(0, 2) for level in self.values()])


class RegionAlign(nn.Module):
    """Aligns regions as torchvision's ``MultiScaleRoIAlign`` does, to rounding, several times as fast on a CPU.

    Every output cell is a weighted sum of 16 feature vectors (four points, each between four pixels). With the
    channels last these vectors lie whole in memory, and ``embedding_bag`` sums them a vector at a time, where
    torchvision's kernel goes through the channels one by one. The way back gains as much: torchvision's takes a
    fifth of a training step.

    Parameters
    ----------
    cells : int
        Cells along each side of the result.
    strides : sequence of int
        Pixels per feature of each level, finest first, each twice the one before.

    References
    ----------
    He et al. 2017, https://doi.org/10.1109/ICCV.2017.322; Lin et al. 2017, https://doi.org/10.1109/CVPR.2017.106.
    """

    def __init__(self, cells: int, *, strides: Sequence[int]) -> None:
        super().__init__()
        self.cells, self.strides = cells, tuple(strides)

    @classmethod
    def replace_in(cls, heads: RoIHeads) -> None:
        """Put one in place of each of the heads' poolers; it has no weights, so nothing else changes."""
        for name in ("box_roi_pool", "mask_roi_pool"):
            pool = getattr(heads, name)
            strides = [4 * 2**number for number in range(len(pool.featmap_names))]
            setattr(heads, name, cls(pool.output_size[0], strides=strides))

    def forward(self, pyramid: Mapping[str, Tensor], boxes: Sequence[Tensor], image_shapes: object) -> Tensor:
        """Return features of all boxes, image after image, shape (sum of N, C, cells, cells), channels last.

        Parameters
        ----------
        pyramid : mapping of str to Tensor of shape (B, C, H, W)
            Finest level first; levels beyond the strides are not looked at. A `FlatPyramid` saves its copy.
        boxes : sequence of Tensor of shape (N, 4)
            One per image: x1, y1, x2, y2 in pixels.
        image_shapes : object
            Not needed; torchvision's heads hand it over.
        """
        levels = [level for level, _ in zip(pyramid.values(), self.strides, strict=False)]
        channels = levels[0].shape[1]
        table = pyramid.rows if isinstance(pyramid, FlatPyramid) else FlatPyramid(pyramid).rows
        sizes = torch.tensor([level.shape[2:] for level in levels])
        starts = torch.tensor([0] + [level.shape[0] * level.shape[2] * level.shape[3] for level in levels]).cumsum(
            0
        )
        every = torch.cat(tuple(boxes))
        image = torch.repeat_interleave(torch.arange(len(boxes)), torch.tensor([len(each) for each in boxes]))
        level = self._levels(every)
        high, wide = sizes[level].T
        scaled = every / torch.tensor(self.strides, dtype=every.dtype)[level][:, None]
        cols, col_weights = self._axis(scaled[:, 0], scaled[:, 2], wide)
        rows, row_weights = self._axis(scaled[:, 1], scaled[:, 3], high)
        first = (starts[level] + image * high * wide)[:, None, None]
        # In 32 bits: there are sixteen places for each cell of each box.
        rows, cols = (rows * wide[:, None, None] + first).int(), cols.int()
        places = (_each(rows)[:, :, None] + _all(cols)[:, None]).flatten(0, 2)
        weights = (_each(row_weights)[:, :, None] * _all(col_weights)[:, None]).flatten(0, 2)
        found = F.embedding_bag(places, table, mode="sum", per_sample_weights=weights)
        return found.view(len(every), self.cells, self.cells, channels).permute(0, 3, 1, 2)

    def _levels(self, boxes: Tensor) -> Tensor:
        side = torch.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
        wanted = torch.floor(CANONICAL_LEVEL + torch.log2(side / CANONICAL_PX) + 1e-6)
        finest = self.strides[0].bit_length() - 1
        return wanted.clamp(finest, finest + len(self.strides) - 1).long() - finest

    def _axis(self, low: Tensor, high: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
        """Return places and weights along one axis, both of shape (N, cells, 2 * SAMPLES)."""
        # torchvision's kernel takes boxes below one feature as one feature wide.
        step = (high - low).clamp(min=1.0) / self.cells
        at = low[:, None] + (torch.arange(self.cells * SAMPLES) + 0.5) / SAMPLES * step[:, None]
        last = (limit - 1)[:, None]
        inside = (at >= -1) & (at <= limit[:, None])
        at = torch.minimum(at.clamp(min=0), last.to(at.dtype))
        before = at.long()
        after = torch.minimum(before + 1, last)
        share = at - before
        weights = torch.stack((1 - share, share), dim=-1) * (inside[..., None] / SAMPLES)
        shape = (len(low), self.cells, 2 * SAMPLES)
        return torch.stack((before, after), dim=-1).view(shape), weights.view(shape)


def _each(axis: Tensor) -> Tensor:
    """Repeat each of a cell's four numbers along one axis for the four along the other: (N, cells, 4) -> 16."""
    return axis[..., :, None].expand(*axis.shape, axis.shape[-1]).flatten(-2)


def _all(axis: Tensor) -> Tensor:
    """Repeat all of them: what is then added lies side by side in memory, sixteen to a cell."""
    return axis[..., None, :].expand(*axis.shape, axis.shape[-1]).flatten(-2)
