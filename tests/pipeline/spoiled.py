"""A folder with a painted scene and its region file, to be spoiled; and cases of docs/errors.md by name."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from pipeline.cli import main

UTM = Affine(0.3, 0, 500_000, 0, -0.3, 5_000_000)


class World:
    """A folder with a painted scene and its region file, to be spoiled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scene()
        self.region()

    def scene(self, name: str = "scene.tif", *, compress: str = "none", **profile: object) -> Path:
        # Noise without meaning to the painted detector, so that a damaged block cannot be guessed; one building.
        pixels = np.random.default_rng(0).integers(100, 200, (3, 256, 256))
        pixels[:, 20:60, 20:90] = np.array([1, 0, 1])[:, None, None]
        pixels = pixels.astype(str(profile.get("dtype", "uint8")))
        options = {
            "driver": "GTiff", "count": 3, "height": 256, "width": 256, "dtype": "uint8", "crs": "EPSG:32633",
            "transform": UTM, "tiled": True, "blockxsize": 64, "blockysize": 64, "compress": compress,
        }  # fmt: skip
        with rasterio.open(self.folder / name, "w", **(options | profile)) as dataset:
            dataset.write(pixels)
        return self.folder / name

    def region(
        self, head: str = "", *, scenes: str = "scene.tif", model: str = 'weights = "painted"\ngsd_m = 0'
    ) -> Path:
        path = self.folder / "region.toml"
        tiles = "[tiling]\ntile_px = 128\noverlap_px = 32\nblock_tiles = 2\n"
        path.write_text(f'name = "r"\nscenes = ["{scenes}"]\n{head}\n[model]\n{model}\n{tiles}')
        return path

    def run(self) -> int:
        region, out = str(self.folder / "region.toml"), str(self.folder / "out")
        return main(["run", region, "--out", out, "--workers", "0"])

    def features(self, properties: dict) -> int:
        ring = [[15.0, 45.0], [15.001, 45.0], [15.001, 45.001], [15.0, 45.0]]
        feature = {"type": "Feature", "properties": properties}
        feature["geometry"] = {"type": "Polygon", "coordinates": [ring]}
        path = self.folder / "f.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        (self.folder / "e.osm").write_text('<osm version="0.6"/>')
        return main(["diff", str(path), str(self.folder / "e.osm"), "--out", str(self.folder / "out")])


Case = Callable[[World, pytest.MonkeyPatch], int]


class Cases(dict[str, Case]):
    """What is given -> a function that spoils a world accordingly, runs it and returns the exit code."""

    def case(self, given: str) -> Callable[[Case], Case]:
        def keep(function: Case) -> Case:
            self[given] = function
            return function

        return keep

    def simple(
        self, given: str, *, head: str = "", scenes: str = "scene.tif", model: str | None = None, **profile
    ) -> None:
        """Keep a case that another region file, or another profile of the scene, makes."""

        def spoil(world: World, patch: pytest.MonkeyPatch) -> int:
            if profile:
                world.scene(**profile)
            world.region(head, scenes=scenes, **({} if model is None else {"model": model}))
            return world.run()

        self[given] = spoil
