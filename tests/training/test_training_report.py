"""The training report: the worst chips are the worst, and nothing in it is taken for markup."""

import html.parser
from pathlib import Path

import numpy as np
import pytest

from training.chips import Chip, ChipWriter, Instance, read_chips
from training.gallery import judge_chips, picture
from training.looks import Look, Pass, encode
from training.rings import rasterise
from training.training_report import TrainingReport, curve, training_report


def mask(left: int, top: int, side: int) -> dict[str, object]:
    ring = np.array([[left, top], [left + side, top], [left + side, top + side], [left, top + side]], float)
    return encode(rasterise((ring,), height=40, width=40))


def chips(folder: Path, count: int) -> list[Chip]:
    writer = ChipWriter(folder)
    for number in range(count):
        writer.add(
            np.full((40, 40, 3), 90, np.uint8), [Instance(label="building", rings=(np.zeros((3, 2)),))],
            name=f"chip{number}", gsd_m=0.3, split="val", source="s", complete=frozenset({"building"}),
        )  # fmt: skip
    writer.close(description="test")
    return read_chips(folder)


def look(
    chip: Chip, truth: list[tuple[int, int, int]], found: list[tuple[float, int, int, int]], crowd: int = 0
) -> Look:
    return Look(
        chip=chip,
        height_px=40,
        width_px=40,
        truth=tuple((1, number < crowd, mask(*box)) for number, box in enumerate(truth)),
        found=tuple((1, score, mask(*box)) for score, *box in found),
    )


def judged(looks: list[Look]) -> list[tuple[str, float, int, int]]:
    every = Pass(gsd_m=0.3, labels=("building",), looks=tuple(looks))
    return [
        (each.chip.path.stem, each.f1, each.n_missed, each.n_wrong)
        for each in judge_chips([every], {"building": 0.5})
    ]


def test_chips_are_ordered_by_how_well_they_agree(tmp_path: Path) -> None:
    a, b, c, d = chips(tmp_path, 4)
    assert judged(
        [
            look(a, [(2, 2, 10)], [(0.9, 25, 25, 9)]),
            look(b, [(2, 2, 10), (20, 20, 10)], [(0.9, 2, 2, 10)]),
            look(c, [(2, 2, 10)], [(0.9, 3, 2, 10), (0.4, 30, 30, 5)]),
            look(d, [], []),  # nothing to judge
        ]
    ) == [("chip2", 1.0, 0, 0), ("chip1", pytest.approx(2 / 3), 1, 0), ("chip0", 0.0, 1, 1)]


def test_detections_in_ignored_regions_are_not_wrong(tmp_path: Path) -> None:
    (a,) = chips(tmp_path, 1)
    found = [(0.9, 20, 20, 10), (0.8, 5, 5, 6)]
    assert judged([look(a, [(2, 2, 14), (20, 20, 10)], found, crowd=1)]) == [("chip0", 1.0, 0, 0)]


class Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_report_is_one_file_in_which_texts_stay_texts(tmp_path: Path) -> None:
    looks = [
        look(chip, [(2, 2, 10)], [(0.9, 2 + number, 2, 10)]) for number, chip in enumerate(chips(tmp_path, 14))
    ]
    shown = judge_chips([Pass(gsd_m=0.3, labels=("building",), looks=tuple(looks))], {"building": 0.5})
    text = training_report(
        TrainingReport(
            name="<script>alert(1)</script>",
            facts={"steps": "14"},
            losses={"loss_mask": [1.0, 0.5, float("nan"), 0.3]},
            figures={"building": {"n_truth": 3, "ap": 0.5, "ap50": None}},
            chips=shown,
        )
    )
    page = Page()
    page.feed(text)
    assert "script" not in page.tags and page.tags.count("figure") == 12
    assert all(source.startswith("data:") for source in page.sources)
    assert "&lt;script&gt;" in text and "0.500" in text and "Worst validation chips" in text


def test_an_empty_run_has_a_report_too() -> None:
    text = training_report(TrainingReport(name="none", facts={}))
    assert "<h1>Training: none</h1>" in text and "<svg" not in text


def test_pictures_and_curves_draw_what_they_say(tmp_path: Path) -> None:
    (a,) = chips(tmp_path, 1)
    every = Pass(gsd_m=0.3, labels=("building",), looks=(look(a, [(2, 2, 10)], [(0.9, 2, 2, 10)]),))
    figure = picture(judge_chips([every], {"building": 0.5})[0])
    kinds = [path.get("class") for path in figure.iter("path")]
    assert kinds == ["truth", "found"]
    assert next(figure.iter("path")).get("d") == "M2.0 2.0L2.0 12.0L12.0 12.0L12.0 2.0L2.0 2.0Z"
    drawn = [path.get("d") or "" for path in curve([1.0, 0.0], label="loss").iter("path")]
    assert drawn[0].startswith("M0.0 16.0L") and drawn[0].endswith(" 106.0")
