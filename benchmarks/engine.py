"""A 512 px tile with many houses -> processor time of torchvision's own network and of our engine, as JSON."""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from _table import write_row
from numpy.typing import NDArray

from detection.engines import Engine
from detection.model import build_model
from detection.predict import MaskRcnnDetector
from detection.weights import DEFAULT_WEIGHTS, load_into, read_weights

TILE_PX = 512


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


def main() -> None:
    """Print the figures as one line of JSON and keep them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    weights = read_weights(DEFAULT_WEIGHTS)
    eager = build_model(weights.spec)
    load_into(eager, weights)
    eager.eval().to(memory_format=torch.channels_last)
    same = build_model(weights.spec)
    load_into(same, weights)
    engine = Engine(same, torch.device("cpu"))
    shipped = MaskRcnnDetector(DEFAULT_WEIGHTS, device="cpu", threads=1, min_score=weights.record.min_score)
    image = drawn_town(options.count)
    batch = torch.from_numpy(image)[None].float().div_(255)

    def all_masks() -> int:
        pyramid, found = engine.find(batch)
        engine.masks(pyramid, found)
        return len(found[0].boxes)

    jobs: dict[str, Callable[[], int]] = {
        "eager": lambda: len(eager(list(batch))[0]["boxes"]),
        "engine": all_masks,
        "shipped": lambda: len(shipped.detect([image])[0].boxes),
    }
    times: dict[str, list[float]] = {name: [] for name in jobs}
    counts = {}
    with torch.inference_mode():
        for _ in range(options.rounds + 1):
            for name, job in jobs.items():
                start = time.process_time()
                counts[name] = job()
                times[name].append(time.process_time() - start)
    took = {name: statistics.median(each[1:]) for name, each in times.items()}
    write_row(
        "engine",
        {
            "boxes_at_0.05": counts["eager"],
            "boxes_at_thresholds": counts["shipped"],
            "eager_ms": round(took["eager"] * 1000),
            "engine_same_boxes_ms": round(took["engine"] * 1000),
            "shipped_ms": round(took["shipped"] * 1000),
            "engine_same_boxes_times_as_fast": round(took["eager"] / took["engine"], 2),
            "shipped_times_as_fast": round(took["eager"] / took["shipped"], 2),
        },
    )


if __name__ == "__main__":
    main()
