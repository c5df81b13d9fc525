import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from groundplan import geojson
from groundplan.errors import SchemaError
from groundplan.geojson import GeoJSONWriter, geojson_text, write_geojson
from groundplan.geoparquet import ParquetWriter, write_parquet
from groundplan.schema import FEATURES, check_features, empty_frame, feature_ids
from groundplan.vector import read_vector, same_crs


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
    with ParquetWriter(tmp_path / "a.parquet") as out:
        for some in (frame, far, frame.iloc[:0]):
            out.write(some)
    back = read_vector(tmp_path / "a.parquet")
    assert back["key"].tolist() == ["a", "b"] and back["tags"].tolist() == [{"k": "ü & <b>"}, {}]
    assert back.crs == frame.crs and back.geometry.iloc[1].equals(far.geometry.iloc[0])
    about = json.loads(pq.read_metadata(tmp_path / "a.parquet").metadata[b"geo"])["columns"]["geometry"]
    assert about["geometry_types"] == ["Point", "Polygon"] and about["bbox"] == [9.5, 5.0, 20.0, 47.2]
    write_parquet(frame.iloc[:0], tmp_path / "none.parquet")
    assert len(read_vector(tmp_path / "none.parquet")) == 0


@pytest.mark.parametrize("name", ["a.parquet", "a.geojson"])
def test_a_writer_that_is_broken_off_leaves_the_file_as_it_was(
    frame: gpd.GeoDataFrame, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("before")
    with (
        pytest.raises(RuntimeError, match="broken off"),
        ParquetWriter(tmp_path / name)
        if name.endswith("parquet")
        else GeoJSONWriter(tmp_path / name, id_column="key") as out,
    ):
        out.write(frame)
        raise RuntimeError("broken off")
    assert (tmp_path / name).read_text() == "before" and [path.name for path in tmp_path.iterdir()] == [name]


def test_an_empty_collection_is_valid_json() -> None:
    text = geojson_text(empty_frame(FEATURES, crs="EPSG:32632"), id_column="feature_id")
    assert json.loads(text)["features"] == []


@pytest.mark.parametrize("name", ["missing.geojson", "broken.parquet", "broken.geojson"])
def test_what_is_no_vector_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"PAR1 not really")
    with pytest.raises(SchemaError) as caught:
        read_vector(tmp_path / name)
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_a_frame_without_crs_is_refused(frame: gpd.GeoDataFrame) -> None:
    with pytest.raises(SchemaError, match="no CRS"):
        same_crs(frame.set_crs(None, allow_override=True), "EPSG:32632")


def test_missing_columns_and_unknown_labels_are_named() -> None:
    good = empty_frame(FEATURES, crs="EPSG:32632")
    with pytest.raises(SchemaError, match="no column score"):
        check_features(good.drop(columns="score"))
    row = dict.fromkeys(FEATURES, 0) | {"label": "tenis_court", "feature_id": "f", "shape": "free", "cut": ""}
    bad = gpd.GeoDataFrame(pd.DataFrame([row]), geometry=[shapely.box(0, 0, 1, 1)], crs="EPSG:32632")
    with pytest.raises(SchemaError, match="did you mean 'tennis_court'"):
        check_features(bad)


def test_ids_depend_on_outline_and_label_and_not_on_the_first_vertex() -> None:
    square, turned = shapely.Polygon([(0, 0), (9, 0), (9, 9)]), shapely.Polygon([(9, 0), (9, 9), (0, 0)])
    ids = feature_ids(["a", "a", "b", "a"], [square, turned, square, shapely.box(0, 0, 9, 9)])
    assert ids[0] == ids[1] and len(set(ids)) == 3
