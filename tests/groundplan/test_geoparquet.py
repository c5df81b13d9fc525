import json
from pathlib import Path

import geopandas as gpd
import pyarrow.parquet as pq
import pytest
import shapely

from groundplan.geoparquet import parquet_writer, write_parquet
from groundplan.vector import read_vector


@pytest.fixture
def frame() -> gpd.GeoDataFrame:
    clockwise = shapely.Polygon([(9.5, 47.1), (9.5, 47.2), (9.6, 47.2), (9.6, 47.1)])
    columns = {"key": ["a"], "tags": [{"k": "ü & <b>"}], "nan": [float("nan")], "list": [["x", 1]]}
    return gpd.GeoDataFrame(columns, geometry=[clockwise], crs=4326)


def test_parquet_gives_lists_and_dicts_back(frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    write_parquet(frame, tmp_path / "a.parquet")
    back = read_vector(tmp_path / "a.parquet")
    assert back["tags"].iloc[0] == {"k": "ü & <b>"} and back["list"].iloc[0] == ["x", 1]
    first = (tmp_path / "a.parquet").read_bytes()
    write_parquet(frame, tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == first


def test_frames_one_after_the_other_are_one_geoparquet_file(frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    far = gpd.GeoDataFrame(
        {"key": ["b"], "tags": [{}], "nan": [1.0], "list": [[]]}, geometry=[shapely.Point(20, 5)], crs=4326
    )
    with parquet_writer(tmp_path / "a.parquet") as write:
        for some in (frame, far, frame.iloc[:0]):
            write(some)
    back = read_vector(tmp_path / "a.parquet")
    assert back["key"].tolist() == ["a", "b"] and back["tags"].tolist() == [{"k": "ü & <b>"}, {}]
    assert back.crs == frame.crs and back.geometry.iloc[1].equals(far.geometry.iloc[0])
    about = json.loads(pq.read_metadata(tmp_path / "a.parquet").metadata[b"geo"])["columns"]["geometry"]
    assert about["geometry_types"] == ["Point", "Polygon"] and about["bbox"] == [9.5, 5.0, 20.0, 47.2]
    write_parquet(frame.iloc[:0], tmp_path / "none.parquet")
    assert len(read_vector(tmp_path / "none.parquet")) == 0


def test_a_file_without_any_frame_is_refused_and_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frame"), parquet_writer(tmp_path / "a.parquet"):
        pass
    assert list(tmp_path.iterdir()) == []
