"""Where OSM matters to features, and that reading only that much of a file changes no decision."""

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely

from osm.diff import diff
from osm.normalise import normalise
from osm.read import read_osm
from osm.window import NOWHERE, meets, window_around


def spread(lon, lat, width_deg, crs):
    """Four small houses in the corners of a box of degrees."""
    corners = [(lon + a * width_deg, lat + b * width_deg / 2) for a in (0, 1) for b in (0, 1)]
    boxes = [shapely.box(x, y, x + 2e-4, y + 1e-4) for x, y in corners]
    frame = gpd.GeoDataFrame({"label": "building"}, geometry=boxes, index=range(4), crs="EPSG:4326")
    return frame.to_crs(crs)


@pytest.mark.parametrize(
    ("lon", "lat", "width_deg"), [(6.0, 60.0, 0.6), (9.0, 47.0, 1e-3), (179.99, -17.0, 5e-3), (20.0, 0.0, 0.1)]
)
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_what_is_read_over_would_have_changed_nothing(tmp_path, lon, lat, width_deg, crs):
    features = spread(lon, lat, width_deg, crs)
    rng = np.random.default_rng(7)
    west, south = lon - 2 * width_deg - 0.05, lat - width_deg - 0.05
    places = rng.uniform([west, south], [2 * lon - west + width_deg, 2 * lat - south + width_deg / 2], (300, 2))
    # On the other side of the 180th meridian longitudes begin anew.
    places[:, 0] = (places[:, 0] + 180) % 360 - 180
    opl = []
    for k, (x, y) in enumerate(places):
        ring = [(x, y), (x + 1e-4, y), (x + 1e-4, y + 1e-4), (x, y + 1e-4)]
        opl += [f"n{4 * k + j + 1} v1 x{min(a, 180.0):.7f} y{b:.7f}" for j, (a, b) in enumerate(ring)]
    for k in range(len(places)):
        refs = ",".join(f"n{4 * k + j + 1}" for j in (0, 1, 2, 3, 0))
        opl.append(f"w{k + 1} v1 Tbuilding=yes N{refs}")
    path = tmp_path / "around.opl"
    path.write_text("\n".join(opl) + "\n")
    whole = read_osm(path)
    part = read_osm(path, window=window_around(normalise(features).features))
    assert len(part.rows) < len(whole.rows) or lon > 179  # there the window goes around the globe
    reports = [diff(features, extract, out=tmp_path / "out") for extract in (whole, part, path)]
    assert json.dumps(reports[0]) == json.dumps(reports[1]) == json.dumps(reports[2])


def test_without_features_nothing_matters():
    assert window_around(spread(9.0, 47.0, 0.1, "EPSG:32632").iloc[:0]) == NOWHERE


def test_what_touches_a_window_meets_it():
    bounds = np.array([[0, 0, 1, 1], [1, 1, 2, 2], [2.1, 0, 3, 3], [np.nan] * 4])
    assert meets(bounds, (1, 1, 2, 2)).tolist() == [True, True, False, False]
    assert not meets(bounds, NOWHERE).any()
