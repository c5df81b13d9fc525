"""Regions: one lattice for all scenes, and which tiles see which of them."""

import itertools
import pickle

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine

from groundplan.crs import parse_crs
from groundplan.errors import ConfigError, CRSError, SceneError
from tiling.cover import covered_blocks, covered_tiles, covering_scenes
from tiling.grid import tiles
from tiling.region import make_region
from tiling.scene import Scene

UTM = "EPSG:32632"
ON_GRID = Affine(0.3, 0, 500000.1, 0, -0.3, 5700000.2)


def scene(
    transform: Affine = ON_GRID,
    *,
    crs: str = UTM,
    width: int = 1000,
    height: int = 800,
    gsd_m: float = 0.3,
    path: str = "a.tif",
) -> Scene:
    return Scene(
        path=path,
        width=width,
        height=height,
        transform=transform,
        crs=parse_crs(crs),
        count=3,
        dtype="uint8",
        nodata=None,
        gsd_m=gsd_m,
        color_names=("red", "green", "blue"),
        validity="all",
        block_shape=(256, 256),
        overviews=(),
        stamp="",
    )


def lonlat_scene(lon: float, lat: float, *, size_deg: float = 2.7e-6, path: str = "a.tif") -> Scene:
    gsd_m = size_deg * 111_000 * np.sqrt(np.cos(np.radians(lat)))
    return scene(Affine(size_deg, 0, lon, 0, -size_deg, lat), crs="EPSG:4326", gsd_m=gsd_m, path=path)


def make(*scenes: Scene, **options):
    return make_region(scenes, **({"gsd_m": 0.3, "tile_px": 256, "overlap_px": 64} | options))


@pytest.mark.parametrize("gsd_m", [0, 0.3])
def test_a_scene_already_on_a_metric_grid_is_the_grid(gsd_m: float) -> None:
    grid = make(scene(), gsd_m=gsd_m).grid
    assert (grid.width_px, grid.height_px) == (1000, 800)
    assert grid.transform == scene().transform and grid.crs == parse_crs(UTM)


def test_scenes_side_by_side_on_one_lattice_share_it_whatever_their_order() -> None:
    left = scene(path="l.tif")
    right = scene(Affine(0.3, 0, 500000.1 + 0.3 * 1000, 0, -0.3, 5700000.2 + 0.3 * 50), path="r.tif")
    grids = [make(*order, gsd_m=0).grid for order in itertools.permutations([left, right])]
    assert grids[0] == grids[1]
    assert (grids[0].width_px, grids[0].height_px) == (2000, 850)
    assert grids[0].transform.c == pytest.approx(500000.1) and grids[0].transform.f == pytest.approx(5700015.2)


@pytest.mark.parametrize(
    "other",
    [
        scene(Affine(0.3, 0, 500000.25, 0, -0.3, 5700000.2)),  # half a pixel off
        scene(Affine(0.25, 0, 500000.1, 0, -0.25, 5700000.2), gsd_m=0.25),  # other size
        scene(Affine(0.3, 0, 500000.1, 0, 0.3, 5700000.2)),  # south-up
        scene(Affine(0.3, 0.01, 500000.1, 0.01, -0.3, 5700000.2)),  # rotated
        scene(Affine(0.3, 0, 500000.1, 0, -0.3, 5700000.2), crs="EPSG:25832"),  # other datum
    ],
)
def test_scenes_that_share_no_lattice_get_one_of_whole_multiples(other: Scene) -> None:
    for order in ((scene(), other), (other, scene())):
        grid = make(*order, gsd_m=0).grid
        t = grid.transform
        assert t.a == pytest.approx(min(0.3, other.gsd_m))
        assert t.c / t.a == pytest.approx(round(t.c / t.a), abs=1e-6)
        assert t.f / t.a == pytest.approx(round(t.f / t.a), abs=1e-6)


def test_one_scene_on_the_wrong_grid_is_resampled_to_the_metric_one() -> None:
    mercator = scene(Affine(0.45, 0, 1e6, 0, -0.45, 6.8e6), crs="EPSG:3857")
    feet = scene(Affine(1, 0, 635615, 0, -1, 853362), crs="EPSG:2994", gsd_m=0.3048)
    south_up = scene(Affine(0.3, 0, 500000.2, 0, 0.3, 5700000.2))
    oblong = scene(Affine(0.3, 0, 500000.2, 0, -0.31, 5700000.2))
    assert make(mercator, gsd_m=0).grid.crs == parse_crs("EPSG:32632")  # 8.98 degrees east
    assert make(feet, gsd_m=0).grid.crs == parse_crs("EPSG:32610")
    assert make(feet, gsd_m=0).grid.gsd_m == 0.3048
    for one in (south_up, oblong):
        assert make(one, gsd_m=0).grid.transform.c == pytest.approx(500000.1, abs=1e-6)
    assert make(scene(), crs="EPSG:3035", gsd_m=0).grid.crs == parse_crs("EPSG:3035")


def test_the_automatic_crs_is_the_utm_zone_of_the_centre() -> None:
    assert make(lonlat_scene(85.52, 27.63)).grid.crs.to_epsg() == 32645
    assert make(lonlat_scene(-46.6, -23.5)).grid.crs.to_epsg() == 32723
    # Scenes on either side of the antimeridian: Taveuni, Fiji; the middle lies just east of it.
    west, east = lonlat_scene(179.98, -16.8), lonlat_scene(-179.97, -16.8, path="b.tif")
    region = make(west, east)
    assert region.grid.crs.to_epsg() == 32701
    assert region.grid.width_px * 0.3 < 10_000


def test_a_grid_of_whole_multiples_does_not_move_with_the_scenes() -> None:
    near = make(lonlat_scene(9.1, 52.0)).grid
    wide = make(lonlat_scene(9.1, 52.0), lonlat_scene(9.09, 52.005, path="b.tif")).grid
    shift = (near.transform.c - wide.transform.c) / 0.3
    assert shift > 1000 and shift == pytest.approx(round(shift), abs=1e-6)


def test_imagery_far_coarser_than_asked_for_is_refused() -> None:
    make(scene(Affine(1.2, 0, 5e5, 0, -1.2, 5.7e6), gsd_m=1.2006))
    with pytest.raises(SceneError, match=r"b.tif has pixels of 1.3 m, more than 4 x gsd_m=0.3"):
        make(scene(), scene(Affine(1.3, 0, 5e5, 0, -1.3, 5.7e6), gsd_m=1.3, path="b.tif"))


def test_regions_that_cannot_be_are_refused() -> None:
    with pytest.raises(SceneError, match="no scenes"):
        make()
    with pytest.raises(ConfigError, match="gsd_m=-1 is no pixel size"):
        make(scene(), gsd_m=-1)
    with pytest.raises(CRSError, match="EPSG:3857 stretches"):
        make(scene(), crs="EPSG:3857")
    with pytest.raises(CRSError, match="not measured in metres"):
        make(scene(), crs="EPSG:4326")
    with pytest.raises(ConfigError, match=r"come out .* % off .* split the region"):
        make(lonlat_scene(9.0, 10.0), lonlat_scene(23.0, 10.0, path="b.tif"))
    with pytest.raises(ConfigError, match="come out"):
        make(lonlat_scene(9.0, 52.0), crs="EPSG:3395")  # a Mercator that is not EPSG:3857


def square(x: float, y: float, size_m: float) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[shapely.box(x, y - size_m, x + size_m, y)], crs=UTM)


def test_the_grid_covers_what_both_aoi_and_scenes_cover() -> None:
    region = make(scene(), aoi=square(500030.0, 5699990.0, 30.0))
    assert (region.grid.width_px, region.grid.height_px) == (101, 100)  # 99.67 to 199.67 px, 34 to 134 px
    beyond = make(scene(), aoi=square(499990.0, 5700010.0, 40.0).to_crs("EPSG:4326"))
    assert beyond.grid.bounds == pytest.approx((500000.1, 5699969.9, 500030.1, 5700000.2), abs=0.31)


def test_an_aoi_elsewhere_or_without_area_is_refused() -> None:
    with pytest.raises(ConfigError, match="touches none of the scenes"):
        make(scene(), aoi=square(600000.0, 5699990.0, 30.0))
    with pytest.raises(ConfigError, match="no area"):
        make(scene(), aoi=gpd.GeoDataFrame(geometry=[shapely.Point(500010, 5699990)], crs=UTM))
    with pytest.raises(ConfigError, match="no CRS"):
        make(scene(), aoi=gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]))


def test_tiles_know_their_scenes_in_order_of_priority() -> None:
    right = scene(Affine(0.3, 0, 500000.1 + 0.3 * 1000, 0, -0.3, 5700000.2), path="r.tif")
    region = make(right, scene())
    every = list(tiles(region.grid))
    places = [(tile.row, tile.col) for tile in every]
    found = dict(zip(places, covering_scenes(region, [tile.bounds for tile in every]), strict=True))
    assert found[0, 0] == (1,)
    assert found[0, 5] == (0, 1)  # px 960 to 1216
    assert found[0, 6] == (0,)
    assert covering_scenes(region, []) == ()


def test_tiles_that_nothing_touches_are_skipped_and_all_others_kept() -> None:
    far = scene(Affine(0.3, 0, 500000.1 + 0.3 * 9000, 0, -0.3, 5700000.2 - 0.3 * 7000), path="far.tif")
    region = make(scene(), far)
    everything = list(tiles(region.grid))
    touched = [
        t
        for t, found in zip(everything, covering_scenes(region, [t.bounds for t in everything]), strict=True)
        if found
    ]
    assert list(covered_tiles(region)) == touched
    assert 30 < len(touched) < len(everything) / 20


def test_tiles_outside_the_aoi_are_skipped() -> None:
    corner_to_corner = gpd.GeoDataFrame(
        geometry=[shapely.LineString([(500000, 5700000), (500300, 5699760)]).buffer(1)], crs=UTM
    )
    region = make(scene(), aoi=corner_to_corner)
    found = covered_tiles(region)
    assert 0 < len(found) < region.grid.n_rows * region.grid.n_cols
    assert all(shapely.box(*tile.bounds).intersects(region.aoi) for tile in found)
    in_blocks = [tile for block in covered_blocks(region, 2) for tile in block.tiles]
    assert sorted((t.row, t.col) for t in in_blocks) == [(t.row, t.col) for t in found]


def test_blocks_know_the_scenes_that_their_tiles_touch() -> None:
    right = scene(Affine(0.3, 0, 500000.1 + 0.3 * 1000, 0, -0.3, 5700000.2), path="r.tif")
    region = make(right, scene())
    for block in covered_blocks(region, 2):
        each = covering_scenes(region, [tile.bounds for tile in block.tiles])
        assert block.scenes == tuple(sorted({index for found in each for index in found}))
    assert {block.scenes for block in covered_blocks(region, 2)} == {(1,), (0, 1), (0,)}


def test_many_tiles_are_planned_as_numbers_and_too_many_are_refused(monkeypatch) -> None:
    import tracemalloc

    region = make(scene(width=192 * 1000, height=192 * 100, gsd_m=0.3))
    tracemalloc.start()
    found = covered_blocks(region, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    n_tiles = sum(len(block.numbers) for block in found)
    assert n_tiles == region.grid.n_rows * region.grid.n_cols == 100 * 1000
    assert peak < 500 * n_tiles
    monkeypatch.setattr("tiling.cover.MAX_TILES", n_tiles - 1)
    with pytest.raises(ConfigError, match="100000 tiles, more than 99999; name a smaller aoi"):
        covered_blocks(region, 8)


def test_regions_travel_by_pickle() -> None:
    region = make(scene(), aoi=square(500030.0, 5699990.0, 30.0))
    assert pickle.loads(pickle.dumps(region)) == region  # noqa: S301
