import geopandas as gpd
import numpy as np
import pytest
import shapely

from groundplan.errors import SchemaError
from osm.ids import change_ids
from osm.normalise import normalise


def frame(shapes, *, crs="EPSG:32632", **columns):
    return gpd.GeoDataFrame({"label": ["building"] * len(shapes), **columns}, geometry=list(shapes), crs=crs)


def square(x=540_000.0, y=5_223_000.0, side=10.0):
    return shapely.box(x, y, x + side, y + side)


def test_a_label_and_a_polygon_are_enough():
    out = normalise(frame([square()]))
    row = out.features.iloc[0]
    assert (row.score, row["shape"], row.n_parts, row.cut) == (1.0, "free", 1, "")
    assert row.area_m2 == 100.0
    assert row.feature_id.startswith("f-")
    assert set(out.counts.values()) == {0}


@pytest.mark.parametrize("lat", [0.0, 52.0, 65.0])
def test_degrees_and_web_mercator_are_measured_in_the_utm_zone(lat):
    half = 50 / 111_320
    wide = half / np.cos(np.radians(lat))
    shape = shapely.box(9 - wide, lat - half, 9 + wide, lat + half)
    degrees = frame([shape], crs="EPSG:4326")
    for given in (degrees, degrees.to_crs(3857)):
        out = normalise(given).features
        assert out.crs.to_epsg() == 32632
        assert out["area_m2"].iloc[0] == pytest.approx(10_000, rel=0.01)


def test_a_metric_crs_that_distorts_is_not_measured_in():
    far = frame([shapely.box(9, 60, 9.001, 60.001)], crs="EPSG:4326").to_crs("ESRI:54034")
    assert normalise(far).features.crs.to_epsg() == 32632


def test_multipolygons_are_split_and_each_part_has_its_own_id():
    both = shapely.MultiPolygon([square(), square(540_100)])
    out = normalise(frame([both], score=[0.7], feature_id=["f-1"]))
    assert out.counts["split"] == 1
    assert out.features["score"].to_list() == [0.7, 0.7]
    assert out.features["feature_id"].nunique() == 2


def test_spikes_and_bow_ties_are_repaired_and_what_has_no_area_is_left_out():
    spike = shapely.Polygon([(0, 0), (10, 0), (10, 5), (30, 5), (10, 5), (10, 10), (0, 10)])
    bow = shapely.Polygon([(100, 0), (110, 10), (110, 0), (100, 10)])
    line = shapely.LineString([(0, 0), (1, 1)])
    flat = shapely.Polygon([(0, 0), (1, 0), (2, 0)])
    shapes = [shapely.affinity.translate(each, 540_000, 5_223_000) for each in (spike, bow, line, flat)]
    out = normalise(frame([*shapes, None, shapely.Polygon()]))
    assert shapely.is_valid(out.features.geometry.to_numpy()).all()
    assert sorted(out.features["area_m2"].round(3)) == [25.0, 25.0, 100.0]
    assert out.counts["not_polygons"] == 3
    assert out.counts["repaired"] >= 2


@pytest.mark.parametrize("width", [0.004, 0.02])
def test_slivers_that_vanish_on_the_grid_of_osm_are_left_out_and_counted(width):
    x, y = 540_000.0, 5_223_000.0
    slivers = [shapely.box(x + 40 * k + k / 997, y, x + 40 * k + k / 997 + width, y + 3) for k in range(1, 20)]
    out = normalise(frame([square(), *slivers]))
    assert (len(out.features), out.counts["degenerate"]) == (1, 19)
    wide = normalise(frame([shapely.box(x, y, x + 0.05, y + 3)])).features
    assert len(change_ids(wide["label"].to_numpy(), wide.geometry.to_numpy(), crs=wide.crs, imagery_id="")) == 1


def test_equal_polygons_of_one_label_keep_the_best_score():
    out = normalise(frame([square(), square(), square()], score=[0.5, 0.9, 0.7]))
    assert out.features["score"].to_list() == [0.9]
    assert out.counts["duplicates"] == 2


def test_the_order_of_the_input_does_not_matter():
    shapes = [square(540_000 + 20 * k) for k in range(6)]
    one = normalise(frame(shapes, score=np.linspace(0.1, 0.9, 6))).features
    other = normalise(frame(shapes[::-1], score=np.linspace(0.1, 0.9, 6)[::-1])).features
    assert one.to_wkb().equals(other.to_wkb())


def test_three_dimensions_become_two():
    out = normalise(frame([shapely.force_3d(square(), 4.0)]))
    assert not shapely.has_z(out.features.geometry.iloc[0])


def test_the_180th_meridian_keeps_one_side_of_it():
    shapes = [shapely.box(179.999, 10, 179.9995, 10.001), shapely.box(-179.9995, 10, -179.999, 10.001)]
    areas = normalise(frame(shapes, crs="EPSG:4326")).features["area_m2"]
    assert areas.max() == pytest.approx(areas.min(), rel=0.01)


def test_no_features_stay_no_features():
    assert normalise(frame([])).features.empty


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (gpd.GeoDataFrame({"kind": ["a"]}, geometry=[square()], crs="EPSG:32632"), "no column label"),
        (gpd.GeoDataFrame({"label": ["building"]}, geometry=[square()]), "no CRS"),
        (
            gpd.GeoDataFrame({"label": ["bulding"]}, geometry=[square()], crs="EPSG:32632"),
            "did you mean 'building'",
        ),
        (frame([square()], score=[1.7]), "scores are 0..1"),
        (frame([square()], crs="EPSG:4326"), "no longitudes"),
        (
            frame([shapely.box(lon, 47, lon + 0.001, 47.001) for lon in (-10, 9, 28)], crs="EPSG:4326"),
            r"from -10.00, 47.00 to 28.00, 47.00: no one UTM zone measures",
        ),
    ],
)
def test_frames_that_cannot_be_used_are_refused(bad, message):
    with pytest.raises(SchemaError, match=message):
        normalise(bad)
