"""Buildings whose shapes reach over each other although their outlines lie apart."""

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from shapely import affinity

from groundplan.schema import check_features, feature_ids
from postprocess.apart import buildings_apart
from postprocess.options import ShapeOptions
from postprocess.shapes import fit_shapes

OPTIONS = ShapeOptions()


def features(*polygons, label="building"):
    return check_features(
        gpd.GeoDataFrame(
            {
                "feature_id": feature_ids([label] * len(polygons), list(polygons)),
                "label": label,
                "score": 0.9,
                "area_m2": [polygon.area for polygon in polygons],
                "shape": "free",
                "shape_residual": 0.0,
                "n_parts": 1,
                "cut": "",
            },
            geometry=list(polygons),
            crs="EPSG:32632",
        )
    )


def cornerless(*, turned, x=0.0, y=0.0):
    """A house of 30 m that lacks its upper right corner, or turned, its lower left one."""
    house = shapely.Polygon([(0, 0), (30, 0), (30, 25), (20, 30), (0, 30)])
    if turned:
        house = affinity.rotate(house, 180, origin=(15, 15))
    return affinity.translate(house, 500_000 + x, 5_000_000 + y)


def overlap_m2(frame):
    return frame.geometry.iloc[0].intersection(frame.geometry.iloc[1]).area


def test_corners_that_meet_in_the_open_are_cut_once_all_are_fitted():
    one, other = cornerless(turned=False), cornerless(turned=True, x=28, y=28)
    assert one.distance(other) > 5
    alone = fit_shapes(features(one, other))
    assert list(alone["shape"]) == ["rectangle", "rectangle"] and overlap_m2(alone) > 1
    apart = buildings_apart(alone, options=OPTIONS)
    assert overlap_m2(apart) == pytest.approx(0, abs=1e-3)
    assert sorted(apart["shape"]) == ["clipped", "rectangle"]
    assert list(apart["feature_id"]) == sorted(feature_ids(apart["label"], apart.geometry))
    assert list(apart["area_m2"]) == pytest.approx(apart.geometry.area)


def test_free_outlines_give_way_and_what_is_lost_has_a_limit():
    fitted = features(shapely.box(0, 0, 20, 20)).assign(shape="rectangle", shape_residual=0.4)
    wide = shapely.box(19, -1, 40, 21)
    both = together(fitted, features(wide))
    apart = buildings_apart(both, options=OPTIONS)
    assert sorted(apart.geometry.area.round(6)) == [400, 442]
    assert list(apart["shape"]) == list(both.sort_values("feature_id")["shape"])  # a free one stays free
    far_in = together(fitted, features(shapely.box(14, -1, 40, 21)))
    assert buildings_apart(far_in, options=OPTIONS) is far_in


def test_other_labels_and_buildings_apart_stay_as_they_are():
    frame = together(
        features(shapely.box(0, 0, 20, 20)),
        features(shapely.box(19, 0, 40, 20), label="tennis_court"),
        features(shapely.box(60, 0, 80, 20)),
    )
    assert buildings_apart(frame, options=OPTIONS) is frame
    assert buildings_apart(frame[:0], options=OPTIONS).empty


def together(*frames):
    joined = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs="EPSG:32632")
    return check_features(joined.sort_values("feature_id", ignore_index=True))
