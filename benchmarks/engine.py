"""A 512 px tile with many houses -> processor time of torchvision's own network and of our engine, as JSON."""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from _table import write_row
from numpy.typing import NDArray
from torch import nn
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from detection.engines import Engine
from detection.model import InferenceLimits, build_model
from detection.predict import MaskRcnnDetector
from detection.weights import DEFAULT_WEIGHTS, Weights, load_into, read_weights
from training.render_town import render_town

Result = TypeVar("Result")

TILE_PX = 512
TOWN_SEED = 100
"""Of no town that was trained on."""
TORCHVISIONS = InferenceLimits(proposals=1000, detections=100)
"""What torchvision's networks come with."""


def drawn_town(count: int, *, seed: int = 4) -> NDArray[np.uint8]:
    """Return a tile of about `count` bright roofs with shadows on grassy ground, shape (3, 512, 512)."""
    random = np.random.default_rng(seed)
    image = np.array([96, 108, 80])[:, None, None] + random.normal(0, 9, (3, TILE_PX, TILE_PX))
    side = int(np.ceil(count**0.5))
    lot = TILE_PX // side
    for number in range(count):
        row, col = divmod(number, side)
        height, width = random.integers(lot // 2, int(lot * 0.8) + 1, 2)
        y, x = row * lot + 2, col * lot + 2
        image[:, y + 3 : y + height + 3, x + 3 : x + width + 3] *= 0.4
        tone = random.integers(120, 230) + random.normal(0, 6, (3, 1, 1))
        half = height // 2
        image[:, y : y + half, x : x + width] = tone
        image[:, y + half : y + height, x : x + width] = tone * 0.82
    return image.clip(0, 255).astype(np.uint8)


def rendered_town() -> NDArray[np.uint8]:
    """Return a tile of a town as those that the shipped weights were trained on, shape (3, 512, 512)."""
    image = render_town(size_m=1.1 * TILE_PX * 0.3, gsd_m=0.3, seed=TOWN_SEED).image
    return np.ascontiguousarray(image[:, :TILE_PX, :TILE_PX])


def eager_network(weights: Weights, limits: InferenceLimits) -> GeneralizedRCNN:
    """Return the network as torchvision runs it: its own transform, and masks pasted to the tile."""
    model = build_model(weights.spec, limits=limits)
    load_into(model, weights)
    own = model.transform
    model.transform = GeneralizedRCNNTransform(TILE_PX, TILE_PX, own.image_mean, own.image_std)
    return model.eval()


class Stopwatch:
    """Processor time of each call of some functions and modules, by name, in milliseconds."""

    def __init__(self) -> None:
        self.took: dict[str, list[float]] = {}

    def watch(self, name: str, module: nn.Module) -> None:
        """Time every call of a module from now on."""
        forward = module.forward
        module.forward = lambda *given: self.call(name, forward, *given)

    def call(self, name: str, work: Callable[..., Result], *given: object) -> Result:
        """Return what a function returns, and note how long it took."""
        start = time.process_time()
        result = work(*given)
        self.took.setdefault(name, []).append(1000 * (time.process_time() - start))
        return result

    def medians(self, skip: int) -> dict[str, float]:
        """Return the median of each name's calls, the first few left out."""
        return {name: round(statistics.median(each[skip:]), 1) for name, each in self.took.items()}


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tiles = {"drawn": drawn_town(options.count), "rendered": rendered_town()}
    figures = {name: compare(image, rounds=options.rounds) for name, image in tiles.items()}
    write_row("engine", figures | {"shipped_times_as_fast": figures["drawn"]["shipped_times_as_fast_as"]["eager"]})


def compare(image: NDArray[np.uint8], *, rounds: int) -> dict[str, Any]:
    """Return medians of processor time on one tile, taken in turns, and their ratios."""
    weights = read_weights(DEFAULT_WEIGHTS)
    torchvisions = eager_network(weights, TORCHVISIONS)
    eager = eager_network(weights, InferenceLimits())
    last = eager_network(weights, InferenceLimits()).to(memory_format=torch.channels_last)
    ours = build_model(weights.spec)
    load_into(ours, weights)
    engine = Engine(ours, torch.device("cpu"), ranges=weights.record.ranges)
    shipped = MaskRcnnDetector(DEFAULT_WEIGHTS, device="cpu", threads=1, min_score=weights.record.min_score)
    batch = torch.from_numpy(image)[None].float().div_(255)
    total, parts = Stopwatch(), Stopwatch()
    watch_parts(parts, "eager", eager)
    watch_parts(parts, "ours", engine.model)

    def all_masks() -> int:
        pyramid, found = parts.call("ours: find", engine.find, batch)
        parts.call("ours: masks", engine.masks, pyramid, found)
        return len(found[0].boxes)

    jobs: dict[str, Callable[[], int]] = {
        "eager_torchvisions_limits": lambda: len(torchvisions(list(batch))[0]["boxes"]),
        "eager": lambda: len(eager(list(batch))[0]["boxes"]),
        "eager_channels_last": lambda: len(last(list(batch))[0]["boxes"]),
        "engine": all_masks,
        "shipped": lambda: len(shipped.detect([image])[0].boxes),
    }
    boxes = {}
    with torch.inference_mode():
        for _ in range(rounds + 1):
            for name, job in jobs.items():
                boxes[name] = total.call(name, job)
    took = total.medians(1)
    slow = [name for name in took if name.startswith("eager")]
    return {
        "boxes": boxes,
        "ms": took,
        "parts_ms": parts.medians(1),
        "engine_times_as_fast_as": {name: round(took[name] / took["engine"], 2) for name in slow},
        "shipped_times_as_fast_as": {name: round(took[name] / took["shipped"], 2) for name in slow},
    }


def watch_parts(clock: Stopwatch, whose: str, model: GeneralizedRCNN) -> None:
    """Time the parts that both networks call as modules."""
    heads = model.roi_heads
    parts = {
        "backbone": model.backbone,
        "feature pyramid, of it": model.backbone.fpn,
        "box regions": heads.box_roi_pool,
        "box head": heads.box_head,
        "mask regions": heads.mask_roi_pool,
    }
    if whose == "eager":
        parts |= {"proposals": model.rpn, "all heads": heads}
    for name, module in parts.items():
        clock.watch(f"{whose}: {name}", module)


if __name__ == "__main__":
    main()
