"""Geometries, tags and names that nobody draws by accident."""

import json
import math
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import osmium
import pytest
import shapely
from osmium.osm.mutable import Node, Way

from groundplan.vector import read_vector
from pipeline.cli import main

STRANGE = "a\x07\x1b[31m</script><b>\u202e]]>&amp;"


def write_geojson(path: Path, rings: list) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"label": "building", "score": 0.9},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for ring in rings
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def write_pbf(path: Path) -> None:
    with osmium.SimpleWriter(str(path)) as writer:
        for number, (x, y) in enumerate(((0, 0), (2e-4, 0), (2e-4, 2e-4)), start=1):
            writer.add_node(Node(id=number, version=1, location=(15 + x, 45 + y), tags={}))
        tags = {"building": "yes", "name": STRANGE, "addr:street": STRANGE}
        writer.add_way(Way(id=1, version=1, nodes=[1, 2, 3, 1], tags=tags))


def square(x: float, y: float, side: float = 2e-4) -> list[list[float]]:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def test_strange_geometries_are_repaired_or_left_out_and_proposals_stay_xml(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = 15.0, 45.0
    turns = np.linspace(0, 2 * math.pi, 300_001)
    jagged = 3e-4 + 1e-6 * np.cos(turns * 15_000)
    many = np.column_stack([15.01 + jagged * np.cos(turns), 45 + jagged * np.sin(turns)]).round(9).tolist()
    many[-1] = many[0]
    rings = [
        square(x + 0.002, y),
        [[x, y], [x + 1e-4, y + 1e-4], [x + 1e-4, y], [x, y + 1e-4], [x, y]],  # crosses itself
        [[x, y], [x + 1e-4, y], [x, y], [x, y]],  # no area
        [[x, y], [math.nan, y], [x + 1e-4, y + 1e-4], [x, y]],
        [[x, y], [x, y], [x, y], [x, y]],
        many,
        np.random.default_rng(0).uniform((x, y), (x + 3e-4, y + 3e-4), (20_000, 2)).tolist(),
    ]
    rings[-1].append(rings[-1][0])
    write_geojson(tmp_path / "f.geojson", rings)
    write_pbf(tmp_path / "e.osm.pbf")
    started = time.process_time()
    capsys.readouterr()
    code = main(
        ["diff", str(tmp_path / "f.geojson"), str(tmp_path / "e.osm.pbf"), "--out", str(tmp_path / "out"),
         "--imagery-id", STRANGE, "--imagery-licence", "CC0-1.0"]
    )  # fmt: skip
    # Of processor time: most of it is reading 300,000 vertices and thinning them.
    assert code == 0 and time.process_time() - started < 60
    assert "1 input polygons: tangled" in capsys.readouterr().err
    changes = read_vector(tmp_path / "out" / "changes.parquet")
    assert changes.geometry.is_valid.all() and (shapely.area(changes.geometry.to_numpy()) > 0).all()
    json.loads((tmp_path / "out" / "changes.geojson").read_text())
    for path in (tmp_path / "out" / "proposals").glob("*.os[cm]"):
        ET.parse(path)
        assert path.stat().st_size < 50_000_000
    for line in (tmp_path / "out" / "maproulette.geojsonl").read_text().split("\n"):
        assert not line or json.loads(line.lstrip("\x1e"))


def test_what_a_terminal_would_obey_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r.toml").write_text(
        'name = "r"\nscenes = ["\\u001b[31m\\u0007x.tif"]\n[model]\nweights="painted"\n'
    )
    assert main(["info", str(tmp_path / "r.toml")]) == 1
    said = capsys.readouterr().err.removesuffix("\n")
    assert said.isprintable() and "[31m" in said
