"""Weights, the demo region and the data collection -> the pictures in docs/; `make pictures` draws them."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from detection.load import load_detector, resolve_spec
from groundplan.labels import LABELS
from groundplan.whole import whole_file
from pipeline.chip_rows import run_in_folder
from pipeline.mosaic import run_region_features
from pipeline.run import RunOptions
from training import places
from training.chips import Chip, read_chips, read_pixels
from training.demo import write_demo
from training.gallery import judge_chips
from training.looks import look_at_chips
from training.sheets import chip_picture, grid, scene_picture, stacked

WORST: Final = (("real", ("fields", "naip", "banepa")), ("rendered_val", ()), ("coarse_val", ()))
"""Chips folders of which failures are shown, and the sources of each; none for all."""

AUTZEN_PX: Final = 930
"""Rows shown of the Autzen scene: below them are woods and a river."""

Sheet = Callable[[Path, Path, str, Path], Image.Image]
"""Data collection, chips, weights and a folder to work in -> a picture."""


def draw_demo(data: Path, chips: Path, weights: str, work: Path) -> Image.Image:
    """Return the demo region with what a run finds in it, each label in its colour."""
    write_demo(work / "demo")
    region = work / "demo" / "demo.toml"
    region.write_text(f'name = "demo"\nscenes = ["scene.tif"]\n[model]\nweights = "{weights}"\n')
    features = run_region_features(region, options=RunOptions(workers=0))
    return scene_picture(work / "demo" / "scene.tif", features, width_px=880)


def draw_detections(data: Path, chips: Path, weights: str, work: Path) -> Image.Image:
    """Return the Autzen scene above eight NAIP validation chips, with what the pipeline finds."""
    scene = data / "scenes" / "autzen_rgb_1ft.tif"
    region = places.write_scene_region(scene, work / "autzen", weights=weights)
    features = run_region_features(region, options=RunOptions(workers=0))
    above = scene_picture(scene, features, width_px=1212).crop((0, 0, 1212, AUTZEN_PX))
    own = [chip for chip in read_chips(chips / "real") if (chip.source, chip.split) == ("naip", "val")]
    own = [own[at * len(own) // 8] for at in range(8)]
    images = [
        places.PlacedImage(name=f"{n:02d}", pixels=read_pixels(c), gsd_m=c.gsd_m, truth=())
        for n, c in enumerate(own)
    ]
    region = places.write_placed(images, work / "naip", weights=weights, labels=LABELS)
    features = run_region_features(region, options=RunOptions(workers=0))
    below = [scene_picture(work / "naip" / f"{n:02d}.tif", features, width_px=300) for n in range(8)]
    return stacked([above, grid(below, across=4)])


def draw_failures(data: Path, chips: Path, weights: str, work: Path) -> Image.Image:
    """Return the four chips of each set on which the network alone does worst, of forty of each source."""
    detector = load_detector(resolve_spec(weights, base=Path(), device="auto", threads=None))
    rows = []
    for folder, sources in WORST:
        every = [chip for chip in read_chips(chips / folder) if chip.split == "val"]
        some = [chip for source in sources or ("",) for chip in _spread(every, source, 40)]
        passes = look_at_chips(detector, some, gsd_m=detector.info.gsd_m)
        worst = judge_chips(passes, detector.info.min_score)[-4:]
        rows += [chip_picture(shown, width_px=300) for shown in reversed(worst)]
    return grid(rows, across=4)


SHEETS: Final[dict[str, Sheet]] = {
    "demo.png": draw_demo,
    "detections.jpg": draw_detections,
    "failures.jpg": draw_failures,
}


def _spread(chips: Sequence[Chip], source: str, count: int) -> list[Chip]:
    own = [chip for chip in chips if source in ("", chip.source)]
    return [own[at * len(own) // count] for at in range(min(count, len(own)))]


def main() -> int:
    """Draw the pictures: ``python -m pipeline.pictures --data DIR --chips DIR --out DIR``."""
    parser = argparse.ArgumentParser(description="Draw what the shipped weights find, for the documentation.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--chips", type=Path, default=Path(".train"))
    parser.add_argument("--weights", default="default", metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--only", nargs="+", choices=SHEETS, default=list(SHEETS), metavar="NAME")
    arguments = parser.parse_args()

    def job(work: Path) -> None:
        weights = resolve_spec(arguments.weights, base=Path(), device="auto", threads=None).weights
        for name in arguments.only:
            image = SHEETS[name](arguments.data, arguments.chips, str(weights), work)
            with whole_file(arguments.out / name) as part:
                if name.endswith("png"):
                    image.quantize(256).save(part, "PNG", optimize=True)  # a third of the bytes
                else:
                    image.save(part, "JPEG", quality=85)
            sys.stdout.write(f"{arguments.out / name}\n")

    return run_in_folder(job)


if __name__ == "__main__":
    sys.exit(main())
