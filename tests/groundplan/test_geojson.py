import json
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from groundplan import geojson
from groundplan.geojson import geojson_text, geojson_writer, write_geojson
from groundplan.geoparquet import parquet_writer
from groundplan.schema import FEATURES, empty_frame
from groundplan.vector import read_vector


@pytest.fixture
def frame() -> gpd.GeoDataFrame:
    clockwise = shapely.Polygon([(9.5, 47.1), (9.5, 47.2), (9.6, 47.2), (9.6, 47.1)])
    columns = {"key": ["a"], "tags": [{"k": "ü & <b>"}], "nan": [float("nan")], "list": [["x", 1]]}
    return gpd.GeoDataFrame(columns, geometry=[clockwise], crs=4326)


def test_geojson_is_counter_clockwise_with_nan_as_null(frame: gpd.GeoDataFrame, tmp_path: Path) -> None:
    write_geojson(frame, tmp_path / "a.geojson", properties={"schema": "s"}, id_column="key")
    document = json.loads((tmp_path / "a.geojson").read_text())
    (feature,) = document["features"]
    assert document["properties"] == {"schema": "s"}
    assert feature["id"] == "a" and feature["properties"]["nan"] is None
    assert shapely.LinearRing(feature["geometry"]["coordinates"][0]).is_ccw
    assert len(read_vector(tmp_path / "a.geojson")) == 1


def test_many_features_are_written_piece_by_piece_as_one_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    hole = shapely.Polygon([(0, 0), (0, 9), (9, 9), (9, 0)], [[(1, 1), (2, 1), (2, 2.123456789)]])
    geometries = [hole, shapely.MultiPolygon([hole, shapely.box(20, 20, 21, 21)]), shapely.Point(1, 2), hole, None]
    frame = gpd.GeoDataFrame({"key": list("abcde"), "n": range(5)}, geometry=geometries, crs=4326)
    whole = geojson_text(frame, id_column="key")
    for rows in (1, 2, 5):
        monkeypatch.setattr(geojson, "ROWS_AT_ONCE", rows)
        assert geojson_text(frame, id_column="key") == whole
    features = json.loads(whole)["features"]
    assert [feature["id"] for feature in features] == list("abcde") and features[4]["geometry"] is None
    for feature, geometry in zip(features[:4], geometries[:4], strict=True):
        assert shapely.geometry.shape(feature["geometry"]).equals_exact(geometry, 1e-7, normalize=True)


@pytest.mark.parametrize("name", ["a.parquet", "a.geojson"])
def test_a_writer_that_is_broken_off_leaves_the_file_as_it_was(
    frame: gpd.GeoDataFrame, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("before")
    with (
        pytest.raises(RuntimeError, match="broken off"),
        parquet_writer(tmp_path / name)
        if name.endswith("parquet")
        else geojson_writer(tmp_path / name, id_column="key") as write,
    ):
        write(frame)
        raise RuntimeError("broken off")
    assert (tmp_path / name).read_text() == "before" and [path.name for path in tmp_path.iterdir()] == [name]


def test_an_empty_collection_is_valid_json() -> None:
    text = geojson_text(empty_frame(FEATURES, crs="EPSG:32632"), id_column="feature_id")
    assert json.loads(text)["features"] == []
