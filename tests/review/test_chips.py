import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from groundplan.errors import ConfigError, CRSError, DataError
from review.chips import ChipOptions, ground_point, plan_chips, write_chip

UTM = "EPSG:32632"


def frame(*shapes):
    return gpd.GeoDataFrame({"change_id": [f"c-{i}" for i in range(len(shapes))]}, geometry=list(shapes), crs=UTM)


def ground(plan):
    left, top = ground_point(plan.transform, 0, 0)
    right, bottom = ground_point(plan.transform, plan.width_px, plan.height_px)
    return shapely.box(left, bottom, right, top)


def test_a_small_footprint_gets_the_least_square_around_its_centre():
    (plan,) = plan_chips(frame(shapely.box(500000, 5200000, 500010, 5200010)), crs=UTM)
    assert (plan.width_px, plan.height_px) == (200, 200)
    assert ground(plan).bounds == pytest.approx((499975, 5199975, 500035, 5200035))


def test_a_large_footprint_is_shown_coarser_not_cut():
    (plan,) = plan_chips(frame(shapely.box(500000, 5200000, 500400, 5200100)), crs=UTM)
    assert plan.width_px == 512
    assert ground(plan).buffer(0.02).contains(shapely.box(499985, 5199985, 500415, 5200115))


@settings(max_examples=40)
@given(
    st.floats(1, 900), st.floats(1, 900), st.floats(0.05, 2.0), st.floats(0, 40), st.integers(16, 600),
    st.floats(-20, 20), st.floats(-20, 20),
)  # fmt: skip
def test_every_chip_shows_the_footprint_where_the_imagery_has_it_and_the_margin(
    w, h, gsd, margin, side, east, north
):
    options = ChipOptions(gsd_m=gsd, margin_m=margin, max_side_px=side)
    box = shapely.box(500000, 5200000, 500000 + w, 5200000 + h)
    (plan,) = plan_chips(frame(box), crs=UTM, offset_m=(east, north), options=options)
    moved = shapely.box(500000 + east - margin, 5200000 + north - margin, *(
        500000 + w + east + margin, 5200000 + h + north + margin,
    ))  # fmt: skip
    assert ground(plan).buffer(0.02, join_style="mitre").contains(moved)
    assert plan.width_px == plan.height_px <= side
    assert plan.transform.a >= gsd


def test_rows_without_geometry_get_no_chip_and_no_rows_no_chips():
    assert plan_chips(frame(), crs=UTM) == []
    plans = plan_chips(frame(None, shapely.Point(500000, 5200000)), crs=UTM)
    assert [plan.change_id for plan in plans] == ["c-1"]


def test_a_chip_needs_a_metric_crs_and_lengths_above_zero():
    with pytest.raises(CRSError, match="not measured in metres"):
        plan_chips(frame(), crs="EPSG:4326")
    with pytest.raises(ConfigError, match="above 0"):
        plan_chips(frame(), crs=UTM, options=ChipOptions(gsd_m=0))


def test_a_png_keeps_the_pixels_and_shows_missing_imagery_grey(tmp_path):
    image = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
    valid = np.ones((4, 5), bool)
    valid[0, 0] = False
    write_chip(tmp_path / "a.png", image, valid=valid)
    read = np.asarray(Image.open(tmp_path / "a.png"))
    assert read[0, 0].tolist() == [128, 128, 128]
    assert (read[1:] == np.moveaxis(image, 0, 2)[1:]).all()


def test_a_jpeg_is_small_near_the_pixels_and_the_same_each_time(tmp_path):
    rows, columns = np.mgrid[0:64, 0:64]
    image = np.stack([rows * 3, columns * 3, rows + columns]).astype(np.uint8)
    for name in ("a.jpg", "b.jpg"):
        write_chip(tmp_path / name, image)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
    read = np.asarray(Image.open(tmp_path / "a.jpg"), int)
    assert np.abs(read - np.moveaxis(image, 0, 2)).mean() < 4


@pytest.mark.parametrize(
    ("image", "valid", "match"),
    [
        (np.zeros((4, 4, 3), np.uint8), None, "uint8 \\(3, rows, columns\\)"),
        (np.zeros((3, 4, 4), np.float32), None, "dtype float32"),
        (np.zeros((3, 0, 4), np.uint8), None, "shape \\(3, 0, 4\\)"),
        (np.zeros((3, 4, 4), np.uint8), np.ones((4, 5), bool), "give bool \\(4, 4\\)"),
    ],
)
def test_pixels_of_another_form_are_refused(tmp_path, image, valid, match):
    with pytest.raises(DataError, match=match):
        write_chip(tmp_path / "a.png", image, valid=valid)
    assert list(tmp_path.iterdir()) == []


def test_a_chip_of_another_format_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"ends in '\.tif'"):
        write_chip(tmp_path / "a.tif", np.zeros((3, 4, 4), np.uint8))
