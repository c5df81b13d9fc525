"""A region merged in strips: the same files whatever is taken at once, and no more in memory than a strip."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import affinity

import pipeline.gather
import pipeline.merge
import pipeline.merge_batches
from groundplan.errors import ClusterError, ConfigError, CRSMismatchError, SchemaError
from groundplan.geojson import write_geojson
from groundplan.geoparquet import write_parquet
from groundplan.schema import PARTS, empty_frame
from groundplan.vector import read_vector
from pipeline.executor import Failure
from pipeline.gather import _read_plain, list_parts, parts_batches, read_parts_file
from pipeline.merge import COARSE_TILES_NAME, TILES_NAME, merge, write_tiles
from pipeline.merge_batches import merged_batches
from pipeline.merge_options import CoarsePass, MergeOptions

CRS = "EPSG:32633"
TILE_M, STEP_M = 120.0, 90.0
FILES = ("features.parquet", "features.geojson")
OPTIONS = MergeOptions(coarse=CoarsePass(labels=("running_track",), gsd_m=0.9))


def town(seed: int, *, rows: int, cols: int = 3) -> tuple[np.ndarray, list[str]]:
    """Return outlines of buildings in rows and alone, courts among them, and a track; and their labels."""
    rng = np.random.default_rng(seed)
    shapes, labels = [], []
    for y in np.arange(12.0, rows * STEP_M, 26.0):
        x = 10.0
        while x < cols * STEP_M:
            wide, deep = rng.uniform(6, 16), rng.uniform(7, 14)
            house = shapely.box(x, y, x + wide, y + deep)
            court = rng.random() < 0.1
            shapes.append(affinity.rotate(house, rng.uniform(-4, 4)))
            labels.append("tennis_court" if court else "building")
            x += wide + (0.3 if rng.random() < 0.5 else rng.uniform(2, 20))
    shapes.append(shapely.LineString([(60, 130), (150, 130)]).buffer(30).exterior.buffer(6))
    labels.append("running_track")
    return np.array(shapes, dtype=object), labels


def seen(shapes: np.ndarray, labels: list[str], *, left: float, bottom: float, side: float, seed: int) -> list:
    """Return the rows of PARTS of one tile: outlines a little off, as each tile draws them anew."""
    rng = np.random.default_rng([seed, int(left), int(bottom)])
    tile = shapely.box(left, bottom, left + side, bottom + side)
    out = []
    for place in shapely.STRtree(shapes).query(tile, predicate="intersects"):
        drawn = affinity.translate(shapes[place], *rng.normal(0, 0.1, 2)).intersection(tile)
        if drawn.geom_type == "Polygon" and drawn.area > 3:
            score = round(float(rng.uniform(0.5, 1)), 3)
            out.append((labels[place], score, left, bottom, left + side, bottom + side, "", drawn))
    return out


def write_region(folder: Path, seed: int, *, rows: int, cols: int = 3) -> None:
    shapes, labels = town(seed, rows=rows, cols=cols)
    (folder / "parts").mkdir(parents=True)
    fine = [place for place, label in enumerate(labels) if label != "running_track"]
    tiles = []
    for row in range(rows):
        found = []
        for col in range(cols):
            left, bottom = col * STEP_M, (rows - 1 - row) * STEP_M
            tiles.append((left, bottom, left + TILE_M, bottom + TILE_M))
            found += seen(
                shapes[fine], [labels[k] for k in fine], left=left, bottom=bottom, side=TILE_M, seed=seed
            )
        write_rows(folder / "parts" / f"{row:05d}.parquet", found)
    write_tiles(folder / TILES_NAME, np.array(tiles))
    write_rows(
        folder / "parts" / "coarse.parquet",
        seen(shapes[-1:], labels[-1:], left=0.0, bottom=0.0, side=400.0, seed=seed),
    )
    write_tiles(folder / COARSE_TILES_NAME, np.array([(0.0, 0.0, 400.0, 400.0)]))


def write_rows(path: Path, rows: list) -> None:
    if not rows:
        write_parquet(empty_frame(PARTS, crs=CRS), path)
        return
    *columns, geometry = zip(*rows, strict=True)
    frame = gpd.GeoDataFrame(dict(zip(PARTS, columns, strict=True)), geometry=list(geometry), crs=CRS)
    write_parquet(frame, path)


@pytest.mark.parametrize("seed", [1, 2])
def test_how_many_parts_are_taken_at_once_changes_no_byte(tmp_path: Path, seed: int) -> None:
    write_region(tmp_path, seed, rows=7, cols=2)
    merge(tmp_path, OPTIONS)
    whole = [(tmp_path / name).read_bytes() for name in FILES]
    for at_once in (1, 80):
        merge(tmp_path, OPTIONS, parts_at_once=at_once)
        assert [(tmp_path / name).read_bytes() for name in FILES] == whole
    labels = read_vector(tmp_path / FILES[0])["label"]
    assert (labels == "running_track").sum() == 1 and len(labels) > 50


def test_workers_merge_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_region(tmp_path, 3, rows=6, cols=2)
    merge(tmp_path, OPTIONS)
    whole = [(tmp_path / name).read_bytes() for name in FILES]
    monkeypatch.setattr(pipeline.merge, "WORTH_WORKERS", 1)
    merge(tmp_path, OPTIONS, workers=2, parts_at_once=50)
    assert [(tmp_path / name).read_bytes() for name in FILES] == whole


def test_a_batch_that_no_worker_could_merge_is_told_of_and_not_tried_here(tmp_path: Path) -> None:
    class Dying:
        def run(self, function, tasks):
            for number, task in enumerate(tasks):
                yield task, Failure(error="KilledWorker") if number else function(task)

    write_region(tmp_path, 3, rows=6, cols=1)
    batches = parts_batches(list_parts(tmp_path / "parts"), at_once=30)
    with pytest.raises(ClusterError, match=r"ended every worker that tried \(KilledWorker\).*--workers 0"):
        merged_batches(Dying(), batches, tiles=(None, None), options=OPTIONS)


def test_a_worker_with_other_code_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_region(tmp_path, 3, rows=2, cols=1)
    monkeypatch.setattr(pipeline.merge_batches, "stage_code", lambda _: "another")
    with pytest.raises(ConfigError, match="another version of groundplan"):
        merge(tmp_path, OPTIONS)


def test_own_files_are_read_as_any_reader_does(tmp_path: Path) -> None:
    write_region(tmp_path, 3, rows=2, cols=1)
    for file in list_parts(tmp_path / "parts"):
        assert _read_plain(file.path) is not None
        fast, slow = read_parts_file(file.path), read_vector(file.path)
        assert fast.equals(slow) and fast.crs.to_json() == slow.crs.to_json()
        assert (fast.dtypes == slow.dtypes).all() and file.rows == len(slow)


def test_a_strip_is_in_memory_and_not_the_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[int] = []
    batches = pipeline.gather._batches

    def spy(parts: gpd.GeoDataFrame, **given: float) -> np.ndarray:
        together.append(len(parts))
        return batches(parts, **given)

    monkeypatch.setattr(pipeline.gather, "_batches", spy)
    most, count = {}, {}
    for rows in (6, 24):
        folder = tmp_path / str(rows)
        write_region(folder, 5, rows=rows, cols=1)
        together.clear()
        count[rows] = sum(len(each) for each in parts_batches(list_parts(folder / "parts"), at_once=1))
        most[rows] = max(together)
    # Four times as many parts, the same town: what is in memory together does not grow with it.
    assert count[24] > 3 * count[6] and most[24] < 1.5 * most[6] < count[6]


def test_batches_have_nothing_to_do_with_each_other(tmp_path: Path) -> None:
    write_region(tmp_path, 4, rows=8, cols=2)
    batches = list(parts_batches(list_parts(tmp_path / "parts"), at_once=1))
    for place, one in enumerate(batches):
        for other in batches[place + 1 :]:
            tree = shapely.STRtree(one.geometry.to_numpy())
            assert len(tree.query(other.geometry.to_numpy(), predicate="dwithin", distance=1.0)[0]) == 0


def test_without_the_kept_tiles_those_that_found_something_count(tmp_path: Path) -> None:
    write_region(tmp_path, 6, rows=5, cols=1)
    for name in (TILES_NAME, COARSE_TILES_NAME):
        (tmp_path / name).unlink()
    merge(tmp_path, OPTIONS)
    whole = (tmp_path / FILES[0]).read_bytes()
    merge(tmp_path, OPTIONS, parts_at_once=1)
    assert (tmp_path / FILES[0]).read_bytes() == whole
    cut = read_vector(tmp_path / FILES[0])
    assert (cut["cut"] == "").mean() > 0.8


def test_parts_of_others_in_geojson_go_first_and_count(tmp_path: Path) -> None:
    write_region(tmp_path, 7, rows=6, cols=1)
    merge(tmp_path, OPTIONS)
    before = len(read_vector(tmp_path / FILES[0]))
    parts = tmp_path / "parts"
    south = read_vector(parts / "00005.parquet")
    (parts / "00005.parquet").unlink()
    write_geojson(south.assign(number=range(len(south))), parts / "a.geojson", id_column="number")
    with pytest.raises(CRSMismatchError, match="write all in one"):
        merge(tmp_path, OPTIONS, parts_at_once=1)
    (parts / "a.geojson").unlink()
    # GeoPackage of the same parts, read as they are: nothing is lost by reading in another order.
    write_parquet(south.iloc[::-1], parts / "zz.parquet")
    merge(tmp_path, OPTIONS, parts_at_once=1)
    assert len(read_vector(tmp_path / FILES[0])) == before


def test_a_tile_that_saw_over_a_border_decides_wherever_its_other_findings_are(tmp_path: Path) -> None:
    # Two tiles that meet at y = 100 each found half of something; a third saw the place and found only a house far
    # away: whether that house is merged in the same batch must not matter.
    (tmp_path / "parts").mkdir()
    upper, lower, far = shapely.box(20, 100, 40, 112), shapely.box(20, 88, 40, 100), shapely.box(80, 60, 90, 70)
    rows = [
        ("building", 0.9, 0.0, 100.0, 100.0, 200.0, "", upper),
        ("building", 0.8, 0.0, 0.0, 100.0, 100.0, "", lower),
        ("building", 0.7, 0.0, 50.0, 100.0, 150.0, "", far),
    ]
    for tiles in (2, 3):
        for at_once in (1, 100):
            for number, row in enumerate(rows[:tiles]):
                write_rows(tmp_path / "parts" / f"{number}.parquet", [row])
            merge(tmp_path, MergeOptions(), parts_at_once=at_once)
            found = sorted(read_vector(tmp_path / FILES[0])["n_parts"])
            assert found == ([2] if tiles == 2 else [1, 1, 1])


def test_shapes_that_meet_over_a_gap_are_kept_apart_whichever_batch_they_are_in(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    house = shapely.Polygon([(20, 20), (50, 20), (50, 45), (40, 50), (20, 50)])
    other = affinity.translate(affinity.rotate(house, 180, origin=(35, 35)), 28, 28)
    for number, shape in enumerate((house, other)):
        write_rows(
            tmp_path / "parts" / f"{number}.parquet", [("building", 0.9, 0.0, 0.0, 100.0, 100.0, "", shape)]
        )
    written = []
    for at_once in (1, 100):
        found = merge(tmp_path, MergeOptions(), parts_at_once=at_once)
        assert sorted(found["shape"]) == ["clipped", "rectangle"]
        assert found.geometry[0].intersection(found.geometry[1]).area < 1e-3
        written.append([(tmp_path / name).read_bytes() for name in FILES])
    assert written[0] == written[1]


def test_empty_files_and_damaged_ones(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    with pytest.raises(SchemaError, match="no parts"):
        list_parts(parts)
    write_rows(parts / "0.parquet", [])
    assert len(merge(tmp_path, OPTIONS)) == 0
    (parts / "1.parquet").write_bytes(b"PAR1 is not all")
    with pytest.raises(SchemaError, match=r"cannot read .*1\.parquet"):
        merge(tmp_path, OPTIONS)
