"""`groundplan chips` on a painted region: labels come to lie where the imagery shows the objects."""

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize
from shapely.affinity import translate

from groundplan.crs import transform_geometries
from groundplan.vector import read_vector
from pipeline.cli import main
from training.chips import Chip, read_chips, read_pixels
from training.rings import rasterise

GSD_M, SIZE_PX = 0.3, 900
EAST_M, NORTH_M = 3.0, -2.1
"""How far the imagery lies off OSM."""
REGION = (
    'name = "town"\nscenes = ["scene.tif"]\n[imagery]\nid = "town"\nlicence = "CC0-1.0"\n'
    '[osm]\nextract = "extract.osm"\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 512\noverlap_px = 128\nblock_tiles = 4\n"
)


def houses() -> list[shapely.Polygon]:
    rng = np.random.default_rng(4)
    out = []
    for row in range(6):
        for col in range(8):
            width, height = rng.uniform(9, 16, 2)
            corner = 500_010 + 32 * col + rng.uniform(0, 8), 4_999_745 + 42 * row + rng.uniform(0, 10)
            out.append(translate(shapely.box(0, 0, width, height), *corner))
    return out


def osm_text(shapes: list[tuple[str, str, shapely.Polygon]]) -> str:
    nodes, ways, number = [], [], 0
    for at, (key, sport, shape) in enumerate(shapes, start=1):
        (moved,) = transform_geometries([shape], source="EPSG:32633", target="EPSG:4326")
        refs = []
        for lon, lat in shapely.get_coordinates(moved)[:-1]:
            number += 1
            refs.append(number)
            nodes.append(f'<node id="{number}" version="1" lat="{lat:.7f}" lon="{lon:.7f}"/>')
        tags = f'<tag k="{key}" v="{"yes" if key == "building" else "pitch"}"/>'
        tags += f'<tag k="sport" v="{sport}"/>' if sport else ""
        refs_text = "".join(f'<nd ref="{ref}"/>' for ref in [*refs, refs[0]])
        ways.append(f'<way id="{at}" version="1">{refs_text}{tags}</way>')
    return '<osm version="0.6">' + "".join(nodes) + "".join(ways) + "</osm>"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    transform = Affine(GSD_M, 0, 500_000, 0, -GSD_M, 5_000_000)
    image = np.zeros((3, SIZE_PX, SIZE_PX), np.uint8)
    for number, shape in enumerate(houses(), start=1):
        inside = rasterize([shape], out_shape=(SIZE_PX, SIZE_PX), transform=transform).astype(bool)
        image[:, inside] = np.array([1, 0, number], np.uint8)[:, None]
    profile = {"driver": "GTiff", "height": SIZE_PX, "width": SIZE_PX, "count": 3, "dtype": "uint8"}
    with rasterio.open(folder / "scene.tif", "w", crs="EPSG:32633", transform=transform, **profile) as scene:
        scene.write(image)
    mapped = [("building", "", translate(shape, -EAST_M, -NORTH_M)) for shape in houses()[:40]]
    mapped.append(("leisure", "baseball", shapely.Point(500_100, 4_999_850).buffer(60)))
    (folder / "extract.osm").write_text(osm_text(mapped))
    (folder / "region.toml").write_text(REGION)
    return folder


def painted_share(chips: list[Chip]) -> float:
    """Return the IoU of all learned masks with all painted pixels of the mapped houses."""
    shared = total = 0
    for chip in chips:
        # JPEG blurs the flat colours; blue is the house's number, 41 and more are not mapped.
        painted = read_pixels(chip)[:, :, 2] > 2
        masks = [rasterise(e.rings, height=chip.height, width=chip.width) for e in chip.instances if not e.ignore]
        drawn = np.any(masks, axis=0) if masks else np.zeros_like(painted)
        shared, total = shared + int((painted & drawn).sum()), total + int(drawn.sum())
    return shared / total


def test_osm_labels_are_moved_onto_the_imagery_by_the_measured_offset(
    town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["chips", "region", str(town / "region.toml"), "--out", "chips", "--complete", "building"]
    assert main([*arguments, "--workers", "0"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["offset_m"] == pytest.approx([EAST_M, NORTH_M], abs=0.1)
    chips = read_chips(tmp_path / "chips")
    assert {chip.split for chip in chips} == {"train", "val"}
    assert all(chip.complete == {"building"} and chip.source == "chips" for chip in chips)
    assert painted_share(chips) > 0.93
    assert {each.ignore for chip in chips for each in chip.instances if each.label == "baseball_diamond"} == {True}


def test_a_given_offset_runs_no_detector(
    town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["chips", "region", str(town / "region.toml"), "--out", "chips"]
    assert main([*arguments, "--offset-m", str(EAST_M), str(NORTH_M), "--source", "mine"]) == 0
    assert not (tmp_path / "runs").exists()
    chips = read_chips(tmp_path / "chips")
    assert painted_share(chips) > 0.93 and all(not chip.complete and chip.source == "mine" for chip in chips)


def test_decisions_become_labels_and_hard_negatives(
    town: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert main(["run", str(town / "region.toml"), "--out", str(run), "--workers", "0"]) == 0
    changes = read_vector(run / "changes.parquet")
    new = changes[changes["status"] == "new"]
    assert len(new) == 8
    lines = []
    for at, row in enumerate(new.itertuples()):
        decision = {"id": row.change_id, "label": row.label, "polygon": row.geometry.wkt}
        decision |= {"when": "2026-06-01T12:00:00Z", "decision": "accepted" if at < 5 else "rejected"}
        lines.append(json.dumps(decision | {"reason": ["", "not_there", "bad_outline"][(at > 4) + (at > 6)]}))
    (run / "review" / "decisions.jsonl").write_text("\n".join(lines))
    capsys.readouterr()
    arguments = ["chips", "decisions", str(town / "region.toml"), "--run", str(run), "--out", str(tmp_path / "c")]
    assert main([*arguments, "--val-share", "0"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == 8
    chips = read_chips(tmp_path / "c")
    accepted = [chip for chip in chips if not chip.complete]
    rejected = [chip for chip in chips if chip.complete]
    # The outlines lie where the imagery shows the houses, not where OSM would have them.
    assert painted_share(accepted) > 0.93
    learned = sum(not each.ignore for chip in accepted for each in chip.instances)
    assert 5 <= learned <= 8  # houses cut by a chip's edge come twice
    assert len(rejected) == 2
    for chip in rejected:
        assert chip.complete == {"building"} and all(each.ignore for each in chip.instances)
        ignored = np.any(
            [rasterise(e.rings, height=chip.height, width=chip.width) for e in chip.instances], axis=0
        )
        painted = read_pixels(chip)[:, :, 2] > 24
        rows, cols = np.nonzero(~ignored)
        middle = painted[rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
        assert middle.mean() > 0.7 and (~ignored).mean() < 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["region", "region.toml", "--complete", "bilding"], "did you mean 'building'"),
        (["decisions", "region.toml", "--run", "nowhere"], "no decisions at"),
        (["coco", "none.json"], "no COCO file"),
        (["region", "region.toml", "--val-share", "3", "--offset-m", "0", "0"], "is no share"),
    ],
)
def test_bad_input_is_one_line(
    town: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(town)
    assert main(["chips", *arguments, "--out", str(tmp_path / "c")]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert message in said[-1] and not (tmp_path / "c" / "annotations.json").exists()
