"""A run looked at in a real browser: its decisions come back as osmChange, as memory, and as training chips."""

import json
import threading
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.features import rasterize

from groundplan.vector import read_vector
from pipeline.cli import main
from review.server import make_server
from training.chips import read_chips

GSD_M, SIZE_PX = 0.3, 600
HOUSES = [
    shapely.box(x, y, x + 12 + n, y + 9)
    for n, (x, y) in enumerate((500_030 + 50 * c, 4_999_850 + 50 * r) for r in range(2) for c in range(3))
]
REGION = (
    'name = "town"\nscenes = ["scene.tif"]\n[imagery]\nid = "town"\nlicence = "CC0-1.0"\nosm_permitted = true\n'
    '[osm]\nextract = "extract.osm"\n[model]\nweights = "painted"\ngsd_m = 0\n'
    "[tiling]\ntile_px = 512\noverlap_px = 128\n"
)
TRAINING = (
    'name = "tiny"\nchips = ["chips"]\nout = "tiny.safetensors"\ncheckpoint = "tiny.checkpoint"\nsteps = 2\n'
    'workers = 0\ncrop_px = [64]\ncrop_share = [1.0]\nwarmup_steps = 1\ndevice = "cpu"\nreport_chips = 0\n'
    "[batch]\nbatch_px = 4096\n[model]\nfpn_channels = 16\nbox_channels = 16\nmask_convs = 1\n"
)


@pytest.fixture(scope="module")
def town(tmp_path_factory) -> Path:
    """Return a folder with a painted region of six houses, none of which OSM has, and its run in ``run``."""
    folder = tmp_path_factory.mktemp("town")
    transform = Affine(GSD_M, 0, 500_000, 0, -GSD_M, 5_000_000)
    image = np.zeros((3, SIZE_PX, SIZE_PX), np.uint8)
    for number, house in enumerate(HOUSES, start=1):
        inside = rasterize([house], out_shape=(SIZE_PX, SIZE_PX), transform=transform).astype(bool)
        image[:, inside] = np.array([1, 0, number], np.uint8)[:, None]
    profile = {"driver": "GTiff", "height": SIZE_PX, "width": SIZE_PX, "count": 3, "dtype": "uint8"}
    with rasterio.open(folder / "scene.tif", "w", crs="EPSG:32633", transform=transform, **profile) as scene:
        scene.write(image)
    (folder / "extract.osm").write_text(
        '<osm version="0.6"><bounds minlat="40" minlon="10" maxlat="50" maxlon="20"/>'
        '<node id="1" version="1" timestamp="2020-01-01T00:00:00Z" lat="45.2" lon="15.1"/></osm>'
    )
    (folder / "region.toml").write_text(REGION)
    assert main(["run", str(folder / "region.toml"), "--out", str(folder / "run"), "--workers", "0"]) == 0
    return folder


@pytest.fixture(scope="module")
def reviewed(town, browser) -> dict[str, list[str]]:
    """Decide in a browser on the page of the run: two accepted, two rejected as nothing; return their ids."""
    decided: dict[str, list[str]] = {"accepted": [], "rejected": []}
    with make_server(town / "run", port=0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_selector("#list [role=option]")
        for keys in ("a", "r1", "a", "r1"):
            chosen = page.locator("#facts dt", has_text="Id").last.locator("xpath=following-sibling::dd[1]")
            decided["accepted" if keys == "a" else "rejected"].append(chosen.text_content())
            for key in keys:
                page.keyboard.press(key)
        page.locator("#saved", has_text="Saved").wait_for(timeout=60_000)
        page.wait_for_timeout(100)
        page.locator("#saved", has_text="Saved").wait_for(timeout=60_000)
        page.close()
        server.shutdown()
        thread.join()
    return decided


def test_the_proposals_hold_just_what_was_accepted_and_what_was_rejected_is_remembered(town, reviewed, tmp_path):
    decisions = town / "run" / "review" / "decisions.jsonl"
    before = read_vector(town / "run" / "changes.parquet").set_index("change_id")
    assert (before["status"] == "new").sum() == 6
    arguments = ["diff", str(town / "run" / "features.parquet"), str(town / "extract.osm"), "--out", str(tmp_path)]
    assert main([*arguments, "--decisions", str(decisions), "--config", str(town / "region.toml")]) == 0
    root = ElementTree.parse(tmp_path / "proposals" / "001.osc").getroot()
    places = {node.get("id"): (float(node.get("lon")), float(node.get("lat"))) for node in root.iter("node")}
    proposed = [shapely.Polygon([places[nd.get("ref")] for nd in way.iter("nd")]) for way in root.iter("way")]
    assert len(proposed) == 2
    for name in reviewed["accepted"]:
        outline = before.geometry[name]
        assert max(each.intersection(outline).area / each.union(outline).area for each in proposed) > 0.98
    after = read_vector(tmp_path / "changes.parquet").set_index("change_id")
    for name in reviewed["rejected"]:
        row = after.loc[name]
        assert (row["status"], list(row["reasons"]), row["review"]) == ("suppressed", ["memory"], "rejected")
    assert [path.name for path in sorted((tmp_path / "proposals").glob("*.osc"))] == ["001.osc"]


@pytest.mark.slow
def test_training_takes_the_decisions_as_labels_and_hard_negatives(town, reviewed, tmp_path, capsys):
    chips = ["chips", "decisions", str(town / "region.toml"), "--run", str(town / "run"), "--val-share", "0"]
    assert main([*chips, "--out", str(tmp_path / "chips")]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] == 4
    assert sum(chip.complete == {"building"} for chip in read_chips(tmp_path / "chips")) == 2
    (tmp_path / "training.toml").write_text(TRAINING)
    assert main(["train", str(tmp_path / "training.toml")]) == 0
    assert (tmp_path / "tiny.safetensors").stat().st_size > 10_000
