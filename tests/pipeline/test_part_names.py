"""A scene's key changes with what its pixels depend on, and not with how its address is signed."""

import dataclasses
from pathlib import Path

import pytest

from pipeline.part_names import scene_key
from tiling.scene import Scene, read_scene

STAMP = "123-Mon, 01 Jun 2026 10:00:00 GMT"


@pytest.fixture
def scene(painted: Path) -> Scene:
    return read_scene(painted / "scene.tif")


def key(scene: Scene, path: str, stamp: str = STAMP) -> str:
    return scene_key(dataclasses.replace(scene, path=path, stamp=stamp))


@pytest.mark.parametrize("stamp", [STAMP, ""])
def test_a_scene_that_was_signed_anew_is_the_same(scene: Scene, stamp: str) -> None:
    signed = [f"https://a.example/x.tif?st={day}&se={day + 7}&sp=r&sig=ab{day}" for day in (1, 2)]
    signed += [f"https://a.example/x.tif?X-Amz-Date={day}&X-Amz-Signature=ab{day}" for day in (1, 2)]
    assert len({key(scene, path, stamp) for path in signed}) == 1


def test_another_login_counts_only_where_nothing_vouches_for_the_file(scene: Scene) -> None:
    one, other = "https://me:a@h.example/x.tif?token=1", "https://you:b@h.example/x.tif?token=2"
    assert key(scene, one) == key(scene, other)
    assert key(scene, one, stamp="") != key(scene, other, stamp="")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/x.tif?sig=a", "https://a.example/y.tif?sig=a"),
        ("https://a.example/x.tif?id=1&sig=a", "https://a.example/x.tif?id=2&sig=a"),
        ("/ortho/x&key=1.tif", "/ortho/x&key=2.tif"),
    ],
)
def test_another_place_is_another_scene(scene: Scene, one: str, other: str) -> None:
    assert key(scene, one) != key(scene, other)
    assert key(scene, one) != key(scene, one, stamp="124-Mon, 01 Jun 2026 10:00:00 GMT")
