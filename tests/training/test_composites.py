"""Pitches pasted on backgrounds: taught where their lines show, ignored where they do not."""

import dataclasses

import numpy as np
import pytest

from groundplan.labels import FIELD_LABELS
from training import composites
from training.composites import COARSE, YARDS, Background, compose

BACKGROUND = Background(
    image=np.random.default_rng(1).integers(80, 120, (512, 512, 3), dtype=np.uint8),
    gsd_m=0.9,
    complete=frozenset(FIELD_LABELS),
    instances=(),
)


@pytest.mark.parametrize("show", [True, False])
def test_only_soccer_fields_without_visible_lines_are_ignored(show: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composites, "lines_show", lambda image, rings: show)
    wanted = {"soccer_field": 0.6, "tennis_court": 0.4}
    kind = dataclasses.replace(COARSE, label_share=wanted, lookalikes=0.0)
    ignored: dict[str, set[bool]] = {}
    for seed in range(6):
        _, instances, _ = compose(BACKGROUND, kind=kind, rng=np.random.default_rng(seed))
        for each in instances:
            ignored.setdefault(each.label, set()).add(each.ignore)
    assert ignored["soccer_field"] == {not show}
    assert ignored["tennis_court"] == {False}


@pytest.mark.parametrize("show", [True, False])
def test_courts_of_a_school_yard_are_taught_where_their_lines_show(
    show: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composites, "lines_show", lambda image, rings: show)
    ground = dataclasses.replace(BACKGROUND, gsd_m=0.3)
    kind = dataclasses.replace(YARDS, schoolyards=1.0)
    found = [each for seed in range(4) for each in compose(ground, kind=kind, rng=np.random.default_rng(seed))[1]]
    assert len(found) > 4 and {each.label for each in found} == {"basketball_court"}
    assert {each.ignore for each in found} == {not show}


def test_dark_lines_make_no_soccer_pitch_of_a_meadow(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if all lines were dark: they are seen in the negative only.
    monkeypatch.setattr(composites, "lines_show", lambda image, rings: bool(image.mean() > 128))
    kind = dataclasses.replace(COARSE, label_share={"soccer_field": 1.0}, lookalikes=0.0)
    found = [
        each for seed in range(4) for each in compose(BACKGROUND, kind=kind, rng=np.random.default_rng(seed))[1]
    ]
    assert found and all(each.ignore for each in found)
    ground = dataclasses.replace(BACKGROUND, gsd_m=0.3)
    kind = dataclasses.replace(YARDS, schoolyards=1.0)
    courts = [each for seed in range(4) for each in compose(ground, kind=kind, rng=np.random.default_rng(seed))[1]]
    assert courts and not any(each.ignore for each in courts)
