"""The manifest knows inputs by size and hash, without reading a country's imagery again."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import pipeline.manifest
from pipeline.config import read_region
from pipeline.manifest import Looked, file_identity, make_manifest
from pipeline.plan import make_plan

SMALL = Looked(whole_bytes=20, end_bytes=4)


@pytest.mark.parametrize("size", [0, 1, 20])
def test_a_small_file_is_hashed_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"x" * size)
    expected = {"path": "a.tif", "bytes": size, "sha256": hashlib.sha256(b"x" * size).hexdigest()}
    assert file_identity(path, SMALL) == expected == file_identity(path)


def test_of_a_large_file_size_and_ends_count(tmp_path: Path) -> None:
    def known(data: bytes) -> dict[str, Any]:
        (tmp_path / "a.tif").write_bytes(data)
        return file_identity(tmp_path / "a.tif", SMALL)

    found = known(b"head" + b"x" * 20 + b"tail")
    ends = hashlib.sha256(b"headtail").hexdigest()
    assert found == {"path": "a.tif", "bytes": 28, "sha256_of_ends": ends, "end_bytes": 4}
    others = [b"Head" + b"x" * 20 + b"tail", b"head" + b"x" * 20 + b"tai1", b"head" + b"x" * 21 + b"tail"]
    assert all(known(data) != found for data in others)


def test_scenes_are_not_read_again_and_other_inputs_are(painted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.manifest, "SCENES", SMALL)
    path = painted / "manifest.toml"
    path.write_text(
        'name = "m"\nscenes = ["scene.tif"]\ntruth = "truth.geojson"\n[model]\nweights = "painted"\ngsd_m = 0\n'
    )
    plan = make_plan(read_region(path), device="cpu", threads=None)
    made = make_manifest(plan, [], failed={})
    scene, truth = made["inputs"]
    assert scene["path"] == "scene.tif" and scene["end_bytes"] == 4 and "sha256" not in scene
    assert truth["path"] == "truth.geojson" and len(truth["sha256"]) == 64
    assert json.dumps(made) == json.dumps(make_manifest(plan, [], failed={}))


@pytest.mark.parametrize("name", ["decisions.jsonl", "challenge.csv"])
def test_decisions_are_inputs_with_all_files_that_they_stand_in(painted: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("decided")
    (tmp_path / "maproulette.geojsonl").write_text("tasks")
    path = tmp_path / "manifest.toml"
    path.write_text(
        f'name = "m"\nscenes = ["{painted}/scene.tif"]\n[osm]\nextract = "{painted}/extract.osm"\n'
        f'decisions = "{name}"\n[model]\nweights = "painted"\ngsd_m = 0\n'
    )
    found = make_manifest(make_plan(read_region(path), device="cpu", threads=None), [], failed={})["inputs"]
    wanted = ["extract.osm", name] + ["maproulette.geojsonl"] * name.endswith("csv")
    assert [each["path"] for each in found[1:]] == wanted
    assert found[2] == {"path": name, "bytes": 7, "sha256": hashlib.sha256(b"decided").hexdigest()}
