"""A folder of tiny chips and a file that trains on them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from training.chips import ChipWriter, Instance

SMALL: dict[str, Any] = {"fpn_channels": 16, "box_channels": 16, "mask_convs": 1}


def write_training(
    folder: Path,
    *,
    steps: int = 2,
    batch_px: int = 4096,
    model: dict[str, object] | None = None,
    **more: object,
) -> Path:
    writer = ChipWriter(folder / "chips")
    rng = np.random.default_rng(0)
    for number in range(3):
        image = rng.integers(60, 90, (96, 96, 3)).astype(np.uint8)
        image[20:50, 30:70] = (200, 80, 60)
        ring = np.array([[30, 20], [70, 20], [70, 50], [30, 50]], float)
        writer.add(
            image, [Instance(label="building", rings=(ring,))], name=f"c{number}", gsd_m=0.3,
            split="val" if number == 2 else "train", source="own", complete=frozenset({"building"}),
        )  # fmt: skip
    writer.close(description="test")
    lines = [
        'name = "tiny"', 'chips = ["chips"]', 'out = "tiny.safetensors"', 'checkpoint = "tiny.checkpoint"',
        f"steps = {steps}", "workers = 0", "crop_px = [64]", "crop_share = [1.0]", "warmup_steps = 1",
        "checkpoint_every_s = 0.0", 'device = "cpu"',
    ]  # fmt: skip
    lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
    lines += ["[batch]", f"batch_px = {batch_px}"]
    lines += ["[model]", *(f"{key} = {json.dumps(value)}" for key, value in (model or SMALL).items())]
    (folder / "training.toml").write_text("\n".join(lines))
    return folder / "training.toml"
