"""What groundplan says before it runs, and region files that it writes."""

import re
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from detection.painted import PaintedDetector
from pipeline.cli import main


def write_scene(path: Path, *, dtype: str = "uint8", holes: bool = False, size_m: float = 0.3) -> Path:
    pixels = np.random.default_rng(0).integers(1, 200, (3, 600, 600)).astype(dtype)
    if holes:
        pixels[:, :, 240:] = 0
    profile = {"driver": "GTiff", "count": 3, "height": 600, "width": 600, "dtype": dtype}
    transform = Affine(size_m, 0, 500_000, 0, -size_m, 5_000_000)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, nodata=0, **profile) as dataset:
        dataset.write(pixels)
    return path


def info(region: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["info", str(region)]) == 0
    return capsys.readouterr().out


def test_init_writes_a_file_that_info_understands_and_run_runs(
    painted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "Łódź süd.toml"
    scene, extract = str(painted / "scene.tif"), str(painted / "extract.osm")
    assert main(["init", scene, extract, "--out", str(out)]) == 0
    text = out.read_text()
    assert tomllib.loads(text)["name"] == "odz-sud" and "1000 x 1000 px of 0.3 m" in text
    # With the detector of the tests in place of the shipped weights.
    out.write_text(text.replace('weights = "default"', 'weights = "painted"\ngsd_m = 0'))
    assert main(["run", str(out), "--out", str(tmp_path / "run"), "--workers", "0"]) == 0
    assert (tmp_path / "run" / "changes.geojson").is_file()
    capsys.readouterr()
    assert main(["init", scene, "--out", str(out)]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.tif"], "matches no file"),
        (["a.osm"], "no scene was given"),
        (["a.osm", "b.osm.pbf", "c.tif"], "2 OSM files were given"),
        (["https://t.example/{z}/{x}/{y}.png"], "give --aoi FILE"),
        (["a.tif", "none.osm.pbf"], "there is no file"),
    ],
)
def test_init_refuses_what_would_not_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scene(tmp_path / "a.tif")
    assert main(["init", *arguments, "--out", "r.toml"]) == 1
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said and not (tmp_path / "r.toml").exists()


def test_names_with_quotes_and_line_breaks_stay_inside_their_strings(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / 'a"\nname = "x.tif')
    assert main(["init", str(scene), "--out", str(tmp_path / "r.toml")]) == 0
    assert tomllib.loads((tmp_path / "r.toml").read_text())["scenes"] == [scene.name]


def test_info_says_what_is_missing_how_long_it_takes_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_scene(tmp_path / "a.tif", holes=True)
    write_scene(tmp_path / "b.tif", dtype="uint16", holes=True, size_m=0.45)
    region = tmp_path / "r.toml"
    region.write_text(
        'name = "r"\nscenes = ["a.tif", "b.tif"]\n[model]\nweights = "painted"\ngsd_m = 0.3\n'
        "[tiling]\ntile_px = 256\noverlap_px = 32\n"
    )
    said = info(region, capsys)
    assert "1 of 0.3 m in WGS 84 / UTM zone 33N, 0.36 Mpx, 3 bands of uint8, missing pixels by nodata" in said
    assert "1 of 0.45 m" in said and "bands of uint16" in said
    missing = float(said.split("missing  ")[1].split("%")[0])
    assert 55 < missing < 75
    assert "of the sampled pixels are missing; check nodata" in said
    assert "1 of 2 scenes are coarser than 0.3 m, up to 0.45 m" in said
    assert "no [osm] extract is named" in said and "km2" in said


def test_info_names_damage_before_anything_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(0).integers(1, 200, (3, 512, 512)).astype(np.uint8)
    profile = {"driver": "GTiff", "count": 3, "height": 512, "width": 512, "dtype": "uint8", "compress": "deflate"}
    transform = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, tiled=True, **profile) as dataset:
        dataset.write(pixels)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = b"\xff" * 2000
    path.write_bytes(data)
    region = tmp_path / "r.toml"
    region.write_text('name = "r"\nscenes = ["a.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n')
    assert "wrong    cannot read pixels of" in info(region, capsys)


def test_info_looks_at_tiles_to_tell_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Slow(PaintedDetector):
        def detect(self, images, wanted=None):
            end = time.process_time() + 0.4
            while time.process_time() < end:
                pass
            return super().detect(images, wanted)

    write_scene(tmp_path / "a.tif")
    region = tmp_path / "r.toml"
    region.write_text(
        'name = "r"\nscenes = ["a.tif"]\n[model]\nweights = "painted"\ngsd_m = 0\n'
        "[tiling]\ntile_px = 128\noverlap_px = 0\n"
    )
    monkeypatch.setattr("pipeline.expected.load_detector", lambda spec: Slow())
    monkeypatch.setattr("pipeline.expected.default_workers", lambda: 2)
    said = info(region, capsys)
    assert re.search(r"\(0\.[4-9]\d? s a tile, measured here on one core; reading 0\.", said)
    # 25 tiles of 0.4 s on two cores, and a little reading.
    assert 5 <= float(said.split("time     about ")[1].split(" s on 2 cores")[0]) < 12


@pytest.mark.parametrize(
    ("bounds", "nodes", "line", "finding"),
    [
        ((14.9, 44.9, 15.1, 45.3), (), "by its header: 100% of the tiles", ""),
        ((14.9, 44.9, 15.001, 45.3), (), "by its header: 0% of the tiles", "reaches none of the tiles"),
        (None, ((14.9, 44.9), (15.1, 45.3)), "by its nodes: 100% of the tiles", ""),
        (None, ((4.9, 44.9), (5.1, 45.3)), "by its nodes: 0% of the tiles", "reaches none of the tiles and 200 m"),
        (None, (), "the extract has no nodes", "reaches none of the tiles"),
    ],
)
def test_info_says_whether_the_extract_reaches_the_region(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bounds, nodes, line: str, finding: str
) -> None:
    write_scene(tmp_path / "a.tif")  # at 15.0 to 15.003 east, 45.15 north
    places = "".join(
        f'<node id="{number}" version="1" lat="{lat}" lon="{lon}"/>' for number, (lon, lat) in enumerate(nodes, 1)
    )
    box = "" if bounds is None else '<bounds minlon="{}" minlat="{}" maxlon="{}" maxlat="{}"/>'.format(*bounds)
    (tmp_path / "e.osm").write_text(f'<osm version="0.6">{box}{places}</osm>')
    region = tmp_path / "r.toml"
    region.write_text(
        'name = "r"\nscenes = ["a.tif"]\n[imagery]\nid = "x"\nlicence = "CC0-1.0"\n[osm]\nextract = "e.osm"\n'
        '[model]\nweights = "painted"\ngsd_m = 0\n'
    )
    said = info(region, capsys)
    assert line in said and (finding in said if finding else "wrong    nothing found" in said)
