from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from groundplan.errors import SchemaError
from groundplan.schema import FEATURES, check_features, empty_frame, feature_ids
from groundplan.vector import read_vector, same_crs


@pytest.fixture
def frame() -> gpd.GeoDataFrame:
    clockwise = shapely.Polygon([(9.5, 47.1), (9.5, 47.2), (9.6, 47.2), (9.6, 47.1)])
    columns = {"key": ["a"], "tags": [{"k": "ü & <b>"}], "nan": [float("nan")], "list": [["x", 1]]}
    return gpd.GeoDataFrame(columns, geometry=[clockwise], crs=4326)


@pytest.mark.parametrize("name", ["missing.geojson", "broken.parquet", "broken.geojson"])
def test_what_is_no_vector_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"PAR1 not really")
    with pytest.raises(SchemaError) as caught:
        read_vector(tmp_path / name)
    assert "\n" not in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.parquet"])
@pytest.mark.parametrize("text", ["[todo]", "{see below}", "[" * 100_000 + "]" * 100_000])
def test_texts_that_only_look_like_json_stay_texts(
    tmp_path: Path, frame: gpd.GeoDataFrame, name: str, text: str
) -> None:
    given = frame[["geometry"]].assign(note=text)
    given.to_parquet(tmp_path / name) if name.endswith("parquet") else given.to_file(tmp_path / name)
    assert read_vector(tmp_path / name)["note"].to_list() == [text]


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
